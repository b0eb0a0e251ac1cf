"""Trains the face stream of CAER-Net on FER2013's faces, which have no context: see `fusion` for that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mer_ros.corpora.faces import Faces, load_fer2013, split_rows, without_copies
from mer_ros.training.augment import augment_faces
from mer_ros.training.loop import Batch, FitOptions, fit, shuffled, steps_of
from mer_ros.training.networks.face import FaceClassifier

FACE_OPTIONS = FitOptions(
    epochs=28, batch_size=128, learning_rate=3e-3, weight_decay=5e-2, average=0.998, bfloat16=True
)
# Then once more at a lower rate, with half the changes: the network is too small to fit them all.
SETTLE_OPTIONS = replace(FACE_OPTIONS, epochs=8, learning_rate=1e-3)
HELD_OUT = 0.05  # of train, for the temperature and for choices: never the validation part


def load_split(data: Path, seed: int = 7) -> tuple[Faces, Faces, Faces]:
    """(train, held out of train, validation), with no image of the last in the first two."""
    validation = load_fer2013(data, "validation")
    train = without_copies(load_fer2013(data, "train"), validation)
    rest, held_out = split_rows(len(train), HELD_OUT, seed)
    kept = train.rows(held_out)
    return without_copies(train.rows(rest), kept), kept, validation


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
    return torch.cat([network(part) for part in grey_batch(faces)[0].split(batch_size)])


def train_face_stream(
    train: Faces,
    held_out: Faces,
    options: FitOptions = FACE_OPTIONS,
    run: Path | None = None,
    progress: bool = True,
    width: int = 24,
) -> FaceClassifier:
    """The face stream with a linear head."""
    torch.manual_seed(options.seed)
    network = FaceClassifier(width=width)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    tensors = grey_batch(train)

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        return functional.cross_entropy(network(batch[0]).float(), batch[1], label_smoothing=0.1)

    def score(network: nn.Module) -> float:
        right = face_logits(network, held_out).argmax(1) == torch.from_numpy(held_out.labels)
        return right.float().mean().item()

    settle = replace(SETTLE_OPTIONS, epochs=min(SETTLE_OPTIONS.epochs, options.epochs), seed=options.seed)
    for name, strength, chosen in (("stream", 1.0, options), ("settle", 0.5, settle)):

        def batches(
            generator: np.random.Generator, size: int = chosen.batch_size, strength: float = strength
        ) -> Iterable[Batch]:
            for images, labels in shuffled(tensors, size, generator):
                changed = augment_faces(images, strength)
                yield changed.contiguous(memory_format=torch.channels_last), labels

        steps = steps_of(len(train), chosen.batch_size)
        folder = run / name if run is not None else None
        fit(network, loss, batches, steps, chosen, run=folder, score=score, progress=progress)
    return network
