"""Faces as a robot gets them (few pixels, blurred, dark, glaring, tilted, partly hidden), and how well these go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.corpora.faces import FACE_SIDE, Faces
from mer_ros.evaluation.run import evaluate_face
from mer_ros.inference import Model

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Condition:
    """kind: of the change. setting: how much of it, in words. change: grey uint8 [48, 48] to the same."""

    kind: str
    setting: str
    change: Callable[[Image], Image]


def fewer_pixels(image: Image, side: int) -> Image:
    """As a crop of so many pixels a side, enlarged: the whole crop, of which the face takes about 85 %."""
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def blurred(image: Image, sigma_px: float) -> Image:
    """Gaussian blur; sigma in pixels of the 48."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE), np.uint8)


def relit(image: Image, factor: float) -> Image:
    """Brighter or darker by a factor, clipped at white and rounded to grey levels, as a camera does."""
    return np.clip(np.round(image.astype(np.float32) * factor), 0, 255).astype(np.uint8)


def tilted(image: Image, degrees: float) -> Image:
    """Turned about its middle, positive counter-clockwise; the border is repeated."""
    height, width = image.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def partly_hidden(image: Image, top: float, bottom: float, left: float = 0.0, right: float = 1.0) -> Image:
    """A part, shares of the sides, as grey as the picture is on average."""
    hidden = image.copy()
    height, width = image.shape
    hidden[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = image.mean()
    return hidden


CONDITIONS = (
    *(Condition("size", f"{side} px", partial(fewer_pixels, side=side)) for side in (40, 32, 24, 16)),
    *(Condition("blur", f"sigma {s:g} px", partial(blurred, sigma_px=s)) for s in (0.7, 1.0, 1.5, 2.0)),
    *(Condition("brightness", f"x {f:g}", partial(relit, factor=f)) for f in (0.1, 0.25, 0.5, 1.5, 2.0)),
    *(Condition("tilt", f"{angle:+d} degrees", partial(tilted, degrees=angle)) for angle in (-20, -10, 10, 20)),
    Condition("hidden", "mouth and chin", partial(partly_hidden, top=0.62, bottom=1.0)),
    Condition("hidden", "eyes", partial(partly_hidden, top=0.30, bottom=0.50)),
    Condition("hidden", "one side", partial(partly_hidden, top=0.0, bottom=1.0, left=0.0, right=0.35)),
)


def degraded(faces: Faces, condition: Condition) -> Faces:
    """The same faces under a condition."""
    return Faces(np.stack([condition.change(image) for image in faces.images]), faces.labels)


def robustness(model: Model, faces: Faces, conditions: Iterable[Condition] = CONDITIONS) -> dict[str, dict[str, float]]:
    """Accuracy of a face model, through the stage that runs live, by kind of change and setting; unchanged first."""
    found = {"unchanged": {f"{FACE_SIDE} px": evaluate_face(model, faces).scores.accuracy}}
    for condition in conditions:
        scores = evaluate_face(model, degraded(faces, condition)).scores
        found.setdefault(condition.kind, {})[condition.setting] = scores.accuracy
    return found
