"""The detector is spared while nothing changes, and asked soon when something does."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mer_ros import stages
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.sample import SampleDialogue
from mer_ros.utterance import Box, Frame
from mer_ros.vision.change import ChangeWatch
from mer_ros.vision.detector import iou, make_detector
from mer_ros.vision.told_faces import ToldFaces
from mer_ros.vision.tracker import FaceTracker, TrackerOptions

PERIOD_NS = 40_000_000
HERE, THERE = Box(100, 120, 80, 100), Box(440, 60, 80, 100)


def see(tracker, image, n):
    return tracker.update(Frame(n * PERIOD_NS, image)).faces


def settled(scene, scripted, **options):
    """A tracker that has followed one still face for a second, up to the frame before number 26; just detected."""
    tracker = FaceTracker(scripted, TrackerOptions(**options))
    scripted.boxes = [HERE]
    for n in range(36):
        see(tracker, scene.draw(HERE), n)
    assert scripted.calls == 4  # thrice, 0.2 s apart, to be sure of it, and a second later
    return tracker


def test_a_face_that_stays_is_detected_once_a_second(scene, scripted) -> None:
    tracker = settled(scene, scripted)
    for n in range(36, 136):
        (face,) = see(tracker, scene.draw(HERE), n)
        assert (face.id, iou(face.box, HERE) > 0.95) == (1, True)
    assert scripted.calls == 4 + 4
    assert tracker.counts["detections_spared"] == 136 // 5 + 1 - 8


def test_who_comes_into_view_is_found_at_the_next_look(scene, scripted) -> None:
    tracker = settled(scene, scripted)
    scripted.boxes = [HERE, THERE]
    image = scene.draw(HERE, THERE)
    image[60:160, 440:520] = cv2.add(image[60:160, 440:520], np.full((100, 80, 3), 25, np.uint8))
    seen = [len(see(tracker, image, n)) for n in range(36, 50)]
    assert seen.index(2) <= 4
    assert seen[seen.index(2) :].count(2) == len(seen) - seen.index(2)


def test_who_comes_without_a_move_is_found_in_the_steady_period(scene, scripted) -> None:
    """The picture stays as it is: the detector alone has become able to see a face in it."""
    tracker = settled(scene, scripted, steady_period_ms=1_000)
    scripted.boxes = [HERE, THERE]
    seen = [len(see(tracker, scene.draw(HERE), n)) for n in range(36, 70)]
    assert 4 < seen.index(2) <= 25


def test_a_cut_is_looked_at_at_once(scene, scripted) -> None:
    tracker = settled(scene, scripted)
    for n in range(36, 43):
        see(tracker, scene.draw(HERE), n)
    scripted.boxes = [THERE]
    room = scene.room[::-1, ::-1].copy()
    room[THERE.y : THERE.y + THERE.height, THERE.x : THERE.x + THERE.width] = cv2.resize(scene.looks[1], (80, 100))
    (face,) = see(tracker, room, 43)
    assert (face.id, face.box, face.detected) == (2, THERE, True)


@pytest.mark.parametrize("corner", [(0, 100), (560, 100), (100, 0), (100, 380)])
def test_a_face_at_the_edge_is_looked_at_often(scene, scripted, corner) -> None:
    box = Box(*corner, 80, 100)
    scripted.boxes = [box]
    tracker = FaceTracker(scripted)
    for n in range(51):
        faces = see(tracker, scene.draw(box), n)
        assert [face.id for face in faces] == [1]
    assert scripted.calls == 11


def test_a_face_that_leaves_over_the_edge_is_cut_off_there(scene, scripted) -> None:
    tracker, last = FaceTracker(scripted), None
    for n in range(60):
        left = 400 + 6 * n
        shown = Box(left, 150, 80, 100)
        image = np.pad(scene.room, ((0, 0), (0, 200), (0, 0)), mode="reflect")
        if left < 760:
            image[150:250, left : left + 80] = cv2.resize(scene.looks[0], (80, 100))
        visible = min(640, left + 80) - left
        scripted.boxes = [Box(left, 150, visible, 100)] if visible >= 30 else []
        faces = see(tracker, np.ascontiguousarray(image[:, :640]), n)
        for face in faces:
            assert face.box.x >= 0
            assert face.box.x + face.box.width <= 640
            assert face.id == 1
        last = faces
        if visible == 80:
            assert iou(faces[0].box, shown) > 0.8
    assert last == ()


def test_what_was_found_once_is_looked_at_again_soon(scene, scripted) -> None:
    """A false alarm does not stay for the steady period."""
    tracker = FaceTracker(scripted)
    scripted.boxes = [HERE]
    see(tracker, scene.draw(), 0)
    scripted.boxes = []
    shown = [bool(see(tracker, scene.draw(), n)) for n in range(1, 30)]
    assert not any(shown[TrackerOptions().coast_ms // 40 + 1 :])


def test_a_face_that_looks_otherwise_is_looked_at_anew(scene, scripted) -> None:
    tracker = settled(scene, scripted)
    for n in range(36, 50):
        image = scene.draw(HERE)
        image[130:200, 110:150] = (image[130:200, 110:150] * 0.3).astype(np.uint8)  # a hand before it
        see(tracker, image, n)
    assert scripted.calls > 4


def test_two_tracks_never_keep_one_face(scene, scripted) -> None:
    """Two faces come together until one hides the other, then the detector sees one: so does the tracker."""
    tracker = FaceTracker(scripted)
    for n in range(60):
        away = max(0, 300 - 8 * n)
        behind, front = Box(200 + away, 120, 80, 100), Box(200, 125, 80, 100)
        apart = iou(behind, front) < 0.3
        scripted.boxes = [behind, front] if apart else [front]
        faces = see(tracker, scene.draw(behind, front), n)
        assert len({face.id for face in faces}) == len(faces)
        if n * 40 > 40 * 38 + 200:  # covered, and looked at since
            assert len(faces) == 1
    assert tracker.counts["tracks_started"] == 2


def test_a_poster_of_a_hundred_faces(scene, scripted, monkeypatch) -> None:
    """Work and memory are those of max_tracks faces, and the poster does not keep the detector busy."""
    boxes = [Box(10 + 62 * (n % 10), 5 + 47 * (n // 10), 20 + n % 7, 24 + n % 7) for n in range(100)]
    rng = np.random.default_rng(1)
    image = scene.room.copy()
    for box in boxes:
        look = cv2.GaussianBlur(rng.integers(0, 256, (30, 30, 3), dtype=np.uint8), (0, 0), 2)
        image[box.y : box.y + box.height, box.x : box.x + box.width] = cv2.resize(look, (box.width, box.height))
    scripted.boxes = boxes
    tracker = FaceTracker(scripted, TrackerOptions(max_tracks=5))
    followed = []
    push = tracker._flow.push
    monkeypatch.setattr(
        tracker._flow, "push", lambda image, places: followed.append(len(places)) or push(image, places)
    )
    for n in range(100):
        view = tracker.update(Frame(n * PERIOD_NS, image))
        assert len(view.faces) == 5
        assert len(view.hidden) == 100
    assert max(followed) == 5
    assert tracker.counts["tracks_started"] == 5
    assert tracker.counts["faces_over_limit"] == 95 * scripted.calls
    assert scripted.calls <= 7


def test_a_camera_that_pans_and_zooms_is_no_change() -> None:
    """Two people and an empty room by turns, with cuts in between."""
    frames = [e for e in SampleDialogue(frame_rate_hz=15).events() if isinstance(e, Frame) and e.stamp_ns < 12 * 10**9]
    spared, often = FaceTracker(make_detector()), FaceTracker(make_detector(), TrackerOptions(steady_period_ms=0))
    missed = 0
    for frame in frames:
        faces, others = spared.update(frame).faces, often.update(frame).faces
        assert {face.id for face in faces} <= {1, 2}
        missed += any(max((iou(face.box, other.box) for face in faces), default=0) < 0.6 for other in others)
    assert missed <= len(frames) // 100
    assert spared.counts["detections_run"] < often.counts["detections_run"] / 2


def test_faces_that_another_node_tracks_are_asked_for_always() -> None:
    camera = ReplayOptions().settings()["camera"]
    tracker = stages.observer(camera, ToldFaces())._tracker
    assert tracker.options.steady_period_ms == 0
    assert tracker.options.detect_period_ms == camera["tracker.detect_period_ms"]
    assert stages.observer(camera, make_detector("none"))._tracker.options.steady_period_ms > 0


def grey(seed=0, shift=0, light=0, noise=0.0):
    rng = np.random.default_rng(seed)
    room = cv2.GaussianBlur(rng.integers(0, 256, (260, 360), dtype=np.uint8), (0, 0), 8).astype(float)
    room = (room - room.mean()) / room.std() * 30 + 128
    view = room[10:250, 20 + shift : 340 + shift] + light
    return np.clip(view + np.random.default_rng(seed + 1).normal(0, noise, view.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("after", "changed"),
    [
        (grey(), False),
        (grey(noise=6), False),
        (grey(light=15), False),
        (grey(shift=4), False),
        (grey(seed=5), True),
    ],
)
def test_what_counts_as_a_change(after, changed) -> None:
    watch = ChangeWatch()
    assert watch.push(grey(), [])
    assert watch.push(after, []) == changed
    assert not watch.push(after, [])


@pytest.mark.parametrize(("middle", "changed"), [((160, 120), True), ((160, 200), True), ((60, 60), False)])
def test_a_change_counts_beside_known_faces_alone(middle, changed) -> None:
    watch, after = ChangeWatch(), grey()
    x, y = middle
    after[y - 15 : y + 15, x - 15 : x + 15] = 255 - after[y - 15 : y + 15, x - 15 : x + 15] // 2
    watch.push(grey(), [])
    assert watch.push(after, [np.array([60.0, 60.0, 40.0, 50.0])]) == changed


def test_a_picture_of_another_size_is_a_change() -> None:
    watch = ChangeWatch()
    watch.push(grey(), [])
    assert watch.push(np.ascontiguousarray(grey()[:100]), [])
    watch.reset()
    assert watch.push(grey(), [])
