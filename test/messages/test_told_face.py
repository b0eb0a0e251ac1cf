"""Regions and landmarks of faces from other nodes, by their fields."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from message_standins import NORMALIZED_REGION, REGION, kind, stamped

from mer_ros.errors import InputError
from mer_ros.messages.faces import landmarks_of, told_face

START = 1_700_000_000_123_456_789
EDGES = {"xmin": 0.25, "ymin": 0.5, "xmax": 0.5, "ymax": 1.0}


def landmarks(found=range(70)):
    points = [SimpleNamespace(x=n / 100, y=n / 200, c=float(n in found)) for n in range(70)]
    return kind("FacialLandmarks", header=stamped, landmarks=list)(landmarks=points)


def test_a_normalized_region():
    face = told_face(NORMALIZED_REGION(header=stamped(START), **EDGES, c=0.75), 5)
    assert (face.stamp_ns, face.edges, face.in_pixels, face.score) == (START, (0.25, 0.5, 0.5, 1.0), False, 0.75)
    assert told_face(NORMALIZED_REGION(**EDGES), 5).stamp_ns == 5  # its stamp was never filled


def test_a_region_in_pixels_has_no_stamp():
    face = told_face(REGION(x_offset=10, y_offset=20, width=30, height=40), START)
    assert (face.stamp_ns, face.edges, face.in_pixels, face.score) == (START, (10, 20, 40, 60), True, 1.0)


@pytest.mark.parametrize(("told", "score"), [(7.0, 1.0), (-1.0, 0.0), (math.nan, 0.0), (math.inf, 0.0)])
def test_a_score_that_cannot_be(told, score):
    assert told_face(NORMALIZED_REGION(**EDGES, c=told), 5).score == score


@pytest.mark.parametrize(
    "message",
    [
        kind("Pose", x=0.0)(),
        NORMALIZED_REGION(),
        NORMALIZED_REGION(**{**EDGES, "xmax": 0.1}),
        NORMALIZED_REGION(**{**EDGES, "ymin": math.nan}),
        NORMALIZED_REGION(**{**EDGES, "ymax": math.inf}),
        REGION(width=10),
    ],
)
def test_what_is_no_region_is_refused(message):
    with pytest.raises(InputError, match="region"):
        told_face(message, 5)


def test_five_landmarks_of_seventy():
    five = landmarks_of(landmarks())
    assert five.dtype == np.float32
    assert five[:, 0].tolist() == pytest.approx([0.385, 0.445, 0.30, 0.48, 0.54])
    assert five[:, 1].tolist() == pytest.approx([0.1925, 0.2225, 0.15, 0.24, 0.27])


def test_pupils_stand_in_for_eyes_without_a_contour():
    five = landmarks_of(landmarks({30, 48, 54, 68, 69}))
    assert five[:2, 0].tolist() == pytest.approx([0.68, 0.69])


@pytest.mark.parametrize("missing", [30, 48, 54, 68, 69])
def test_without_one_of_them_there_are_none(missing):
    assert landmarks_of(landmarks({30, 48, 54, 68, 69} - {missing})) is None


def test_another_count_is_refused():
    with pytest.raises(InputError, match="3 landmarks"):
        landmarks_of(SimpleNamespace(landmarks=[1, 2, 3]))


def test_the_real_messages():
    types = pytest.importorskip("hri_msgs.msg", reason="hri_msgs is not installed")
    face = told_face(types.NormalizedRegionOfInterest2D(**EDGES, c=0.5), 5)
    assert (face.edges, face.score) == ((0.25, 0.5, 0.5, 1.0), 0.5)
