"""What the fusion asks: one expert a modality, the dialogue model, and the early-fusion network.

The fusion knows nothing of features or crops; the pipeline hands it these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import Modality, ModalityEstimate
from mer_ros.utterance import Utterance, VisualWindow

DialogueModel = Callable[[NDArray[np.floating], NDArray[np.float32], NDArray[np.float32]], NDArray[np.floating]]


@dataclass(frozen=True)
class Expert:
    """One modality's model behind its features.

    estimate: gives the estimate of one VisualWindow, of one Utterance with the id of who speaks (empty: unknown), or
    of a Transcript with the turns before it and that id. An Utterance that goes on comes with remember=False.
    prior: float [7], the class prior of its training data. reliability: 0..1, how well it does on held-out data.
    worth: from the quality of its input to the trust that it deserves, as fitted; None: reliability times quality.
    forget: to be called with the id of a person to forget, or with an empty one when all ids of persons and tracks may
    mean others from now on; None: it keeps nothing of them.
    """

    estimate: Callable[..., ModalityEstimate]
    prior: NDArray[np.floating]
    reliability: float
    worth: Callable[[float], float] | None = None
    forget: Callable[[str], None] | None = None

    def trust(self, quality: float) -> float:
        """Return the exponent that its opinion gets in the pool for an input of this quality."""
        return self.reliability * quality if self.worth is None else self.worth(quality)


@dataclass(frozen=True)
class EarlyExpert:
    """The early-fusion network: all three modalities in, (emotion [7], sentiment [3]) out."""

    estimate: Callable[[Utterance, VisualWindow, str], tuple[NDArray[np.floating], NDArray[np.floating]]]
    name: str


@dataclass(frozen=True)
class Experts:
    """All that the fusion may ask; what is None is not in use.

    dialogue: (probabilities [7], history [n, 7], same_speaker [n]) -> probabilities [7], n = `dialogue_turns`.
    independence: 0..1, how much modalities that agree add to each other's certainty.
    """

    face: Expert | None = None
    audio: Expert | None = None
    text: Expert | None = None
    dialogue: DialogueModel | None = None
    dialogue_turns: int = 6
    early: EarlyExpert | None = None
    independence: float = 0.5

    def of(self, modality: Modality) -> Expert | None:
        """Return the expert of a modality; None when it is switched off."""
        return {Modality.FACE: self.face, Modality.AUDIO: self.audio, Modality.TEXT: self.text}[modality]
