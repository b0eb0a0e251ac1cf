"""Moonshine (arXiv 2410.15608): speech to text with the model that the package `moonshine-voice` carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import MissingDependencyError, ModelError
from mer_ros.speech.recogniser import Recognition, SpeechOptions, check_samples
from mer_ros.utterance import SAMPLE_RATE

CARRIED_MODEL = "tiny-en"
_FILES = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")

# The microphone has found the utterance already. Moonshine's own voice activity would cut it up and drop quiet
# starts, and each piece would lack the others as context: with a threshold of 0 it hears one piece. Its speaker
# ids, which nobody reads here, stay on: without them its library (0.0.49) crashes when the model is freed.
_ENGINE_OPTIONS = {"vad_threshold": "0.0", "vad_max_segment_duration": "60"}

# Less than one frame of its encoder, or digital silence, has no words; the model would make some up.
_SHORTEST_SAMPLES = SAMPLE_RATE // 10


class MoonshineRecogniser:
    """Keeps the utterance and hears all of it at once; there is no confidence."""

    def __init__(self, options: SpeechOptions) -> None:
        """Opens the model. A folder of another one is named as Moonshine names it: tiny-en, base-es.

        Raises MissingDependencyError, ModelError.
        """
        try:
            from moonshine_voice.moonshine_api import ModelArch
            from moonshine_voice.transcriber import Transcriber
            from moonshine_voice.utils import get_model_path
        except (ImportError, OSError) as error:
            raise MissingDependencyError(
                f"the speech backend moonshine cannot be loaded ({error}); pip install moonshine-voice==0.0.49"
            ) from error
        folder = Path(options.model_path or get_model_path(CARRIED_MODEL))
        if missing := [name for name in _FILES if not (folder / name).is_file()]:
            raise ModelError(
                f"the Moonshine model {folder} lacks {', '.join(missing)}; install moonshine-voice==0.0.49, "
                "which carries one, or name a folder that has them"
            )
        size, _, language = folder.name.partition("-")
        if size not in ("tiny", "base") or not language:
            raise ModelError(f"the Moonshine model folder is {folder.name!r}; name it as tiny-en or base-es are")
        architecture = ModelArch.TINY if size == "tiny" else ModelArch.BASE
        self._engine = Transcriber(str(folder), architecture, options=_ENGINE_OPTIONS)
        self.name = f"moonshine-{folder.name}"
        self.language = language
        self._pieces: list[NDArray[np.int16]] = []
        self._hear(np.zeros(SAMPLE_RATE, np.int16))  # the first run allocates memory

    def accept(self, samples: NDArray[np.int16]) -> None:
        """Keeps int16 [n], 16 kHz mono. Raises InputError."""
        self._pieces.append(check_samples(samples))

    def partial(self) -> str:
        """The words so far: hears again all there is."""
        samples = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)
        self._pieces = [samples]
        return "" if len(samples) < _SHORTEST_SAMPLES or not samples.any() else self._hear(samples)

    def finish(self) -> Recognition:
        """The words of the whole utterance."""
        try:
            return Recognition(self.partial())
        finally:
            self.reset()

    def reset(self) -> None:
        """Forgets the utterance."""
        self._pieces = []

    def _hear(self, samples: NDArray[np.int16]) -> str:
        signal = (samples / np.float32(32768)).tolist()
        lines = self._engine.transcribe_without_streaming(signal, SAMPLE_RATE).lines
        return " ".join(line.text.strip() for line in lines).strip()
