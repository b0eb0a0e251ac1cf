from __future__ import annotations

import wave
from types import SimpleNamespace

import numpy as np
import pytest

from mer_ros.corpora.speech import read_clips
from mer_ros.errors import OptionError
from mer_ros.evaluation.orders import over_orders
from mer_ros.evaluation.voice_conditions import CONDITIONS, LEVELS, voice_robustness

RATE = 16_000


class Listener:
    """Answers anger to what is loud, fear to what is not."""

    entry = SimpleNamespace(name="fake", inputs={"samples": None, "prosody": None}, prior=(1 / 7,) * 7)

    def __init__(self):
        self.peaks = []

    def run(self, samples, prosody):
        self.peaks.append(float(np.abs(samples).max()))
        rows = np.zeros((len(samples), 7), np.float32)
        rows[:, 0 if self.peaks[-1] > 0.2 else 2] = 1.0
        return {"probabilities": rows}


@pytest.fixture
def clips(tmp_path):
    t = np.arange(RATE) / RATE
    for name, hz in (("a", 150), ("b", 260)):
        sound = 0.1 * sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 9))
        with wave.open(str(tmp_path / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes((sound * 32767).astype("<i2").tobytes())
    (tmp_path / "speech.csv").write_text("path,emotion,speaker\na.wav,anger,x-1\nb.wav,fear,x-2\n")
    return read_clips(tmp_path / "speech.csv")


def test_levels_are_as_told_and_differences_are_seen(clips):
    model = Listener()
    found = voice_robustness(model, clips, LEVELS, progress=False)
    assert list(found) == ["unchanged", "peak", "same answer"]
    peaks = np.reshape(model.peaks[2:], (5, 2)).mean(axis=1)
    np.testing.assert_allclose(20 * np.log10(peaks), [0, -10, -20, -30, -40], atol=0.5)
    assert found["peak"] == {"0 dBFS": 0.5, "-10 dBFS": 0.5, "-20 dBFS": 0.5, "-30 dBFS": 0.5, "-40 dBFS": 0.5}
    assert found["same answer"]["0 dBFS"] != found["same answer"]["-40 dBFS"]


def test_a_memory_lasts_within_a_condition(clips):
    counts = []

    class Remembering(Listener):
        entry = SimpleNamespace(
            name="fake",
            inputs={"samples": None, "prosody": None, "heard": None, "past": SimpleNamespace(shape=(None, 1))},
            prior=(1 / 7,) * 7,
        )

        def run(self, samples, prosody, past, heard):
            counts.append(heard.item())
            return {**super().run(samples, prosody), "voice": samples[:, :1]}

    twice = clips.rows(np.array([0, 0, 0]))
    voice_robustness(Remembering(), twice, LEVELS[:2], progress=False)
    assert counts == [0, 1, 2] * 3


def test_every_condition_gives_a_score(clips):
    found = voice_robustness(Listener(), clips, CONDITIONS, progress=False)
    assert sum(len(settings) for settings in found.values()) == 1 + len(CONDITIONS) + len(LEVELS)
    assert all(0 <= value <= 1 for settings in found.values() for value in settings.values())
    again = voice_robustness(Listener(), clips, [c for c in CONDITIONS if c.setting == "10 dB"], progress=False)
    assert all(found[kind].items() >= settings.items() for kind, settings in again.items())


def test_several_orders_are_told_together(clips):
    """A model that is right about those whom it has heard before: the more of a speaker's clips come later."""

    class Learning(Listener):
        entry = SimpleNamespace(
            name="fake",
            inputs={"samples": None, "prosody": None, "heard": None, "past": SimpleNamespace(shape=(None, 1))},
            prior=(1 / 7,) * 7,
        )

        def run(self, samples, prosody, past, heard):
            rows = np.full((len(samples), 7), 0.4 / 6, np.float32)
            rows[:, 0 if heard[0, 0] else 1] = 0.6
            return {"probabilities": rows, "voice": samples[:, :1]}

    three = clips.rows(np.array([0, 0, 0]))
    found = over_orders(Learning(), three, 4)
    assert (found["orders"], found["accuracy"]) == (4, pytest.approx(2 / 3))  # each order begins with nobody known
    assert found["confidence"] == pytest.approx(0.6)
    assert found["ece"] == pytest.approx(2 / 3 - 0.6)
    assert found["uar_range"] == [found["uar"], found["uar"]] == [pytest.approx(2 / 3)] * 2
    assert found["ece_by_chance"] > 0.1  # three clips prove little, in however many orders
    with pytest.raises(OptionError, match="a model that remembers"):
        over_orders(Listener(), three)
    with pytest.raises(OptionError, match="0 orders"):
        over_orders(Learning(), three, 0)
