"""The conversation network's last lessons: words as a recogniser hears them, told as what their written form means."""

from __future__ import annotations

import math
from dataclasses import replace

from mer_ros.emotion import EMOTIONS
from mer_ros.training.course import Course
from mer_ros.training.distillation import mean_weights
from mer_ros.training.large import Told
from mer_ros.training.lessons import told_talks
from mer_ros.training.loop import FitOptions
from mer_ros.training.minilm import network_of
from mer_ros.training.networks.minilm import ConversationNet
from mer_ros.training.talks import Manner

OPTIONS = FitOptions(
    epochs=3, batch_size=896, learning_rate=5e-5, weight_decay=1e-2, average=0.99, bfloat16=True, warm_up=0.1
)
MANNER = Manner(named=0.5, nameless=0.2, heard=0.7, plain=0.03, flat=0.5)
TAUGHT = 0.8  # how much of the targets is what the large networks tell of the written form; the rest is the label
# Without exclamation marks little speaks for any emotion, and all but neutral are seldom answered: in each of the
# runs, whose weights are averaged, this is the logarithm of how much more they weigh.
TILTS = (0.4, 0.8)


def learn_to_hear(course: Course, network: ConversationNet, told: Told) -> ConversationNet:
    """The mean of the network and of what it becomes. told: of the written form, the target also where it is heard."""
    weights, taught = told_talks(course, told, TAUGHT)
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
