"""FER2013 faces: `fer2013/train.npz` and `validation.npz` (images uint8 [N, 48, 48] grey, labels uint8 [N])."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError


@dataclass(frozen=True)
class Faces:
    """images: uint8 [N, 48, 48] grey. labels: int64 [N], numbers in the order of EMOTIONS."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, rows: NDArray[np.integer]) -> Faces:
        """These rows alone."""
        return Faces(self.images[rows], self.labels[rows])


def load_fer2013(data: Path, part: str) -> Faces:
    """One part, "train" or "validation". Raises InputError for a missing or odd file."""
    path = Path(data) / "fer2013" / f"{part}.npz"
    if not path.is_file():
        raise InputError(f"{path} is missing; --data must name a folder that holds fer2013/{part}.npz.")
    with np.load(path) as archive:
        images, labels = archive["images"], archive["labels"].astype(np.int64)
    if images.dtype != np.uint8 or images.shape != (len(labels), 48, 48):
        raise InputError(f"{path}: images are {images.dtype} {images.shape}; uint8 [N, 48, 48] is needed.")
    if labels.size == 0 or labels.min() < 0 or labels.max() >= len(EMOTIONS):
        raise InputError(f"{path}: labels must be numbers from 0 to {len(EMOTIONS) - 1}, at least one.")
    return Faces(images, labels)


def without_copies(faces: Faces, held_out: Faces) -> Faces:
    """`faces` less every image that `held_out` holds too: FER2013 repeats some images across its parts."""
    known = {image.tobytes() for image in held_out.images}
    return faces.rows(np.flatnonzero([image.tobytes() not in known for image in faces.images]))


def split_rows(n: int, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers (rest, held out): a fixed random share of n rows, each list sorted."""
    order = np.random.default_rng(seed).permutation(n)
    cut = n - round(n * share)
    return np.sort(order[:cut]), np.sort(order[cut:])
