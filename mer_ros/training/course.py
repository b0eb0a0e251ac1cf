"""What all lessons of the conversation network share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from mer_ros.text.word_pieces import WordPieces
from mer_ros.training.distillation import answers, taught_talks
from mer_ros.training.loop import FitOptions
from mer_ros.training.minilm import LAYER_DECAY, SMOOTHING, fit_conversations
from mer_ros.training.networks.minilm import ConversationNet
from mer_ros.training.talks import Manner, Talk

#: Of the first lesson; the others depart from it.
OPTIONS = FitOptions(
    epochs=1, batch_size=1792, learning_rate=1e-4, weight_decay=1e-2, average=0.99, bfloat16=True, warm_up=0.1
)
Network = TypeVar("Network", bound=ConversationNet)


@dataclass(frozen=True)
class Told:
    """float64 [N, 7]: probabilities of the turns of all talks, and of some lines of the forum."""

    talks: NDArray[np.float64]
    lines: NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """talks, forum: dialogues, and lines that stand alone. shares: [7], of the emotions in the talks.

    words: to hear in the place of others. run: the folder of the lessons' runs. judge: the score of a network.
    """

    talks: Sequence[Talk]
    forum: Sequence[Talk]
    pieces: WordPieces
    words: tuple[str, ...] = field(repr=False)
    shares: NDArray[np.floating]
    run: Path
    seed: int
    judge: Callable[[torch.nn.Module], float] | None = None
    progress: bool = True

    def fit(
        self,
        name: str,
        network: Network,
        talks: Sequence[Talk],
        options: FitOptions,
        manner: Manner,
        weights: NDArray[np.float32],
        *,
        seed: int = 0,
        smoothing: float = SMOOTHING,
        decay: float = LAYER_DECAY,
    ) -> Network:
        """The network, fitted in place. seed: added to that of the course; the rest as `fit_conversations` has it."""
        fit_conversations(
            network,
            talks,
            self.pieces,
            replace(options, seed=self.seed + seed),
            replace(manner, words=self.words),
            weights,
            run=self.run / name,
            smoothing=smoothing,
            decay=decay,
            judge=self.judge,
            progress=self.progress,
        )
        return network

    def some_lines(self, most: int) -> list[Talk]:
        """Of the forum, any ones; fewer are the first of more."""
        return [self.forum[i] for i in np.random.default_rng(self.seed).permutation(len(self.forum))[:most]]

    def ask(self, teachers: Sequence[ConversationNet], lines: int, shares: Sequence[float] = ()) -> Told:
        """What the teachers answer on average, by `shares` where given, to all talks and to so many lines."""
        asked = (self.talks, self.some_lines(lines))
        return Told(*(answers(teachers, talks, self.pieces, shares) for talks in asked))

    def taught(
        self, told: Told, share: float, weights: NDArray[np.floating], tilt: NDArray[np.floating] | float = 1.0
    ) -> list[Talk]:
        """The talks and lines that were told of, with those answers as targets: by a share of the talks', whose rest
        is the label, and all of the lines'. weights, tilt: see `taught_talks`."""
        return [
            *taught_talks(self.talks, told.talks, share, weights, tilt),
            *taught_talks(self.some_lines(len(told.lines)), told.lines, 1.0, weights, tilt),
        ]
