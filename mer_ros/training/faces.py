"""Trains the networks of CAER-Net's face stream on FER2013's faces, which have no context: see `fusion` for that.

The small one starts from nothing, the large one from weights that were learnt to tell people apart. Both in three
passes. The first sees strong changes. The second sees milder ones, and learns from the labels and from what the first
pass has come to think of the unchanged image (self-distillation): people agree on about 65 % of FER2013's labels, so
that a label alone is often wrong. The third sees mild changes, and the rate falls to nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mer_ros.corpora.faces import Faces, load_fer2013, split_rows, without_copies
from mer_ros.emotion import EMOTIONS
from mer_ros.training.augment import augment_faces, mixed
from mer_ros.training.loop import Batch, FitOptions, fit, shuffled, steps_of, use_bfloat16
from mer_ros.training.networks.face import SEEN, FaceClassifier, both_ways, middle
from mer_ros.training.networks.recognition import settle_norms, start_from_dlib, weights_path
from mer_ros.training.networks.streams import SIDE, LargeStream, SmallStream

_SMALL = FitOptions(epochs=34, batch_size=128, learning_rate=3e-3, weight_decay=5e-2, average=0.998, bfloat16=True)
_LARGE = replace(_SMALL, epochs=22, learning_rate=4e-4)


@dataclass(frozen=True)
class Pass:
    """options: of the fit. until: its last epoch, where the end of its schedule, at the lowest rates, is left to the
    next pass. strength: of the changes. crop: pixels a side of the face that are seen. side: to which the large stream
    enlarges them at most. mixed: share of the batches that are mixed up. taught: the share, 0..1, of what it learns
    that is not the labels but the answers of the network as it was before; shared: and of its partner, which learnt
    otherwise.
    """

    name: str
    options: FitOptions
    strength: float
    crop: int
    until: int | None = None
    side: int | None = None
    mixed: float = 0.0
    taught: float = 0.0
    shared: bool = False


SMALL_PASSES = (
    Pass("stream", _SMALL, 1.0, SEEN, until=30, mixed=0.3),
    Pass("settle", replace(_SMALL, epochs=14, learning_rate=1.2e-3, warm_up=0.05), 0.5, SEEN, until=11, taught=0.4),
    Pass("finish", replace(_SMALL, epochs=9, learning_rate=1e-3, warm_up=0.05), 0.25, SEEN),
)
# The large stream sees fewer and smaller pixels first, which costs less, and more of the surroundings.
LARGE_PASSES = (
    Pass("stream", _LARGE, 1.0, 44, until=20, side=80, mixed=0.3),
    Pass("settle", replace(_LARGE, epochs=12, learning_rate=2.5e-4, warm_up=0.05), 0.5, 44, until=10, taught=0.4),
    Pass("finish", replace(_LARGE, epochs=13, learning_rate=3e-4, warm_up=0.05), 0.25, SEEN),
    Pass(
        "share",
        replace(_LARGE, epochs=5, learning_rate=2e-4, warm_up=0.05, average=0.995),
        0.5,
        SEEN,
        mixed=0.5,
        taught=0.6,
        shared=True,
    ),
)
TEACHER_SEES = 44  # pixels a side, that a network sees which teaches itself
SMOOTHING = 0.1  # share of the labels spread over all
SETTLED = 450  # images of which the batch normalisations get their first statistics
RARE = 2  # how often an epoch holds each image of the rarest class, disgust: 1.5 % of train
HELD_OUT = 0.05  # of train, for the temperature and for choices: never the validation part


def load_split(data: Path, seed: int = 7) -> tuple[Faces, Faces, Faces]:
    """(train, held out of train, validation), with no image of the last in the first two."""
    validation = load_fer2013(data, "validation")
    train = without_copies(load_fer2013(data, "train"), validation)
    rest, held_out = split_rows(len(train), HELD_OUT, seed)
    kept = train.rows(held_out)
    return without_copies(train.rows(rest), kept), kept, validation


def rare_repeated(faces: Faces, times: int = RARE) -> Faces:
    """All faces, those of the rarest class so many times."""
    counts = np.bincount(faces.labels, minlength=len(EMOTIONS))
    rarest = np.flatnonzero(faces.labels == np.where(counts > 0, counts, len(faces) + 1).argmin())
    return faces.rows(np.concatenate([np.arange(len(faces)), np.tile(rarest, times - 1)]))


def grey_batch(faces: Faces) -> Batch:
    """float [N, 1, 48, 48], 0..1, and labels."""
    return (
        torch.from_numpy(faces.images).float().div_(255.0).unsqueeze(1),
        torch.from_numpy(faces.labels),
    )


@torch.no_grad()
def face_logits(network: nn.Module, faces: Faces, batch_size: int = 256) -> torch.Tensor:
    """float [N, 7] of a classifier of grey faces, in evaluation mode."""
    network.eval()
    return torch.cat([network(middle(part)) for part in grey_batch(faces)[0].split(batch_size)])


@torch.no_grad()
def taught(networks: Sequence[FaceClassifier], images: torch.Tensor, seen: int, batch_size: int = 256) -> torch.Tensor:
    """float [N, 7]: the probabilities that classifiers give the images and their mirror images, on average.
    seen: pixels a side."""
    told = torch.zeros(len(images), len(EMOTIONS))
    for network in networks:
        network.eval()
        for rows in torch.arange(len(images)).split(batch_size):
            with torch.autocast("cpu", torch.bfloat16, enabled=use_bfloat16(True)):
                said = network.head(both_ways(network.stream, middle(images[rows], seen)))
            told[rows] += said.float().softmax(1) / len(networks)
    return told


def small_classifier(seed: int, width: int = 32) -> FaceClassifier:
    """As it starts: from nothing."""
    torch.manual_seed(seed)
    return FaceClassifier(SmallStream(width))


def large_classifier(seed: int, train: Faces, side: int = SIDE) -> FaceClassifier:
    """As it starts: with dlib's weights, and statistics of some faces to be learnt from."""
    torch.manual_seed(seed)
    stream = LargeStream(side)
    start_from_dlib(stream.layers, weights_path())
    some = train.rows(np.arange(0, len(train), max(1, len(train) // SETTLED)))
    with torch.no_grad():
        settle_norms(stream.layers, stream.prepared(middle(grey_batch(some)[0], TEACHER_SEES)))
    return FaceClassifier(stream)


def train_classifier(
    network: FaceClassifier,
    passes: Sequence[Pass],
    train: Faces,
    held_out: Faces,
    *,
    partner: FaceClassifier | None = None,
    epochs: int | None = None,
    seed: int = 1,
    run: Path | None = None,
    progress: bool = True,
) -> None:
    """Fit in place. partner: teaches in passes that are shared. epochs: of each pass at most. run: how the
    folders of its passes begin."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images, labels = grey_batch(train)
    targets = functional.one_hot(labels, len(EMOTIONS)).float() * (1 - SMOOTHING) + SMOOTHING / len(EMOTIONS)

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        return functional.cross_entropy(network(batch[0]).float(), batch[1])

    def score(network: nn.Module) -> float:
        right = face_logits(network, held_out).argmax(1) == torch.from_numpy(held_out.labels)
        return right.float().mean().item()

    stream, whole = network.stream, getattr(network.stream, "side", 0)
    for one in passes:
        teachers = [copy.deepcopy(network)] + ([partner] if one.shared and partner is not None else [])
        if isinstance(stream, LargeStream):
            stream.side = min(whole, one.side or whole)
        options = replace(one.options, epochs=min(one.options.epochs, epochs or one.options.epochs), seed=seed)
        learned: list[torch.Tensor] = []  # once: a pass that was finished before does not ask for it

        def batches(
            generator: np.random.Generator,
            one: Pass = one,
            teachers: Sequence[FaceClassifier] = teachers,
            learned: list[torch.Tensor] = learned,
        ) -> Iterable[Batch]:
            if not learned:
                seen = SEEN if one.shared else TEACHER_SEES
                told = (
                    (1 - one.taught) * targets + one.taught * taught(teachers, images, seen) if one.taught else targets
                )
                learned.append(told)
            for faces, wanted in shuffled((images, learned[0]), one.options.batch_size, generator):
                changed = augment_faces(faces, one.strength, one.crop)
                if generator.random() < one.mixed:
                    changed, wanted = mixed(changed, wanted)
                yield changed.contiguous(memory_format=torch.channels_last), wanted

        folder = run.with_name(f"{run.name}-{one.name}") if run is not None else None
        steps = steps_of(len(images), options.batch_size)
        fit(network, loss, batches, steps, options, run=folder, score=score, until=one.until, progress=progress)
