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
from mer_ros.training.loop import FitOptions
from mer_ros.training.minilm import LAYER_DECAY, SMOOTHING, fit_conversations
from mer_ros.training.networks.minilm import ConversationNet
from mer_ros.training.talks import Manner, Talk

Network = TypeVar("Network", bound=ConversationNet)


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
