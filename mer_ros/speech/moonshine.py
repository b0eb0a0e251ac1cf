"""Moonshine (arXiv 2410.15608): speech to text with the model that the package `moonshine-voice` carries.

Of the package only the model's files are used; its own library, which keeps a second thread spinning, is not loaded.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import MissingDependencyError, ModelError
from mer_ros.speech.moonshine_network import FILES, MoonshineNetwork
from mer_ros.speech.recogniser import Recognition, SpeechOptions, check_samples
from mer_ros.utterance import SAMPLE_RATE

PACKAGE = "moonshine-voice==0.0.49"
CARRIED_MODEL = "tiny-en"

# Less than one frame of its encoder, or digital silence, has no words; the model would make some up.
_SHORTEST_SAMPLES = SAMPLE_RATE // 10


class MoonshineRecogniser:
    """Keeps the utterance and hears all of it at once; there is no confidence.

    What was heard last is kept until more speech comes, so that `finish` after `partial` costs nothing.
    """

    _pieces: list[NDArray[np.int16]]
    _text: str | None

    def __init__(self, options: SpeechOptions) -> None:
        """Opens the model. A folder of another one is named as Moonshine names it: tiny-en, base-es.

        Raises MissingDependencyError, ModelError.
        """
        folder = Path(options.model_path) if options.model_path else _carried()
        if missing := [name for name in FILES if not (folder / name).is_file()]:
            raise ModelError(
                f"the Moonshine model {folder} lacks {', '.join(missing)}; install {PACKAGE}, "
                "which carries one, or name a folder that has them"
            )
        size, _, self.language = folder.name.partition("-")
        if size not in ("tiny", "base") or not self.language:
            raise ModelError(f"the Moonshine model folder is {folder.name!r}; name it as tiny-en or base-es are")
        self._network = MoonshineNetwork(folder, self.language)
        self.name = f"moonshine-{folder.name}"
        self.reset()
        self._network.hear(np.zeros(SAMPLE_RATE, np.float32))  # the first run allocates memory

    def accept(self, samples: NDArray[np.int16]) -> None:
        """Keeps int16 [n], 16 kHz mono. Raises InputError."""
        if len(check_samples(samples)):
            self._pieces.append(samples)
            self._text = None

    def partial(self) -> str:
        """The words so far: hears again all there is."""
        if self._text is None:
            samples = np.concatenate(self._pieces)
            self._pieces = [samples]
            worth = len(samples) >= _SHORTEST_SAMPLES and samples.any()
            self._text = self._network.hear(samples.astype(np.float32) / np.float32(32768)) if worth else ""
        return self._text

    def finish(self) -> Recognition:
        """The words of the whole utterance."""
        try:
            return Recognition(self.partial())
        finally:
            self.reset()

    def reset(self) -> None:
        """Forgets the utterance."""
        self._pieces = []
        self._text = ""


def _carried() -> Path:
    """The folder of the model in the installed package, found without importing the package."""
    try:
        spec = importlib.util.find_spec("moonshine_voice")
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            f"the speech backend moonshine has no model: its package is missing; pip install {PACKAGE}"
        )
    return Path(spec.origin).parent / "assets" / CARRIED_MODEL
