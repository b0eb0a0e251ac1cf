"""The utterance that goes on: what has been heard and understood of it, and what was last made of that."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import numpy as np

from mer_ros.emotion import Modality, ModalityEstimate
from mer_ros.utterance import SAMPLE_RATE, SpeechState, Transcript, Utterance

# The oldest are forgotten beyond it: what was said long ago tells little of the moment, and hearing it again costs.
_LONGEST_SAMPLES = 8 * SAMPLE_RATE


@dataclass
class _Answer:
    of: Hashable
    estimate: ModalityEstimate


class OpenSpeech:
    """Joins the pieces of an utterance as they come.

    utterance: what has been heard, as if it ended now; None while nobody speaks. words: the last partial transcript.
    """

    def __init__(self) -> None:
        self.utterance: Utterance | None = None
        self.words: Transcript | None = None
        self._heard = 0  # samples
        self._answers: dict[Modality, _Answer] = {}

    @property
    def heard(self) -> int:
        """How many samples have been heard."""
        return self._heard

    def hear(self, piece: Utterance) -> bool:
        """Take a piece or the end; return whether it is the first piece of an utterance."""
        known = self.utterance
        if piece.state is SpeechState.ENDED:
            self.clear()
        elif piece.first_sample == 0 and (known is None or piece.samples.size or known.id != piece.id):
            self.clear()
            self.utterance, self._heard = _as_ended(piece), len(piece.samples)
            return True
        elif known is not None and known.id == piece.id and piece.first_sample == self._heard:
            samples = np.concatenate([known.samples, piece.samples])[-_LONGEST_SAMPLES:]
            self._heard += len(piece.samples)
            self.utterance = replace(_as_ended(piece), samples=samples, start_ns=known.start_ns)
        else:  # a piece is missing: its end will bring everything
            self.clear()
        return False

    def read(self, words: Transcript) -> None:
        """Take a partial transcript, if it is of this utterance."""
        if self.utterance is not None and words.utterance_id == self.utterance.id:
            self.words = words

    def ask(self, modality: Modality, of: Hashable, ask: Callable[[], ModalityEstimate]) -> ModalityEstimate:
        """Return what a model says `of` something, without asking again about what it was asked about last."""
        known = self._answers.get(modality)
        if known is None or known.of != of:
            known = self._answers[modality] = _Answer(of, ask())
        return known.estimate

    def clear(self) -> None:
        """Nobody speaks."""
        self.utterance = self.words = None
        self._heard = 0
        self._answers.clear()


def _as_ended(piece: Utterance) -> Utterance:
    return replace(piece, state=SpeechState.ENDED, first_sample=0)
