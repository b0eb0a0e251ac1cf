"""What the models see of a frame: the face, and the context with every face hidden (CAER-Net, arXiv 1908.05913)."""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.utterance import Box, FaceSample
from mer_ros.vision.detector import halved

Image = NDArray[np.uint8]

FACE_PX = 96
CONTEXT_SHAPE = (112, 150)  # height, width
WHOLE_SHAPE = (84, 150)  # of the frames that the early-fusion network sees

#: Side of the crop / geometric mean of the box's width and height. In FER2013, which the face model learns
#: from, a face found by CenterFace takes 0.762 x 0.900 of the picture, in its middle (median of 439 faces;
#: 0.769 x 0.962 by YuNet): the geometric mean is 0.82 to 0.86 of the side.
MARGIN = 1.20

#: Heads tilted by more than this are turned upright; less is common in FER2013, and costs a blur to mend.
UPRIGHT_DEG = 12.0


def face_square(box: Box, margin: float = MARGIN) -> tuple[float, float, float]:
    """The square around a face that is cropped: middle x, middle y and side, pixels; it may leave the frame."""
    side = margin * math.sqrt(box.width * box.height)
    return box.x + box.width / 2, box.y + box.height / 2, side


def crop_face(
    image: Image,
    box: Box,
    landmarks: NDArray[np.floating] | None = None,
    *,
    margin: float = MARGIN,
    upright_deg: float = UPRIGHT_DEG,
) -> Image:
    """Crop a face: uint8 [96, 96, 3]. Beyond the frame its edge is repeated.

    landmarks: [5, 2] pixels, eyes first; with them a head tilted by more than upright_deg is turned upright.
    """
    middle_x, middle_y, side = face_square(box, margin)
    tilt = _tilt_deg(landmarks)
    if abs(tilt) > upright_deg:
        return _turned(image, middle_x, middle_y, side, tilt)
    size = max(1, round(side))
    left, top = round(middle_x - side / 2), round(middle_y - side / 2)
    height, width = image.shape[:2]
    inner = image[max(0, top) : max(0, top + size), max(0, left) : max(0, left + size)]
    beyond = (max(0, -top), max(0, top + size - height), max(0, -left), max(0, left + size - width))
    if any(beyond):
        inner = np.asarray(cv2.copyMakeBorder(inner, *beyond, cv2.BORDER_REPLICATE), np.uint8)
    return _resize(inner, FACE_PX, FACE_PX)


def context_crop(image: Image, faces: Iterable[Box]) -> Image:
    """Scale the frame to uint8 [112, 150, 3] with every face blacked out, as CAER-Net's context stream has it."""
    height, width = CONTEXT_SHAPE
    small = _resize(halved(image, 2 * height, 2 * width), height, width)
    x_scale, y_scale = width / image.shape[1], height / image.shape[0]
    for box in faces:
        left, right = math.floor(box.x * x_scale), math.ceil((box.x + box.width) * x_scale)
        top, bottom = math.floor(box.y * y_scale), math.ceil((box.y + box.height) * y_scale)
        small[max(0, top) : bottom, max(0, left) : right] = 0
    return small


def paste_face(sample: FaceSample, frame_shape: tuple[int, ...], *, margin: float = MARGIN) -> Image:
    """Put a sample's face back in its box of the context: about the whole frame, uint8 [84, 150, 3].

    frame_shape: (height, width, ...) of the camera frame. Other faces stay hidden. margin: as when cropped.
    """
    height, width = WHOLE_SHAPE
    whole = _resize(sample.context, height, width)
    x_scale, y_scale = width / frame_shape[1], height / frame_shape[0]
    box = sample.box
    _, _, side = face_square(box, margin)
    # The box is in the middle of the crop, so its part of the crop needs only its size.
    half_x = min(FACE_PX / 2, FACE_PX * box.width / side / 2)
    half_y = min(FACE_PX / 2, FACE_PX * box.height / side / 2)
    x0, x1 = round(FACE_PX / 2 - half_x), round(FACE_PX / 2 + half_x)
    y0, y1 = round(FACE_PX / 2 - half_y), round(FACE_PX / 2 + half_y)
    left, right = math.floor(box.x * x_scale), math.ceil((box.x + box.width) * x_scale)
    top, bottom = math.floor(box.y * y_scale), math.ceil((box.y + box.height) * y_scale)
    left, top, right, bottom = max(0, left), max(0, top), min(width, right), min(height, bottom)
    if right > left and bottom > top:
        whole[top:bottom, left:right] = _resize(sample.face[y0:y1, x0:x1], bottom - top, right - left)
    return whole


def _tilt_deg(landmarks: NDArray[np.floating] | None) -> float:
    if landmarks is None or not np.isfinite(landmarks[:2]).all():
        return 0.0
    across, down = (landmarks[1] - landmarks[0]).tolist()
    return math.degrees(math.atan2(down, across)) if across > 0 else 0.0


def _turned(image: Image, middle_x: float, middle_y: float, side: float, tilt_deg: float) -> Image:
    # Twice the final size first, then down by area: close to an area filter for faces up to 400 px.
    size = 2 * FACE_PX
    turn = np.asarray(cv2.getRotationMatrix2D((middle_x, middle_y), tilt_deg, size / side), np.float64)
    turn[:, 2] += np.array([size / 2 - middle_x, size / 2 - middle_y])
    large = cv2.warpAffine(image, turn, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _resize(np.asarray(large, np.uint8), FACE_PX, FACE_PX)


def _resize(image: Image, height: int, width: int) -> Image:
    shrinks = image.shape[0] >= height and image.shape[1] >= width
    kind = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    scaled = cv2.resize(image, (width, height), interpolation=kind)
    return np.asarray(scaled, np.uint8)
