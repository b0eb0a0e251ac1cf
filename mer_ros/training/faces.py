"""Trains the networks of CAER-Net's face stream on FER2013's faces, which have no context: see `fusion` for that.

People agree on about 65 % of FER2013's labels, so that a label alone is often wrong. Both networks learn in part from
what networks think of the unchanged images. The small one, which starts from nothing, learns from itself, as it was
before its last two passes: so it stays unlike the other. The large one, which starts from weights that were learnt to
tell people apart, would by then repeat the labels: it learns from one half of the images and, beside that, from the
other, each half's network tells what it thinks of the half that it has not met, and the mean of both goes on with that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from mer_ros.corpora.faces import Faces, load_fer2013, split_rows, without_copies
from mer_ros.emotion import EMOTIONS
from mer_ros.training.augment import augment_faces, mixed
from mer_ros.training.calibration import fit_temperature
from mer_ros.training.distillation import mean_weights
from mer_ros.training.facenet_weights import facenet_weights
from mer_ros.training.loop import Batch, FitOptions, fit, shuffled, steps_of, use_bfloat16
from mer_ros.training.networks.face import FaceClassifier, both_ways, middle
from mer_ros.training.networks.facenet import start_from_facenet
from mer_ros.training.networks.streams import SIDE, LargeStream, SmallStream

_SMALL = FitOptions(epochs=34, batch_size=128, learning_rate=3e-3, weight_decay=5e-2, average=0.998, bfloat16=True)
_LARGE = replace(_SMALL, epochs=20, learning_rate=3e-4, average=0.995, warm_up=0.06)


@dataclass(frozen=True)
class Pass:
    """options: of the fit. until: its last epoch, where the end of its schedule, at the lowest rates, is left to the
    next pass. strength: of the changes. side: to which the large stream enlarges faces at most. mixed: share of the
    batches that are mixed up. taught: the share, 0..1, of what it learns that is not the labels but the answers of
    others.
    """

    name: str
    options: FitOptions
    strength: float
    until: int | None = None
    side: int | None = None
    mixed: float = 0.0
    taught: float = 0.0


SMALL_PASSES = (
    Pass("stream", _SMALL, 1.0, until=30, mixed=0.3),
    Pass("settle", replace(_SMALL, epochs=14, learning_rate=1.2e-3, warm_up=0.05), 0.5, until=11, taught=0.4),
    Pass("finish", replace(_SMALL, epochs=9, learning_rate=1e-3, warm_up=0.05), 0.25),
)
# The large stream sees fewer pixels first, which costs less.
HALF_PASSES = (
    Pass("stream", _LARGE, 1.0, until=8, side=80, mixed=0.3),
    Pass("settle", replace(_LARGE, epochs=12, learning_rate=2e-4), 0.7, until=9, mixed=0.3),
)
WHOLE_PASSES = (
    Pass("settle", replace(_LARGE, epochs=11, learning_rate=2.5e-4, average=0.997), 0.8, mixed=0.4, taught=0.6),
)
SMOOTHING = 0.1  # share of the labels spread over all
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
def face_logits(network: FaceClassifier, faces: Faces, batch_size: int = 256) -> torch.Tensor:
    """float [N, 7] of a classifier of grey faces, in evaluation mode."""
    network.eval()
    seen = network.stream.seen
    return torch.cat([network(middle(part, seen)) for part in grey_batch(faces)[0].split(batch_size)])


def small_classifier(seed: int, width: int = 32) -> FaceClassifier:
    """As it starts: from nothing."""
    torch.manual_seed(seed)
    return FaceClassifier(SmallStream(width))


def large_classifier(seed: int, side: int = SIDE) -> FaceClassifier:
    """As it starts: with FaceNet's weights."""
    torch.manual_seed(seed)
    stream = LargeStream(side)
    start_from_facenet(stream.layers, facenet_weights())
    return FaceClassifier(stream)


def train_small(network: FaceClassifier, train: Faces, held_out: Faces, **options: Any) -> None:
    """Fit in place, all passes. options: of `train_classifier`."""
    train_classifier(network, SMALL_PASSES[:1], train, held_out, **options)
    told = logits_both_ways(network, train).softmax(1)
    train_classifier(network, SMALL_PASSES[1:], train, held_out, told=told, **options)


def halves(faces: Faces) -> NDArray[np.int64]:
    """[N], 0 or 1: which half an image belongs to, the same for its copies."""
    return np.array([crc32(image.tobytes()) % 2 for image in faces.images])


@torch.no_grad()
def logits_both_ways(network: FaceClassifier, faces: Faces, batch_size: int = 256) -> torch.Tensor:
    """float [N, 7]: the logits that a classifier gives faces and their mirror images, on average."""
    network.eval()
    logits = []
    for part in grey_batch(faces)[0].split(batch_size):
        with torch.autocast("cpu", torch.bfloat16, enabled=use_bfloat16(True)):
            logits.append(
                both_ways(nn.Sequential(network.stream, network.head), middle(part, network.stream.seen)).float()
            )
    return torch.cat(logits)


def train_halves(
    train: Faces,
    held_out: Faces,
    *,
    side: int = SIDE,
    seed: int = 1,
    run: Path,
    **options: Any,
) -> tuple[FaceClassifier, torch.Tensor]:
    """A large network trained on each half: one of their weights' mean; and [N, 7], calibrated, what each tells of the
    other."""
    told, which = torch.zeros(len(train), len(EMOTIONS)), halves(train)
    networks = []
    for half in (0, 1):
        network, others = large_classifier(seed + half, side), np.flatnonzero(which != half)
        mine = train.rows(np.flatnonzero(which == half))
        folder = run.with_name(f"{run.name}-{half + 1}")
        train_classifier(network, HALF_PASSES, mine, held_out, seed=seed + half, run=folder, **options)
        logits = logits_both_ways(network, train.rows(others))
        told[others] = (logits / fit_temperature(logits.numpy(), train.labels[others])).softmax(1)
        networks.append(network)
    networks[0].load_state_dict(mean_weights(networks))
    return networks[0], told


def train_classifier(
    network: FaceClassifier,
    passes: Sequence[Pass],
    train: Faces,
    held_out: Faces,
    *,
    told: torch.Tensor | None = None,
    epochs: int | None = None,
    seed: int = 1,
    run: Path | None = None,
    progress: bool = True,
) -> None:
    """Fit in place. told: [N, 7], what others think of the images, for the passes that are taught. epochs: of each
    pass at most. run: how the folders of its passes begin."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images, labels = grey_batch(train)
    targets = functional.one_hot(labels, len(EMOTIONS)).float() * (1 - SMOOTHING) + SMOOTHING / len(EMOTIONS)

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        return functional.cross_entropy(network(batch[0]).float(), batch[1])

    def score(network: nn.Module) -> float:
        assert isinstance(network, FaceClassifier)
        right = face_logits(network, held_out).argmax(1) == torch.from_numpy(held_out.labels)
        return right.float().mean().item()

    stream, whole = network.stream, getattr(network.stream, "side", 0)
    for one in passes:
        if isinstance(stream, LargeStream):
            stream.side = min(whole, one.side or whole)
        options = replace(one.options, epochs=min(one.options.epochs, epochs or one.options.epochs), seed=seed)
        learned = targets if told is None else (1 - one.taught) * targets + one.taught * told

        def batches(
            generator: np.random.Generator, one: Pass = one, learned: torch.Tensor = learned
        ) -> Iterable[Batch]:
            for faces, wanted in shuffled((images, learned), one.options.batch_size, generator):
                changed = augment_faces(faces, one.strength, network.stream.seen)
                if generator.random() < one.mixed:
                    changed, wanted = mixed(changed, wanted)
                yield changed.contiguous(memory_format=torch.channels_last), wanted

        folder = run.with_name(f"{run.name}-{one.name}") if run is not None else None
        steps = steps_of(len(images), options.batch_size)
        fit(network, loss, batches, steps, options, run=folder, score=score, until=one.until, progress=progress)
