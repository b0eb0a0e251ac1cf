"""The speech model that is shipped as the default one, through the stage that runs live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mer_ros.audio.emotion import AudioEmotion
from mer_ros.audio.listener import SpeechListener
from mer_ros.inference import load_model
from mer_ros.utterance import AudioChunk, SpeechState, Utterance

MODELS = Path(__file__).resolve().parents[2] / "models"
RATE = 16_000


@pytest.fixture(scope="module")
def expert():
    return AudioEmotion(load_model(MODELS, "speech", device="cpu"))


def answer(expert, samples):
    samples = np.asarray(samples, np.int16)
    whole = Utterance(1, SpeechState.ENDED, 0, len(samples) * 62_500, samples, ended_by="stop")
    return expert.estimate(whole).probabilities


@pytest.fixture(scope="module")
def sentence(speech):
    return speech[RATE : 4 * RATE]


def test_levels_from_minus_40_to_0_dbfs_give_the_same_answer(expert, sentence):
    peak = np.abs(sentence.astype(int)).max()
    answers = [answer(expert, np.round(sentence * (32767 / peak * 10 ** (db / 20)))) for db in (0, -10, -20, -30, -40)]
    for quieter in answers[1:]:
        np.testing.assert_allclose(quieter, answers[0], atol=0.05)
        assert quieter.argmax() == answers[0].argmax()


def test_the_same_voice_gives_the_same_answer(expert, sentence):
    np.testing.assert_array_equal(answer(expert, sentence), answer(expert, sentence))


@pytest.mark.parametrize("seconds", [0.3, 1.0, 8.01, 30.0])
def test_any_length_has_an_answer(expert, speech, seconds):
    probabilities = answer(expert, np.resize(speech, round(seconds * RATE)))
    assert probabilities.shape == (7,)
    assert np.isfinite(probabilities).all()
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("kind", ["square", "noise", "one click", "loudest"])
def test_sounds_that_are_no_voice_have_an_answer(expert, kind):
    generator = np.random.default_rng(1)
    samples = {
        "square": np.where(np.arange(RATE) // 40 % 2, 32767, -32768),
        "noise": generator.integers(-32768, 32768, RATE),
        "one click": np.eye(1, RATE, 5000)[0] * 20_000,
        "loudest": np.full(RATE, 32767) * (np.arange(RATE) % 2),
    }[kind]
    assert np.isfinite(answer(expert, samples)).all()


def test_chunks_do_not_count(expert, speech):
    """What the listener cuts, and so what is said of it, is the same whatever chunks the sound came in."""
    found = []
    for size in (160, 4_801, 10 * RATE):
        listener = SpeechListener()
        pieces = []
        for start in range(0, 6 * RATE, size):
            part = speech[start : min(start + size, 6 * RATE)]
            pieces += listener.push(AudioChunk(start * 62_500, part, RATE))
        pieces += listener.flush()
        found.append([expert.estimate(p).probabilities for p in pieces if p.state is SpeechState.ENDED])
    assert found[0]
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
