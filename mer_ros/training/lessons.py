"""What the conversation network learns, one lesson after another; each starts from the weights that those before left.

GoEmotions' lines; MELD's labels, by two teachers; what these answer, by their student; what a larger network answers to
dialogues that it has not met, by its pupil. In the end they are one network, the mean of their weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from mer_ros.training.course import OPTIONS, Course, Told
from mer_ros.training.distillation import mean_weights
from mer_ros.training.large import BALANCE as LARGE_BALANCE
from mer_ros.training.loop import FitOptions
from mer_ros.training.minilm import network_of, new_network
from mer_ros.training.networks.minilm import ConversationNet
from mer_ros.training.talks import Manner, Talk
from mer_ros.training.text import class_weights

STUDENT = replace(OPTIONS, epochs=5, average=0.98)
POLISH = replace(OPTIONS, epochs=3, batch_size=896, learning_rate=4e-5)
PUPIL = replace(OPTIONS, epochs=5, batch_size=896, learning_rate=8e-5)
# Of the classes' weights, see `class_weights`.
LINES_BALANCE, STUDENT_BALANCE, POLISH_BALANCE, PUPIL_BALANCE = 0.3, 0.4, 0.25, 0.2
# How much of the targets is what teachers answer; the rest is the label. The large ones' answers have not seen it.
TAUGHT, PUPIL_TAUGHT = 0.6, 0.7
STUDENT_LINES = 3000  # of GoEmotions among the dialogues, with the teachers' answers alone
STUDENT_MANNER = Manner(named=0.5, nameless=0.2, heard=0.3, plain=0.1, flat=0.3)
POLISH_MANNER = replace(STUDENT_MANNER, plain=0.05)
PUPIL_MANNER = replace(STUDENT_MANNER, heard=0.4, plain=0.03)


@dataclass(frozen=True)
class Teacher:
    """One of the networks that learn from labels. balance: see `class_weights`."""

    options: FitOptions
    balance: float


TEACHERS = (
    Teacher(replace(OPTIONS, epochs=6, average=0.98), 0.2),
    Teacher(replace(OPTIONS, epochs=6, average=0.98, batch_size=896, learning_rate=7e-5), 0.15),
)
TEACHERS_BALANCE = sum(teacher.balance for teacher in TEACHERS) / len(TEACHERS)


def learn_from_labels(course: Course) -> list[ConversationNet]:
    """The teachers: GoEmotions' lines, then MELD's dialogues as they were written."""
    torch.manual_seed(course.seed)
    of_lines = np.mean([talk.emotions.mean(axis=0) for talk in course.forum], axis=0)
    weights = class_weights(of_lines, LINES_BALANCE)
    start = replace(course, judge=None).fit("pretrain", new_network(), course.forum, OPTIONS, Manner(), weights)
    written = [replace(talk, heard=()) for talk in course.talks]
    return [
        course.fit(
            f"teacher-{number}",
            network_of(start.state_dict()),
            written,
            teacher.options,
            Manner(),
            class_weights(course.shares, teacher.balance),
            seed=number - 1,
        )
        for number, teacher in enumerate(TEACHERS, 1)
    ]


def learn_from_teachers(course: Course, teachers: Sequence[ConversationNet], epochs: int) -> ConversationNet:
    """The student: what the teachers answer, then the labels again, as heard and as written."""
    weights = class_weights(course.shares, STUDENT_BALANCE)
    tilt = weights / class_weights(course.shares, TEACHERS_BALANCE)
    taught = course.taught(course.ask(teachers, STUDENT_LINES), TAUGHT, weights, tilt)
    start, options = network_of(mean_weights(teachers)), replace(STUDENT, epochs=epochs)
    student = course.fit("student", start, taught, options, STUDENT_MANNER, weights, smoothing=0.0)
    weights = class_weights(course.shares, POLISH_BALANCE)
    start = network_of(mean_weights([*teachers, student]))
    polished = course.fit("polish", start, course.talks, POLISH, POLISH_MANNER, weights, seed=4)
    return network_of(mean_weights([polished, teachers[-1]]))


def learn_from_others(course: Course, teachers: Sequence[ConversationNet], told: Told) -> ConversationNet:
    """The pupil of the large networks."""
    weights, taught = told_talks(course, told, PUPIL_TAUGHT)
    start = network_of(mean_weights(teachers))
    return course.fit("pupil", start, taught, PUPIL, PUPIL_MANNER, weights, smoothing=0.0)


def told_talks(course: Course, told: Told, share: float) -> tuple[NDArray[np.float32], list[Talk]]:
    """Class weights [7]; and all talks, and the lines asked about, with targets of what the large networks told.

    share: of the talks' targets; the rest is the label.
    """
    weights = class_weights(course.shares, PUPIL_BALANCE)
    return weights, course.taught(told, share, weights, weights / class_weights(course.shares, LARGE_BALANCE))
