from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.audio.prosody import PROSODY_NAMES, prosody

RATE = 16_000


def named(sound):
    return dict(zip(PROSODY_NAMES, prosody(sound), strict=True))


def buzz(hz, seconds=1.0):
    """A pulse train with falling harmonics, as vocal folds make."""
    t = np.arange(round(seconds * RATE)) / RATE
    return sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, int(4000 // hz)))


@pytest.mark.parametrize("hz", [75, 120, 210, 330, 440])
def test_pitch_of_a_buzz(hz):
    found = named(buzz(hz))
    assert 100 * 2 ** found["pitch_mean"] == pytest.approx(hz, rel=0.01)
    assert found["pitch_deviation"] < 0.01
    assert found["voiced_share"] > 0.95
    assert found["strength_mean"] > 0.9


def test_noise_has_no_pitch():
    found = named(np.random.default_rng(1).standard_normal(RATE))
    assert found["voiced_share"] < 0.05
    assert found["seconds"] == 1.0


def test_pitch_that_rises():
    t = np.arange(RATE) / RATE
    phase = 2 * np.pi * 100 * (2**t - 1) / np.log(2)  # one octave in a second
    assert named(np.sin(phase) + 0.5 * np.sin(2 * phase))["pitch_slope"] == pytest.approx(1.0, abs=0.1)


def test_bursts_are_counted():
    gate = (np.arange(2 * RATE) // 3200) % 2 == 0  # five bursts of 0.2 s in 2 s
    found = named(buzz(150, 2.0) * gate + 1e-4 * np.random.default_rng(1).standard_normal(2 * RATE))
    assert found["voiced_stretches_a_second"] == pytest.approx(2.5, abs=0.6)
    assert found["pause_s"] == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize("gain", [1e-3, 0.1, 30_000.0])
def test_the_level_does_not_count(speech, gain):
    sound = speech[: 3 * RATE] / 32768
    np.testing.assert_allclose(prosody(sound * gain), prosody(sound), rtol=1e-3, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3000), st.sampled_from([0.0, 1e-30, 1.0, 32768.0]), st.integers(0, 9))
def test_any_sound_gives_finite_numbers(count, scale, seed):
    found = prosody(np.random.default_rng(seed).standard_normal(count) * scale)
    assert found.shape == (len(PROSODY_NAMES),)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
