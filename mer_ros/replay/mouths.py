"""Mouths of still pictures that open with a sound, so that it can be seen who speaks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.utterance import SAMPLE_RATE

WIDEST = 0.28  # of the mouth's width that it opens at most
QUIET_RMS, LOUD_RMS = 0.01, 0.12  # shut below, wide open above; of full scale
SPAN_S = 0.05  # over which the loudness is taken
INSIDE = (52, 24, 24)  # colour, RGB
CHIN = 1.5  # below the mouth, in its widths, where nothing moves any more

Image = NDArray[np.uint8]


def opening(sound: NDArray[np.integer], time_s: float) -> float:
    """How far a mouth is open that says this: 0..1. sound: int16 [n], 16 kHz."""
    middle, half = round(time_s * SAMPLE_RATE), round(SPAN_S * SAMPLE_RATE / 2)
    near = sound[max(0, middle - half) : max(0, middle + half)].astype(np.float64) / 32768
    rms = float(np.sqrt((near**2).mean())) if len(near) else 0.0
    return float(np.clip(np.log(max(rms, 1e-6) / QUIET_RMS) / np.log(LOUD_RMS / QUIET_RMS), 0, 1))


def open_mouth(picture: Image, mouth: tuple[float, float, float], share: float) -> Image:
    """A copy of a picture, uint8 [h, w, 3], whose mouth is open by a share, 0..1. mouth: middle x, y and width.

    The lower lip and the chin move down, and between the lips it is dark.
    """
    x, y, width = mouth
    left, right = max(0, int(x - width)), min(picture.shape[1], int(x + width))
    top, bottom = max(0, int(y)), min(picture.shape[0], int(y + CHIN * width))
    if share <= 0 or right <= left or bottom <= top:
        return picture.copy()
    columns, rows = np.meshgrid(np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32))
    gap = share * WIDEST * width * np.maximum(0, 1 - ((columns - x) / (width / 2)) ** 2)
    below = (rows - y) / (CHIN * width)
    source = rows - gap * np.clip(1.5 * (1 - below), 0, 1)
    moved = cv2.remap(picture, columns, source.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    dark = np.clip(gap - (rows - y), 0, 1)[..., None]
    opened = picture.copy()
    opened[top:bottom, left:right] = (1 - dark) * moved + dark * np.array(INSIDE)
    return opened
