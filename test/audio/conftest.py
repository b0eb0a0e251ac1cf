"""Real and generated sound for the tests of the audio room."""

from __future__ import annotations

import importlib.util
import wave
from pathlib import Path

import numpy as np
import pytest
import soxr


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """Real speech, int16, 16 kHz: 30 s of a reading."""
    spec = importlib.util.find_spec("moonshine_voice")
    if spec is None or spec.origin is None:
        pytest.skip("moonshine_voice, whose sample of speech is used, is not installed")
    file = Path(spec.origin).parent / "assets" / "two_cities.wav"
    if not file.is_file():
        pytest.skip("this version of moonshine_voice carries no two_cities.wav")
    with wave.open(str(file)) as sound:
        rate = sound.getframerate()
        samples = np.frombuffer(sound.readframes(30 * rate), np.int16)
    return soxr.resample(samples, rate, 16_000)
