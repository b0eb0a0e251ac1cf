"""YuNet (Machine Intelligence Research 20, 2023): a small face detector that OpenCV runs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mer_ros.errors import MissingDependencyError, ModelError
from mer_ros.vision.detector import Detection, Image, check_image, clip_box, fit_width

MAX_IOU = 0.3
MAX_CANDIDATES = 400
REMEDY = "give the path of face_detection_yunet_2023mar.onnx from OpenCV Zoo as detector_model of the camera node"


class YuNetDetector:
    """YuNet; boxes from hairline to chin, five landmarks. Its file is in no package: the user names it."""

    name = "yunet"

    def __init__(self, model_path: Path | None, *, min_score: float = 0.6, width_px: int = 320) -> None:
        """Load the network. Raises ModelError for a missing or wrong file."""
        if model_path is None:
            raise ModelError(f"the YuNet detector has no model file: {REMEDY}")
        if not model_path.is_file():
            raise ModelError(f"no YuNet model at {model_path}: {REMEDY}")
        if not hasattr(cv2, "FaceDetectorYN"):
            raise MissingDependencyError(
                f"OpenCV {cv2.__version__} has no YuNet: run `pip install 'opencv-python-headless>=4.8'`"
            )
        self.width_px = width_px
        try:
            self._net = cv2.FaceDetectorYN.create(
                str(model_path), "", (width_px, width_px), min_score, MAX_IOU, MAX_CANDIDATES
            )
            self._net.detect(np.zeros((width_px, width_px, 3), np.uint8))
        except cv2.error as error:
            raise ModelError(f"{model_path.name} is not a YuNet model that OpenCV reads: {REMEDY}") from error

    def detect(self, image: Image) -> list[Detection]:
        """Find faces, best score first."""
        check_image(image)
        small, scale = fit_width(image, self.width_px)
        self._net.setInputSize((small.shape[1], small.shape[0]))
        _, rows = self._net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        found = []
        for row in np.empty((0, 15)) if rows is None else np.asarray(rows):
            left, top, width, height = (row[:4] / scale).tolist()
            box = clip_box(left, top, left + width, top + height, image.shape)
            if box is not None:
                points = (row[4:14].reshape(5, 2) / scale).astype(np.float32)
                found.append(Detection(box, float(row[14]), points))
        return sorted(found, key=lambda d: -d.score)
