"""Vosk (Kaldi): speech to text with a model folder that the user names, in that model's language."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import MissingDependencyError, ModelError
from mer_ros.speech.recogniser import NO_CONFIDENCE, Recognition, SpeechOptions, check_samples
from mer_ros.utterance import SAMPLE_RATE

# It is fed in steps of this size, so that its end-pointing does not depend on how the audio was cut.
_STEP = SAMPLE_RATE // 10
_ERRORS_ONLY = -1


class VoskRecogniser:
    """Hears while somebody speaks. The confidence is the mean of its words'.

    Kaldi adds random dither to the signal, so a word that it is unsure of may differ from run to run.
    """

    language = ""  # a Vosk model does not tell its own

    _waiting: NDArray[np.int16]
    _words: list[str]
    _confidences: list[float]

    def __init__(self, options: SpeechOptions) -> None:
        """Opens the model folder. Raises MissingDependencyError, ModelError."""
        folder = options.model_path
        if folder is None:
            raise ModelError(
                "Vosk carries no model; name the folder of one that you downloaded: the parameter model of "
                "speech_to_text, or --recogniser-model of mer run"
            )
        folder = Path(folder)
        if not any((folder / name).is_file() for name in ("am/final.mdl", "final.mdl")):
            raise ModelError(f"{folder} is no Vosk model folder: it has no final.mdl; name the unpacked model's folder")
        try:
            import vosk
        except (ImportError, OSError) as error:
            raise MissingDependencyError(
                f"the speech backend vosk cannot be loaded ({error}); pip install vosk"
            ) from error
        vosk.SetLogLevel(_ERRORS_ONLY)
        # Opening a broken folder raises a bare Exception.
        try:
            self._model = vosk.Model(str(folder))
            self._engine = vosk.KaldiRecognizer(self._model, SAMPLE_RATE)
        except Exception as error:
            raise ModelError(f"Vosk cannot open {folder} ({error}); unpack the model again") from error
        self._engine.SetWords(True)
        self.name = f"vosk-{folder.name}"
        self.reset()

    def accept(self, samples: NDArray[np.int16]) -> None:
        """Hears int16 [n], 16 kHz mono; up to 0.1 s waits for more. Raises InputError."""
        waiting = np.concatenate([self._waiting, check_samples(samples)])
        whole = len(waiting) - len(waiting) % _STEP
        for start in range(0, whole, _STEP):
            # At a pause it ends a sentence of its own and starts afresh.
            if self._engine.AcceptWaveform(waiting[start : start + _STEP].tobytes()):
                self._keep(self._engine.Result())
        self._waiting = waiting[whole:]

    def partial(self) -> str:
        """The words so far."""
        heard = json.loads(self._engine.PartialResult()).get("partial", "")
        return " ".join([*self._words, heard]).strip()

    def finish(self) -> Recognition:
        """The words of the whole utterance, and their mean confidence."""
        if len(self._waiting):
            self._engine.AcceptWaveform(self._waiting.tobytes())
        self._keep(self._engine.FinalResult())
        confidence = float(np.mean(self._confidences)) if self._confidences else NO_CONFIDENCE
        result = Recognition(" ".join(self._words), confidence)
        self.reset()
        return result

    def reset(self) -> None:
        """Forgets the utterance."""
        self._engine.Reset()
        self._waiting = np.zeros(0, np.int16)
        self._words = []
        self._confidences = []

    def _keep(self, result: str) -> None:
        for word in json.loads(result).get("result", []):
            self._words.append(word["word"])
            self._confidences.append(min(max(word["conf"], 0.0), 1.0))
