"""CAER-S: people in scenes, as `caer_s/train/<Emotion>/*.png` (and `test/`); faces are found and hidden here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError
from mer_ros.vision.crops import context_crop, crop_face
from mer_ros.vision.detector import FaceDetector

FOLDERS = ("caer_s", "CAER-S")
# The corpus' own names of its folders.
NAMES = {"anger": "anger", "disgust": "disgust", "fear": "fear", "happy": "joy", "neutral": "neutral"} | {
    "sad": "sadness",
    "surprise": "surprise",
}


@dataclass(frozen=True)
class Scenes:
    """faces: uint8 [N, 96, 96, 3]. contexts: uint8 [N, 112, 150, 3]. labels: int64 [N], as in EMOTIONS."""

    faces: NDArray[np.uint8]
    contexts: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, rows: NDArray[np.integer]) -> Scenes:
        """These rows alone."""
        return Scenes(self.faces[rows], self.contexts[rows], self.labels[rows])


def find_caer_s(data: Path) -> Path:
    """The corpus' folder: inside `data`, or `data` itself. Raises InputError, which names what was looked for."""
    for folder in (*(Path(data) / name for name in FOLDERS), Path(data)):
        train = folder / "train"
        if train.is_dir() and any(p.is_dir() and p.name.lower() in NAMES for p in train.iterdir()):
            return folder
    raise InputError(
        f"{data} holds no CAER-S: there is no train/<Emotion>/ (Anger, Disgust, ...) in it, nor in {FOLDERS[0]} or "
        f"{FOLDERS[1]} inside of it; name the folder that holds it, or ask for made-up scenes with --generated"
    )


def list_caer_s(folder: Path, part: str) -> list[tuple[Path, int]]:
    """Images and labels of a part, "train" or "test". Raises InputError."""
    found = []
    for place in sorted(p for p in (folder / part).iterdir() if p.is_dir()):
        if place.name.lower() not in NAMES:
            raise InputError(f'{place}: "{place.name}" is not one of CAER-S\' folders {", ".join(NAMES)}.')
        label = EMOTIONS.index(NAMES[place.name.lower()])
        found += [(path, label) for path in sorted(place.iterdir()) if path.suffix.lower() in (".png", ".jpg")]
    if not found:
        raise InputError(f"{folder / part} holds no image; CAER-S keeps them in {part}/<Emotion>/*.png.")
    return found


def load_caer_s(folder: Path, part: str, detector: FaceDetector, progress: bool = True) -> tuple[Scenes, int]:
    """The scenes with a face in them, the largest one being the one labelled; and how many had none."""
    import cv2

    faces, contexts, labels, skipped = [], [], [], 0
    for path, label in tqdm(list_caer_s(folder, part), "faces", disable=not progress):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise InputError(f"{path} is no image; restore it, or remove it.")
        rgb = np.ascontiguousarray(image[..., ::-1]).astype(np.uint8, copy=False)
        boxes = [found.box for found in detector.detect(rgb)]
        if not boxes:
            skipped += 1
            continue
        faces.append(crop_face(rgb, max(boxes, key=lambda box: box.width * box.height)))
        contexts.append(context_crop(rgb, boxes))
        labels.append(label)
    if not labels:
        raise InputError(f"no face was found in the {skipped} images of {folder / part}.")
    return Scenes(np.stack(faces), np.stack(contexts), np.array(labels, np.int64)), skipped
