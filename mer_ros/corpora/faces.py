"""FER2013 faces: `fer2013/train.npz` and `validation.npz` (images uint8 [N, 48, 48] grey, labels uint8 [N])."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError

FACE_SIDE = 48


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


def read_faces(path: Path) -> Faces:
    """An npz with `images` uint8 [n, 48, 48] and `labels`, numbers in the order of EMOTIONS. Raises InputError."""
    try:
        if Path(path).is_file() and not zipfile.is_zipfile(path):  # numpy would speak of pickled data
            raise ValueError("it is none")
        with np.load(path, allow_pickle=False) as archive:
            if missing := sorted({"images", "labels"} - set(archive.files)):
                raise InputError(f"{path} has no array {', '.join(missing)}; it must hold images and labels")
            images, labels = archive["images"], archive["labels"]
    except (OSError, EOFError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read as npz ({error}); name a file with images and labels") from error
    if images.dtype != np.uint8 or images.shape != (labels.size, FACE_SIDE, FACE_SIDE) or not labels.size:
        raise InputError(
            f"{path}: images are {images.dtype} {list(images.shape)} for {labels.size} labels; "
            f"they must be uint8 [n, {FACE_SIDE}, {FACE_SIDE}], n above 0"
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= len(EMOTIONS):
        raise InputError(f"{path}: labels must be whole numbers from 0 to {len(EMOTIONS) - 1}, one an image")
    return Faces(images, labels.astype(np.int64))


def load_fer2013(data: Path, part: str) -> Faces:
    """One part, "train" or "validation", of the corpora in folder `data`. Raises InputError."""
    return read_faces(Path(data) / "fer2013" / f"{part}.npz")


def without_copies(faces: Faces, held_out: Faces) -> Faces:
    """`faces` less every image that `held_out` holds too: FER2013 repeats some images across its parts."""
    known = {image.tobytes() for image in held_out.images}
    return faces.rows(np.flatnonzero([image.tobytes() not in known for image in faces.images]))


def split_rows(n: int, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers (rest, held out): a fixed random share of n rows, each list sorted."""
    order = np.random.default_rng(seed).permutation(n)
    cut = n - round(n * share)
    return np.sort(order[:cut]), np.sort(order[cut:])
