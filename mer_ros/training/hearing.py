"""The conversation network's last lessons: words as a recogniser hears them, told as what their written form means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from mer_ros.emotion import EMOTIONS
from mer_ros.training.course import Course
from mer_ros.training.distillation import answers, mean_weights, taught_talks
from mer_ros.training.loop import FitOptions
from mer_ros.training.minilm import network_of
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
LINES = 1500  # of GoEmotions
# Without exclamation marks little speaks for any emotion, and all but neutral are seldom answered: in each of the
# runs, whose weights are averaged, this is the logarithm of how much more they weigh.
TILTS = (0.4, 0.8)


def learn_to_hear(course: Course, teachers: Sequence[ConversationNet], network: ConversationNet) -> ConversationNet:
    """The mean of the network and of what it becomes. All targets are of the written form, which it reads as before."""
    weights = class_weights(course.shares, BALANCE)
    taught: list[Talk] = []
    for talks, share in ((course.talks, TAUGHT), (course.some_lines(LINES), 1.0)):
        told = answers([network, *teachers], talks, course.pieces, [OWN_SHARE, *[1.0] * len(teachers)])
        taught += taught_talks(talks, told, share, weights)
    heard = [
        course.fit(
            f"heard-{number}",
            network_of(network.state_dict()),
            taught,
            OPTIONS,
            replace(MANNER, tilt=tilts(tilt)),
            weights,
            seed=10 + number,
            smoothing=0.0,
        )
        for number, tilt in enumerate(TILTS, 1)
    ]
    return network_of(mean_weights([network, *heard]))


def tilts(tilt: float) -> tuple[float, ...]:
    """[7], see TILTS."""
    return tuple(1.0 if emotion == "neutral" else math.exp(tilt) for emotion in EMOTIONS)
