"""The conversation network's last lessons: words as a recogniser hears them, told as what their written form means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS
from mer_ros.training.course import OPTIONS as FIRST
from mer_ros.training.course import Course, Told
from mer_ros.training.lessons import told_talks
from mer_ros.training.minilm import network_of
from mer_ros.training.networks.minilm import ConversationNet
from mer_ros.training.talks import Manner, Talk
from mer_ros.training.text import class_weights

OPTIONS = replace(FIRST, epochs=3, batch_size=896, learning_rate=5e-5)
MANNER = Manner(named=0.5, nameless=0.2, heard=0.5, plain=0.03, flat=0.5)
OTHERS_MANNER = replace(MANNER, heard=0.7)
BALANCE = 0.2  # see `class_weights`
# How much of the targets is what is told of the written form, by the network and its teachers, or by large networks.
TAUGHT, OTHERS_TAUGHT = 0.85, 0.8
OWN_SHARE = 2.0  # of the network's answers among its teachers'; that of each of these is 1
LINES = 1500  # of GoEmotions
# Without exclamation marks little speaks for any emotion, and all but neutral are seldom answered: this is the
# logarithm of how much more they weigh.
TILTS, OTHERS_TILT = (0.4, 0.8), 0.4


def hear_with_teachers(
    course: Course, network: ConversationNet, teachers: Sequence[ConversationNet]
) -> list[ConversationNet]:
    """What the network becomes, at each of the TILTS, by its own and its teachers' answers to the written form."""
    weights = class_weights(course.shares, BALANCE)
    told = course.ask([network, *teachers], LINES, [OWN_SHARE, *[1.0] * len(teachers)])
    taught = course.taught(told, TAUGHT, weights)
    return [
        _fit(course, f"heard-{number}", network, taught, replace(MANNER, tilt=tilts(tilt)), weights, seed=10 + number)
        for number, tilt in enumerate(TILTS, 1)
    ]


def hear_with_others(course: Course, network: ConversationNet, told: Told) -> ConversationNet:
    """What the network becomes by the large networks' answers to the written form."""
    weights, taught = told_talks(course, told, OTHERS_TAUGHT)
    manner = replace(OTHERS_MANNER, tilt=tilts(OTHERS_TILT))
    return _fit(course, "heard-others", network, taught, manner, weights, seed=10)


def _fit(
    course: Course,
    name: str,
    network: ConversationNet,
    taught: Sequence[Talk],
    manner: Manner,
    weights: NDArray[np.float32],
    *,
    seed: int,
) -> ConversationNet:
    start = network_of(network.state_dict())
    return course.fit(name, start, taught, OPTIONS, manner, weights, seed=seed, smoothing=0.0)


def tilts(tilt: float) -> tuple[float, ...]:
    """[7], see TILTS."""
    return tuple(1.0 if emotion == "neutral" else math.exp(tilt) for emotion in EMOTIONS)
