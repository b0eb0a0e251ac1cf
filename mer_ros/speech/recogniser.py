"""What turns speech into words: the interface of every backend, its options, and how to make one by name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError, OptionError

BACKENDS = ("moonshine", "vosk")
NO_CONFIDENCE = math.nan


@dataclass(frozen=True)
class Recognition:
    """The words of one utterance. confidence: 0..1, NaN when the backend gives none."""

    text: str
    confidence: float = NO_CONFIDENCE


@dataclass(frozen=True)
class SpeechOptions:
    """How speech becomes words. A value out of range raises OptionError.

    backend: `moonshine` (English; carries its model) or `vosk` (the language of the model that is named).
    model_path: Vosk's model folder; for Moonshine another model folder, or None for the one it carries.
    partial_period_ms: while somebody speaks, words so far are given each time this much more speech is there;
    0 for none. Moonshine hears everything again each time, about 3 % of the utterance's length on one core.
    max_utterance_s: longer utterances are cut here, and counted.
    """

    backend: str = "moonshine"
    model_path: Path | None = None
    partial_period_ms: int = 1000
    hear_at_pauses: bool = True
    max_utterance_s: float = 30.0

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise OptionError(f"the speech backend is {self.backend!r}; use one of {', '.join(BACKENDS)}")
        if self.partial_period_ms != 0 and not 100 <= self.partial_period_ms <= 60_000:
            raise OptionError(f"partial_period_ms is {self.partial_period_ms}; use 100 to 60000, or 0 for no partials")
        if not 1 <= self.max_utterance_s <= 60:
            raise OptionError(f"max_utterance_s is {self.max_utterance_s}; use 1 to 60")


class Recogniser(Protocol):
    """Hears one utterance at a time."""

    @property
    def name(self) -> str:
        """Of the backend and its model."""

    @property
    def language(self) -> str:
        """As an IETF tag (BCP 47), or empty when unknown."""

    def accept(self, samples: NDArray[np.int16]) -> None:
        """Takes in more of the utterance: int16 [n], 16 kHz mono. Raises InputError."""

    def partial(self) -> str:
        """The words so far."""

    def finish(self) -> Recognition:
        """The words of the whole utterance; the next `accept` begins another one."""

    def reset(self) -> None:
        """Forgets the utterance."""


def make_recogniser(options: SpeechOptions) -> Recogniser:
    """The backend that the options name.

    Raises MissingDependencyError when its package is not installed, ModelError when its model cannot be opened.
    """
    if options.backend == "vosk":
        from mer_ros.speech.vosk import VoskRecogniser

        return VoskRecogniser(options)
    from mer_ros.speech.moonshine import MoonshineRecogniser

    return MoonshineRecogniser(options)


def check_samples(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """The samples, when they are int16 [n]. Raises InputError."""
    if not isinstance(samples, np.ndarray) or samples.dtype != np.int16 or samples.ndim != 1:
        found = f"{samples.dtype} {list(samples.shape)}" if isinstance(samples, np.ndarray) else type(samples).__name__
        raise InputError(f"the speech is {found}; recognisers take int16 [n] at 16 kHz")
    return samples
