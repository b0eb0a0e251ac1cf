"""dlib's frontal face detector: histograms of oriented gradients (HOG) and a linear classifier."""

from __future__ import annotations

import math
from typing import Any

from mer_ros.errors import MissingDependencyError
from mer_ros.vision.detector import Detection, Image, check_image, clip_box, fit_width

#: dlib's square runs from the brows to below the chin. These move it to hairline-to-chin, as other detectors
#: have it: measured against CenterFace on FER2013 (median over the faces that both find).
WIDTH_RATIO = 0.94
HEIGHT_RATIO = 1.10
SHIFT_UP = 0.044


class DlibHogDetector:
    """dlib HOG, through `face_recognition`; frontal faces of at least 80 working pixels, no landmarks."""

    name = "dlib_hog"

    def __init__(self, *, min_score: float = 0.5, width_px: int = 640, upsample: int = 0) -> None:
        """Load the detector.

        min_score: 0..1; dlib's margin m becomes the score 1 / (1 + exp(-2 m)), so 0.5 is dlib's own threshold.
        upsample: times that the frame is doubled first, for smaller faces. Raises MissingDependencyError.
        """
        self.width_px = width_px
        self.upsample = upsample
        self._threshold = math.log(min_score / (1.0 - min_score)) / 2.0
        self._detector = _load()

    def detect(self, image: Image) -> list[Detection]:
        """Find faces, best score first."""
        check_image(image)
        small, scale = fit_width(image, self.width_px)
        squares, margins, _ = self._detector.run(small, self.upsample, self._threshold)
        found = []
        for square, margin in zip(squares, margins, strict=True):
            side = square.width() / scale
            middle_x = (square.left() + square.right() + 1) / 2 / scale
            middle_y = (square.top() + square.bottom() + 1) / 2 / scale - SHIFT_UP * side
            half_x, half_y = WIDTH_RATIO * side / 2, HEIGHT_RATIO * side / 2
            box = clip_box(middle_x - half_x, middle_y - half_y, middle_x + half_x, middle_y + half_y, image.shape)
            if box is not None:
                found.append(Detection(box, 1.0 / (1.0 + math.exp(-2.0 * margin))))
        return sorted(found, key=lambda d: -d.score)


def _load() -> Any:
    remedy = (
        "run `pip install dlib-bin 'setuptools<81' face_recognition_models` "
        "and `pip install --no-deps face_recognition`"
    )
    try:
        from face_recognition import api
    except ImportError as error:
        raise MissingDependencyError(f"the dlib face detector needs `{error.name}`: {remedy}") from error
    except SystemExit as error:  # face_recognition quits the program when its models are missing
        raise MissingDependencyError(f"the dlib face detector needs its models package: {remedy}") from error
    return api.face_detector
