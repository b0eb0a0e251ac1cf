"""Faces that another node tells of (REP-155), told apart by the fields of their messages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError
from mer_ros.messages.stamps import stamp_of
from mer_ros.vision.told_faces import ToldFace

# hri_msgs/FacialLandmarks, which numbers them as dlib and OpenPose do. The person's right is the image's left.
_EYES = ((range(36, 42), 68), (range(42, 48), 69))  # contour, pupil
_OTHERS = (30, 48, 54)  # tip of the nose, corners of the mouth
_COUNT = 70


def told_face(message: Any, received_ns: int) -> ToldFace:
    """Return a face from its region: hri_msgs/NormalizedRegionOfInterest2D, or sensor_msgs/RegionOfInterest.

    received_ns: stands in for a stamp that was never filled, or that the type does not have.
    Raises InputError for another type, and for a region that is none.
    """
    if all(hasattr(message, name) for name in ("xmin", "ymin", "xmax", "ymax")):
        edges = (message.xmin, message.ymin, message.xmax, message.ymax)
        score, in_pixels = float(getattr(message, "c", 1.0)), False
    elif all(hasattr(message, name) for name in ("x_offset", "y_offset", "width", "height")):
        left, top = message.x_offset, message.y_offset
        edges = (left, top, left + message.width, top + message.height)
        score, in_pixels = 1.0, True
    else:
        raise InputError(
            f"{type(message).__name__} is no region that is known; accepted are "
            "hri_msgs/NormalizedRegionOfInterest2D and sensor_msgs/RegionOfInterest"
        )
    if not all(map(math.isfinite, edges)) or edges[2] <= edges[0] or edges[3] <= edges[1]:
        raise InputError(f"a face's region is {edges} (left, top, right, bottom); right and bottom must be the larger")
    score = min(1.0, max(0.0, score)) if math.isfinite(score) else 0.0
    return ToldFace(stamp_of(message) or received_ns, edges, in_pixels, score)


def landmarks_of(message: Any) -> NDArray[np.float32] | None:
    """Return the five landmarks of `Detection` from hri_msgs/FacialLandmarks, in shares of the image: float32 [5, 2].

    None when one of them was not found: such points have confidence 0. Raises InputError for another count.
    """
    points = message.landmarks
    if len(points) != _COUNT:
        raise InputError(f"a face has {len(points)} landmarks; it must have {_COUNT}")
    eyes = [_middle([points[n] for n in contour]) or _middle([points[pupil]]) for contour, pupil in _EYES]
    five = [*eyes, *(_middle([points[n]]) for n in _OTHERS)]
    found = [point for point in five if point is not None]
    return np.array(found, np.float32) if len(found) == len(five) else None


def _middle(points: list[Any]) -> tuple[float, float] | None:
    """The mean of points, if all of them were found."""
    if any(not (math.isfinite(p.x) and math.isfinite(p.y) and p.c > 0) for p in points):
        return None
    return sum(p.x for p in points) / len(points), sum(p.y for p in points) / len(points)
