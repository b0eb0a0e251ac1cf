from __future__ import annotations

import numpy as np
import pytest

from mer_ros.corpora.conditions import (
    babble,
    in_room,
    pink_noise,
    resampled,
    rms,
    telephone,
    tilted,
    white_noise,
    with_noise,
)

RATE = 16_000


def tone(hz, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def share(sound, low, high):
    """Of the power between two frequencies."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    return power[(hz >= low) & (hz < high)].sum() / power.sum()


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0, 30.0])
@pytest.mark.parametrize("make", [white_noise, pink_noise])
def test_noise_is_as_loud_as_asked(snr_db, make):
    voice = tone(200)
    added = with_noise(voice, make(RATE, np.random.default_rng(1)), snr_db) - voice
    assert 20 * np.log10(rms(voice) / rms(added)) == pytest.approx(snr_db, abs=0.01)


def test_pink_noise_has_as_much_power_in_each_octave():
    noise = pink_noise(4 * RATE, np.random.default_rng(1))
    octaves = [share(noise, f, 2 * f) for f in (250, 500, 1000, 2000)]
    assert max(octaves) / min(octaves) < 1.3


def test_a_telephone_keeps_its_band():
    assert rms(telephone(tone(1000) + 0.01 * tone(6000))) == pytest.approx(rms(tone(1000)), rel=0.1)
    mixed = telephone(tone(1000) + tone(6000) + tone(60))
    assert share(mixed, 300, 3400) > 0.98


def test_a_room_rings_on_for_its_time():
    click = np.zeros(RATE)
    click[100] = 1.0
    heard = in_room(click, 0.4, 0.5, np.random.default_rng(1))
    assert heard[100] == pytest.approx(np.sqrt(0.5), abs=1e-6)
    assert np.square(heard).sum() == pytest.approx(1.0, abs=1e-6)
    early, late = rms(heard[200:1800]), rms(heard[3400:5000])  # 0.2 s apart: 30 dB
    assert 20 * np.log10(early / late) == pytest.approx(30, abs=2)
    assert not heard[100 + round(0.4 * RATE) :].round(6).any()


def test_speed_changes_pitch_and_length():
    faster = resampled(tone(400), 1.25)
    assert len(faster) == pytest.approx(RATE / 1.25, abs=2)
    assert share(faster, 490, 510) > 0.95


def test_a_tilt_turns_about_1_khz():
    for hz, gain_db in ((500, 3.0), (1000, 0.0), (2000, -3.0)):
        assert 20 * np.log10(rms(tilted(tone(hz), -3.0)) / rms(tone(hz))) == pytest.approx(gain_db, abs=0.05)


def test_voices_of_babble_are_equally_loud():
    mixed = babble(2 * RATE, [1e-3 * tone(300), 20 * tone(2000, 0.5)])
    assert len(mixed) == 2 * RATE
    assert share(mixed, 250, 350) == pytest.approx(0.5, abs=0.02)
