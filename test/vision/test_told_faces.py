"""Faces that another node has found: which frame they are of, and what becomes of those of no frame."""

import numpy as np
import pytest

from mer_ros.errors import InputError, OptionError
from mer_ros.utterance import Box, Frame
from mer_ros.vision.observer import FaceObserver
from mer_ros.vision.observer_options import ObserverOptions
from mer_ros.vision.told_faces import ToldFace, ToldFaces, ToldOptions

MS = 1_000_000
START = 1_700_000_000_000 * MS
IMAGE = np.random.default_rng(1).integers(0, 256, (480, 640, 3)).astype(np.uint8)
EDGES = (0.25, 0.25, 0.5, 0.75)


def frame(ms):
    return Frame(START + ms * MS, IMAGE)


def face(ms, edges=EDGES, **how):
    return ToldFace(START + ms * MS, edges, **how)


def looked(told, ms):
    """The faces of a frame after which nothing comes for long."""
    ready = [*told.hold(frame(ms)), *told.flush()]
    assert ready[-1].stamp_ns == START + ms * MS
    return told.detect(IMAGE)


@pytest.fixture
def told():
    made = ToldFaces(ToldOptions(tolerance_ms=100, hold_ms=150))
    made.track(["ada", "ben"])
    return made


def test_a_face_is_found_where_it_was_told(told):
    told.tell("ada", face(0, score=0.75))
    (found,) = looked(told, 0)
    assert (found.box, found.score, found.landmarks) == (Box(160, 120, 160, 240), 0.75, None)
    assert told.counts["frames_with_told_faces"] == 1


def test_a_face_told_in_pixels(told):
    told.tell("ada", face(0, (10, 20, 40, 60), in_pixels=True))
    assert looked(told, 0)[0].box == Box(10, 20, 30, 40)


def test_landmarks_come_with_their_face(told):
    marks = np.array([[0.25, 0.5]] * 5, np.float32)
    told.tell("ada", face(0))
    told.mark("ada", START, marks)
    told.mark("ada", START + MS, marks * 2)  # of another frame
    assert looked(told, 0)[0].landmarks.tolist() == [[160.0, 240.0]] * 5


@pytest.mark.parametrize(("ms", "edge"), [(0, 160), (40, 160), (60, 320), (150, 320), (250, None), (-110, None)])
def test_the_place_nearest_in_time_counts(told, ms, edge):
    told.tell("ada", face(0))
    told.tell("ada", face(100, (0.5, 0.25, 0.75, 0.75)))
    assert [found.box.x for found in looked(told, ms)] == ([] if edge is None else [edge])
    assert told.counts["frames_without_told_faces"] == (edge is None)


def test_the_surest_face_comes_first(told):
    told.tell("ada", face(0, score=0.5))
    told.tell("ben", face(0, score=0.9))
    assert [found.score for found in looked(told, 0)] == [0.9, 0.5]


def test_a_frame_waits_for_its_faces(told):
    told.tell("ada", face(0))
    told.tell("ben", face(0))
    assert list(told.hold(frame(33))) == []
    told.tell("ada", face(33))
    assert list(told.hold(frame(66))) == []  # ben has not been told of yet
    told.tell("ben", face(33))
    assert [ready.stamp_ns for ready in told.hold(frame(99))] == [START + 33 * MS]


def test_a_frame_waits_no_longer_than_it_may(told):
    ready = [[r.stamp_ns - START for r in told.hold(frame(ms))] for ms in range(0, 301, 50)]
    assert ready == [[], [], [], [0], [50 * MS], [100 * MS], [150 * MS]]


@pytest.mark.parametrize("step_ms", [10, -10_000])
def test_frames_that_are_held_are_bounded_and_keep_their_order(step_ms):
    told = ToldFaces(ToldOptions(hold_ms=400))
    given = [ready.stamp_ns for n in range(100) for ready in told.hold(frame(n * step_ms))]
    rest = [ready.stamp_ns for ready in told.flush()]
    assert given + rest == [START + n * step_ms * MS for n in range(100)]
    assert len(rest) <= 16


def test_who_left_is_forgotten_and_strangers_are_not_taken(told):
    told.tell("ada", face(0))
    told.track(["ben"])
    told.tell("ada", face(0))
    assert looked(told, 0) == []
    told.track(["ben", "ada"])
    assert looked(told, 0) == []


def test_a_crowd_is_bounded():
    told = ToldFaces(ToldOptions(max_faces=4))
    told.track([f"id{n}" for n in range(100)])
    for _ in range(100):
        for n in range(100):
            told.tell(f"id{n}", face(0))
    assert told.names == ("id0", "id1", "id2", "id3")
    assert told.counts["told_faces_over_limit"] == 96
    assert len(looked(told, 0)) == 4


@pytest.mark.parametrize("edges", [(1.5, 0.1, 1.9, 0.5), (0.1, 0.1, 0.1001, 0.5), (-1.0, -1.0, -0.5, -0.5)])
def test_faces_outside_of_the_frame_are_counted(told, edges):
    told.tell("ada", face(0, edges))
    assert looked(told, 0) == []
    assert told.counts["told_faces_outside"] == 1


def test_a_face_at_the_edge_is_cut_to_the_frame(told):
    told.tell("ada", face(0, (-0.1, 0.5, 0.25, 1.2)))
    assert looked(told, 0)[0].box == Box(0, 240, 160, 240)


def test_what_is_no_image_is_refused(told):
    with pytest.raises(InputError):
        told.detect(np.zeros((4, 4), np.uint8))


def test_whose_face_a_box_is(told):
    told.tell("ada", face(0))
    told.tell("ben", face(0, (0.5, 0.25, 0.75, 0.75)))
    assert told.name_of(Box(165, 110, 150, 250), START, (640, 480)) == "ada"
    assert told.name_of(Box(330, 120, 160, 240), START + 50 * MS, (640, 480)) == "ben"
    assert told.name_of(Box(0, 0, 60, 60), START, (640, 480)) == ""
    assert told.name_of(Box(165, 110, 150, 250), START + 500 * MS, (640, 480)) == ""


def test_the_observer_makes_windows_of_told_faces(told):
    eye = FaceObserver(told, ObserverOptions(interim_period_ms=200))
    windows = []
    for ms in range(0, 1000, 50):
        told.tell("ada", face(ms))
        told.tell("ben", face(ms, (0.6, 0.25, 0.85, 0.75)))
        for ready in told.hold(frame(ms)):
            windows += eye.frame(ready)
    seen = {window.track_id for window in windows if window.samples}
    assert len(seen) == 2
    assert all(window.samples[-1].box.width == 160 for window in windows if window.samples)


@pytest.mark.parametrize("options", [{"tolerance_ms": -1}, {"hold_ms": float("nan")}, {"max_faces": 0}])
def test_options(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        ToldOptions(**options)
