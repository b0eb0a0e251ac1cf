"""A face as numbers that tell it from other faces."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError, ModelError
from mer_ros.inference import Model

CHIP_PX = 150
#: Where the eyes, the nose and the corners of the mouth lie in the picture that the network takes, (x, y) pixels: the
#: mean over 54 faces of six persons as dlib turns them, whose landmarks are other ones. The encodings differ by 0.13
#: from those with dlib's landmarks; faces of one person by up to 0.31, of two persons by 0.66 and more.
PLACES = np.array([[48.8, 49.6], [101.2, 47.7], [75.3, 79.6], [53.0, 105.9], [97.4, 104.2]])


class FaceEncoder:
    """Encodes faces; see the card of the model.

    model: input `face` uint8 [B, 150, 150, 3] RGB, output `encoding` [B, 128].
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.name = model.entry.name

    def encode(self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """float64 [128], finite. image: uint8 [height, width, 3] RGB. landmarks: [5, 2] pixels, see `Detection`.

        Raises InputError where the landmarks are no face's, ModelError where the model fails.
        """
        encoding = np.asarray(self._model.run(face=chip(image, landmarks)[None])["encoding"][0], np.float64)
        if not np.isfinite(encoding).all():
            raise ModelError(f"model {self.name} gave an encoding that is not finite; check its export")
        return encoding


def chip(image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.uint8]:
    """A face turned and scaled so that its landmarks lie as near to PLACES as they can: uint8 [150, 150, 3].

    Raises InputError where the landmarks are no face's.
    """
    move = similarity(np.asarray(landmarks, np.float64), PLACES)
    size = (CHIP_PX, CHIP_PX)
    return np.asarray(cv2.warpAffine(image, move, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def similarity(points: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The turn, scale and shift that bring points, [n, 2], nearest to places (least squares): [2, 3].

    Raises InputError where the points are one, or not finite.
    """
    middle, target = points.mean(axis=0), places.mean(axis=0)
    a, b = points - middle, places - target
    size = float((a**2).sum())
    if not np.isfinite(size) or size < 1e-6:
        raise InputError(f"landmarks are {points.tolist()}: give five different points")
    cosine = float((a * b).sum()) / size
    sine = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / size
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.hstack([turn, (target - turn @ middle)[:, None]])
