"""The conversation network's last lessons: words as a recogniser hears them, told as what their written form means."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS
from mer_ros.text.word_pieces import WordPieces
from mer_ros.training.distillation import answers, mean_weights, taught_talks
from mer_ros.training.loop import FitOptions
from mer_ros.training.minilm import fit_conversations, new_network
from mer_ros.training.networks.minilm import ConversationNet
from mer_ros.training.talks import Manner, Talk
from mer_ros.training.text import class_weights

OPTIONS = FitOptions(
    epochs=3, batch_size=896, learning_rate=5e-5, weight_decay=1e-2, average=0.99, bfloat16=True, warm_up=0.1
)
MANNER = Manner(named=0.5, nameless=0.2, heard=0.5, plain=0.03, flat=0.5)
BALANCE = 0.2  # see `class_weights`
TAUGHT = 0.85  # how much of the targets is what the network and its teachers say of the written form
OWN_SHARE = 2.0  # of the network's answers among these; that of each teacher is 1
FORUM_LINES = 1500
# Without exclamation marks little speaks for any emotion, and all but neutral are seldom answered: in each of the
# runs, whose weights are averaged, this is the logarithm of how much more they weigh.
TILTS = (0.4, 0.8)


@dataclass(frozen=True)
class Lessons:
    """What there is to learn from. shares: [7], of the emotions in the talks. words: to hear in the place of others."""

    talks: Sequence[Talk]
    forum: Sequence[Talk]
    shares: NDArray
    words: tuple[str, ...]
    pieces: WordPieces


def learn_to_hear(
    network: ConversationNet,
    teachers: Sequence[ConversationNet],
    lessons: Lessons,
    *,
    run: Path,
    seed: int,
    judge: Callable[[torch.nn.Module], float] | None = None,
    progress: bool = True,
) -> None:
    """Fit in place. All targets are of the written form, which the network keeps reading as it did."""
    pieces, weights = lessons.pieces, class_weights(lessons.shares, BALANCE)
    taught = []
    for talks, share in ((lessons.talks, TAUGHT), (lessons.forum[:FORUM_LINES], 1.0)):
        told = answers([network, *teachers], talks, pieces, [OWN_SHARE, *[1.0] * len(teachers)])
        taught += taught_talks(talks, told, share, weights)
    heard = []
    for number, tilt in enumerate(TILTS, 1):
        pupil = new_network()
        pupil.load_state_dict(network.state_dict())
        fit_conversations(
            pupil,
            taught,
            pieces,
            replace(OPTIONS, seed=seed + number),
            replace(MANNER, words=lessons.words, tilt=tilts(tilt)),
            weights,
            run=run / f"heard-{number}",
            smoothing=0.0,
            judge=judge,
            progress=progress,
        )
        heard.append(pupil)
    network.load_state_dict(mean_weights([network, *heard]))


def tilts(tilt: float) -> tuple[float, ...]:
    """[7], see TILTS."""
    return tuple(1.0 if emotion == "neutral" else math.exp(tilt) for emotion in EMOTIONS)
