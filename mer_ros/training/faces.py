"""Trains the face stream of CAER-Net on FER2013's faces, which have no context: see `fusion` for that.

Three passes. The first sees strong changes. The second sees milder ones, and learns from the labels and from what the
first pass has come to think of the unchanged image (self-distillation): people agree on about 65 % of FER2013's
labels, so that a label alone is often wrong. The third sees mild changes, and the rate falls to nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mer_ros.corpora.faces import Faces, load_fer2013, split_rows, without_copies
from mer_ros.emotion import EMOTIONS
from mer_ros.training.augment import augment_faces, mixed
from mer_ros.training.loop import Batch, FitOptions, fit, shuffled, steps_of
from mer_ros.training.networks.face import FaceClassifier, middle

FACE_OPTIONS = FitOptions(
    epochs=34, batch_size=128, learning_rate=3e-3, weight_decay=5e-2, average=0.998, bfloat16=True
)
UNTIL, SETTLE_UNTIL = 30, 11  # epochs of these passes: the last ones, at the lowest rates, are left to the next pass
SETTLE_OPTIONS = replace(FACE_OPTIONS, epochs=14, learning_rate=1.2e-3, warm_up=0.05)
FINISH_OPTIONS = replace(FACE_OPTIONS, epochs=9, learning_rate=1e-3, warm_up=0.05)
CROP = 40  # pixels a side that training sees: it costs less than 48
SMOOTHING, TAUGHT = 0.1, 0.4  # share of the labels spread over all; share of the second pass that is taught
TEACHER_SEES = 44  # pixels a side
MIXED = 0.3  # share of the first pass' batches that are mixed up
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
def taught(network: FaceClassifier, images: torch.Tensor, batch_size: int = 256) -> torch.Tensor:
    """float [N, 7]: the probabilities that a classifier gives the images and their mirror images, on average."""
    network.eval()
    parts = (network.head(network.stream.both(middle(part, TEACHER_SEES))) for part in images.split(batch_size))
    return torch.cat([part.softmax(1) for part in parts])


def train_face_stream(
    train: Faces,
    held_out: Faces,
    options: FitOptions = FACE_OPTIONS,
    run: Path | None = None,
    progress: bool = True,
    width: int = 32,
) -> FaceClassifier:
    """The face stream with a linear head."""
    torch.manual_seed(options.seed)
    network = FaceClassifier(width=width)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images, labels = grey_batch(train)
    targets = functional.one_hot(labels, len(EMOTIONS)).float() * (1 - SMOOTHING) + SMOOTHING / len(EMOTIONS)

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        return functional.cross_entropy(network(batch[0]).float(), batch[1])

    def score(network: nn.Module) -> float:
        right = face_logits(network, held_out).argmax(1) == torch.from_numpy(held_out.labels)
        return right.float().mean().item()

    def run_pass(name: str, strength: float, mix: float, chosen: FitOptions, until: int | None, learn: bool) -> None:
        teacher = copy.deepcopy(network) if learn else None
        learned: list[torch.Tensor] = []  # once: a pass that was finished before does not ask for it

        def batches(generator: np.random.Generator) -> Iterable[Batch]:
            if not learned:
                told = targets if teacher is None else (1 - TAUGHT) * targets + TAUGHT * taught(teacher, images)
                learned.append(told)
            for faces, wanted in shuffled((images, learned[0]), chosen.batch_size, generator):
                changed = augment_faces(faces, strength, CROP)
                if generator.random() < mix:
                    changed, wanted = mixed(changed, wanted)
                yield changed.contiguous(memory_format=torch.channels_last), wanted

        folder = run / name if run is not None else None
        steps = steps_of(len(images), chosen.batch_size)
        fit(network, loss, batches, steps, chosen, run=folder, score=score, until=until, progress=progress)

    def shortened(chosen: FitOptions) -> FitOptions:
        return replace(chosen, epochs=min(chosen.epochs, options.epochs), seed=options.seed)

    run_pass("stream", 1.0, MIXED, options, UNTIL, False)
    run_pass("settle", 0.5, 0.0, shortened(SETTLE_OPTIONS), SETTLE_UNTIL, True)
    run_pass("finish", 0.25, 0.0, shortened(FINISH_OPTIONS), None, False)
    return network
