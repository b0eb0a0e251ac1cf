from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.audio.features import FEATURE_NAMES, feature_matrix, short_term_features
from mer_ros.errors import InputError

REFERENCE = np.load(Path(__file__).with_name("feature_reference.npz"))
NAMES = sorted(key[: -len("_signal")] for key in REFERENCE.files if key.endswith("_signal"))


def assert_agrees(ours: np.ndarray, reference: np.ndarray) -> None:
    """Each value within 1e-5 of the reference's own size; 1e-9 for those that are zero but for rounding."""
    assert ours.shape == reference.shape
    np.testing.assert_allclose(ours, reference, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_stored_reference(name):
    assert_agrees(short_term_features(REFERENCE[f"{name}_signal"]), REFERENCE[f"{name}_features"])


@pytest.mark.parametrize("seconds", [0.2, 0.21, 1.0, 7.77, 30.0])
def test_reference_on_real_speech(speech, seconds):
    reference = pytest.importorskip("pyAudioAnalysis.ShortTermFeatures")
    signal = speech[40_000 : 40_000 + int(seconds * 16_000)]
    theirs, names = reference.feature_extraction(signal, 16_000, 3200, 1600, deltas=False)
    assert_agrees(short_term_features(signal), theirs.T)
    assert tuple(names) == FEATURE_NAMES
    first = theirs.T[:100]
    assert_agrees(feature_matrix(signal)[: len(first)].astype(float), first.astype(np.float32).astype(float))


@pytest.mark.parametrize(
    "signal",
    [
        np.zeros(0, np.int16),
        np.ones(1, np.int16),
        np.arange(1000, dtype=np.int16),
        np.zeros(16_000, np.int16),
        np.full(16_000, 1234, np.int16),
        np.full(16_000, -32768, np.int16),
        np.where(np.arange(16_000) // 40 % 2, 32767, -32768).astype(np.int16),
        np.eye(1, 16_000, 8_000, dtype=np.int16)[0],
        np.full(5000, 1e-300),
        np.full(5000, 0.1, np.float32),
    ],
    ids=["empty", "one sample", "short", "silence", "dc", "lowest", "clipped", "click", "tiny", "float dc"],
)
def test_odd_signals_give_finite_numbers(signal):
    features = short_term_features(signal)
    assert features.shape == (max(1, (len(signal) - 3200) // 1600 + 1), 34)
    assert np.isfinite(features).all()


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (np.array([0.0, np.nan]), "finite"),
        (np.array([0.0, np.inf]), "finite"),
        (np.zeros((100, 2), np.int16), "shape"),
        (np.zeros(100, np.int32), "int32"),
        (np.array(["a"]), "floating-point"),
    ],
)
def test_bad_input_is_refused(signal, words):
    with pytest.raises(InputError, match=words):
        short_term_features(signal)


def test_matrix_is_padded_with_zeros_and_cut_at_100_frames(speech):
    one_second = feature_matrix(speech[:16_000])
    assert one_second.shape == (100, 34)
    assert one_second.dtype == np.float32
    assert one_second[:9].any(axis=1).all()
    assert not one_second[9:].any()
    long = feature_matrix(speech)
    np.testing.assert_array_equal(long, short_term_features(speech)[:100].astype(np.float32))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 9), st.floats(0.01, 1.0), st.integers(2, 12))
def test_scale_and_offset_do_not_matter(seed, gain, frames):
    noise = np.random.default_rng(seed).uniform(-0.4, 0.4, 1600 * (frames + 1))
    np.testing.assert_allclose(
        short_term_features(gain * noise + 0.1), short_term_features(noise), rtol=1e-6, atol=1e-8
    )


def test_int16_and_float_agree(speech):
    part = speech[:32_000]
    np.testing.assert_allclose(short_term_features(part), short_term_features(part / 32768.0), rtol=1e-12)


def test_known_answers():
    t = np.arange(16_000) / 16_000
    sine = dict(zip(FEATURE_NAMES, short_term_features(0.5 * np.sin(2 * np.pi * 440 * t + 0.1))[3], strict=True))
    assert sine["zcr"] == pytest.approx(880 / 16_000, rel=0.01)
    assert sine["energy"] == pytest.approx(0.5, rel=0.01)
    assert sine["spectral_centroid"] == pytest.approx(440 / 8000, rel=0.05)
    assert sine["spectral_rolloff"] == pytest.approx(440 / 8000, rel=0.05)
    assert sine["energy_entropy"] == pytest.approx(np.log2(10), rel=0.01)
    chroma = [sine[f"chroma_{i + 1}"] for i in range(12)]
    assert int(np.argmax(chroma)) == 0  # A
