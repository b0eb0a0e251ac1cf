from __future__ import annotations

import time
from itertools import combinations

import cv2
import numpy as np
import pytest

from mer_ros.errors import InputError, OptionError
from mer_ros.utterance import Box, Frame
from mer_ros.vision.detector import iou, make_detector
from mer_ros.vision.flow import MedianFlow, median
from mer_ros.vision.tracker import FaceTracker, TrackerOptions

PERIOD_NS = 40_000_000


def moving(n: int) -> Box:
    return Box(50 + 5 * n, 100 + n, 80 + n // 3, 100 + n // 3)


def test_follows_a_face_between_detections(scene, scripted) -> None:
    tracker = FaceTracker(scripted, TrackerOptions(detect_period_ms=400, steady_period_ms=0))
    for n in range(60):
        truth = moving(n)
        scripted.boxes = [truth]
        faces = tracker.update(Frame(n * PERIOD_NS, scene.draw(truth))).faces
        assert [face.id for face in faces] == [1]
        assert iou(faces[0].box, truth) > 0.8
        assert faces[0].detected == (n % 10 == 0)
    assert tracker.counts["detections_run"] == 6
    assert scripted.calls == 6


@pytest.mark.parametrize("detect_period_ms", [0, 200, 400])
@pytest.mark.parametrize("apart", [0, 40, 110])
def test_ids_are_stable_when_two_faces_cross(scene, scripted, detect_period_ms, apart) -> None:
    """apart: pixels that one passes below the other; at 0 one is wholly hidden on the way."""
    tracker = FaceTracker(scripted, TrackerOptions(detect_period_ms=detect_period_ms))
    ids = {}
    for n in range(80):
        behind, front = Box(60 + 6 * n, 120, 80, 100), Box(500 - 6 * n, 120 + apart, 80, 100)
        seen = [front] if iou(behind, front) > 0.3 else [behind, front]
        scripted.boxes = seen[:: (-1) ** n]  # the order must not matter
        faces = tracker.update(Frame(n * PERIOD_NS, scene.draw(behind, front))).faces
        for name, truth in (("behind", behind), ("front", front)):
            found = [face.id for face in faces if iou(face.box, truth) > 0.5]
            if n in (0, 20, 79):
                ids.setdefault(name, []).extend(found)
    assert len(set(ids["front"])) == 1
    assert len(set(ids["behind"])) == 1
    assert ids["front"][0] != ids["behind"][0]
    assert len(ids["front"]) == len(ids["behind"]) == 3


@pytest.mark.parametrize("apart", [0, 150])
def test_ids_of_real_faces_that_cross(astronaut, hopper, scene, apart) -> None:
    """Found by the real detector; at 0 one passes behind the other and is out of view for half a second."""
    cards = [
        cv2.resize(astronaut[30:230, 140:300], (128, 160)),
        cv2.resize(hopper[60:400, 130:400], (127, 160)),
    ]
    tracker = FaceTracker(make_detector())
    ids: list[list[int]] = [[], []]
    for n in range(100):
        image = scene.room.copy()
        corners = [(round(20 + 4.8 * n), 100), (round(490 - 4.8 * n), 100 + apart)]
        for card, (x, y) in zip(cards, corners, strict=True):
            image[y : y + 160, x : x + card.shape[1]] = card
        faces = tracker.update(Frame(n * PERIOD_NS, image)).faces
        for face in faces if n in (0, 30, 95) else ():
            x, y = face.box.x + face.box.width / 2 - 64, face.box.y + face.box.height / 2 - 80
            ids[int(np.argmin([np.hypot(x - left, y - top) for left, top in corners]))].append(face.id)
    assert all(len(found) == 3 and len(set(found)) == 1 for found in ids)
    assert ids[0][0] != ids[1][0]


@pytest.mark.parametrize("apart", [0, 60])
@pytest.mark.parametrize("pair", list(combinations(range(4), 2)))
def test_ids_of_talkers_that_cross(clips, scene, pair, apart) -> None:
    """Two talking faces, cut out round, pass each other; at 0 one is wholly hidden on the way."""
    detector = make_detector()
    cards = []
    for frames in (list(clips.values())[n] for n in pair):
        box = detector.detect(frames[0])[0].box
        rows = slice(max(0, box.y - box.height // 4), box.y + box.height * 5 // 4)
        columns = slice(max(0, box.x - box.width // 4), box.x + box.width * 5 // 4)
        cards.append([cv2.resize(frame[rows, columns], (130, 150)) for frame in frames])
    oval = cv2.ellipse(np.zeros((150, 130, 1), np.uint8), (65, 75), (60, 74), 0, 0, 360, 1, -1) > 0
    tracker, ids = FaceTracker(detector), ({}, {})
    for n in range(64):
        image, corners = scene.room.copy(), (min(490, 10 + 9 * n), max(10, 490 - 9 * n))
        for x, y, card in zip(corners, (120, 120 + apart), cards, strict=True):
            np.copyto(image[y : y + 150, x : x + 130], card[n], where=oval)
        for face in tracker.update(Frame(n * PERIOD_NS, image)).faces:
            middle = face.box.x + face.box.width / 2 - 65
            ids[int(np.argmin([abs(middle - x) for x in corners]))][n] = face.id
    assert [sorted(found[n] for found in ids) for n in (8, 63)] == [[1, 2]] * 2
    assert all(found[8] == found[63] for found in ids)


@pytest.mark.parametrize(("gap_ms", "same"), [(400, True), (1_000, True), (2_500, False)])
def test_an_id_lasts_over_a_short_loss(scene, scripted, gap_ms, same) -> None:
    tracker = FaceTracker(scripted, TrackerOptions(lost_after_ms=1_500))
    last = []
    for n in range(120):
        hidden = 1_000 <= n * 40 < 1_000 + gap_ms
        truth = Box(100 + 2 * n, 150, 80, 100)
        scripted.boxes = [] if hidden else [truth]
        last = tracker.update(Frame(n * PERIOD_NS, scene.draw(None if hidden else truth))).faces
        if hidden and n * 40 >= 1_000 + 200:
            assert last == ()
    assert [face.id for face in last] == [1 if same else 2]


def test_another_face_in_the_same_place_is_another_person_and_the_first_is_known_when_it_returns(scripted) -> None:
    rng = np.random.default_rng(5)
    background, *looks = (rng.integers(0, 256, size, dtype=np.uint8) for size in ((15, 20, 3), (10, 8, 3), (10, 8, 3)))
    tracker, ids = FaceTracker(scripted), []
    for n, who in enumerate([0] * 25 + [None] * 15 + [1] * 25 + [None] * 15 + [0] * 25):
        image = cv2.resize(background, (640, 480))
        if who is not None:
            image[150:250, 200:280] = cv2.resize(looks[who], (80, 100))
        scripted.boxes = [] if who is None else [Box(200, 150, 80, 100)]
        faces = tracker.update(Frame(n * PERIOD_NS, image)).faces
        ids += [face.id for face in faces if face.detected]
    assert sorted(set(ids)) == [1, 2]
    assert ids == sorted(ids[: ids.index(2)]) + [2] * ids.count(2) + [1] * (len(ids) - ids.index(2) - ids.count(2))


def test_a_missed_detection_is_bridged_by_motion(scene, scripted) -> None:
    """The face is in view throughout; the detector is blind to it for 0.4 s."""
    tracker = FaceTracker(scripted, TrackerOptions(detect_period_ms=100))
    for n in range(50):
        truth = moving(n)
        scripted.boxes = [] if 20 <= n < 30 else [truth]
        faces = tracker.update(Frame(n * PERIOD_NS, scene.draw(truth))).faces
        assert [face.id for face in faces] == [1]
        assert iou(faces[0].box, truth) > 0.7


def test_a_crowd_is_bounded_and_wholly_hidden(scripted) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
    scripted.boxes = [Box(60 * (n % 10), 45 * (n // 10), 20 + n // 5, 20 + n // 5) for n in range(100)]
    tracker = FaceTracker(scripted, TrackerOptions(max_tracks=5))
    for n in range(3):
        view = tracker.update(Frame(n * PERIOD_NS, image))
    assert len(view.faces) == 5
    assert all(face.box.width == 39 for face in view.faces)
    assert set(scripted.boxes) <= set(view.hidden)
    assert tracker.counts["faces_over_limit"] == 95


def test_a_larger_face_takes_the_place_of_a_small_one(scene, scripted) -> None:
    tracker = FaceTracker(scripted, TrackerOptions(max_tracks=1, detect_period_ms=0))
    small, large = Box(50, 50, 40, 40), Box(300, 200, 100, 100)
    scripted.boxes = [small]
    tracker.update(Frame(0, scene.draw(small)))
    scripted.boxes = [small, large]
    view = tracker.update(Frame(PERIOD_NS, scene.draw(small, large)))
    assert [face.box for face in view.faces] == [large]
    assert small in view.hidden
    view = tracker.update(Frame(2 * PERIOD_NS, scene.draw(small, large)))
    assert [(face.id, face.box) for face in view.faces] == [(2, large)]
    assert small in view.hidden


def test_ids_are_never_used_again(scene, scripted) -> None:
    tracker = FaceTracker(scripted)
    seen = []
    for n in range(5):
        scripted.boxes = [moving(n)]
        seen += [f.id for f in tracker.update(Frame(n * PERIOD_NS, scene.draw(moving(n)))).faces]
        tracker.reset()
    assert seen == [1, 2, 3, 4, 5]


def test_a_change_of_size_starts_anew(scene, scripted) -> None:
    tracker = FaceTracker(scripted)
    scripted.boxes = [Box(50, 60, 80, 100)]
    tracker.update(Frame(0, scene.draw(scripted.boxes[0])))
    small = cv2.resize(scene.draw(scripted.boxes[0]), (320, 240))
    scripted.boxes = [Box(25, 30, 40, 50)]
    faces = tracker.update(Frame(PERIOD_NS, small)).faces
    assert [(face.id, face.box) for face in faces] == [(2, Box(25, 30, 40, 50))]


def test_the_same_frames_give_the_same_tracks(clips) -> None:
    frames = next(iter(clips.values()))[:30]
    runs = []
    for _ in range(2):
        tracker = FaceTracker(make_detector())
        runs.append([tracker.update(Frame(n * PERIOD_NS, f)).hidden for n, f in enumerate(frames)])
    assert runs[0] == runs[1]


@pytest.mark.parametrize(("steady_period_ms", "most"), [(0, 15), (1_000, 8)])
def test_clips_keep_one_id_and_stay_on_the_face(clips, steady_period_ms, most) -> None:
    detector = make_detector()
    for frames in clips.values():
        tracker = FaceTracker(detector, TrackerOptions(steady_period_ms=steady_period_ms))
        overlaps = []
        for n, frame in enumerate(frames):
            faces = tracker.update(Frame(n * PERIOD_NS, frame)).faces
            assert [face.id for face in faces] == [1]
            if n % 5 == 4:  # the last frame before a detection that may come next
                overlaps.append(iou(faces[0].box, detector.detect(frame)[0].box))
        assert min(overlaps) > 0.75
        assert np.mean(overlaps) > 0.93
        assert tracker.counts["detections_run"] + tracker.counts["detections_spared"] == 15
        assert tracker.counts["detections_run"] <= most


def test_tracking_is_much_cheaper_than_detection(clips) -> None:
    detector = make_detector()
    frames = [cv2.resize(frame, (640, 480)) for frame in next(iter(clips.values()))]
    tracker = FaceTracker(detector)
    detect_ms, track_ms = [], []
    for n, frame in enumerate(frames):
        before = tracker.counts["detections_run"]
        start = time.perf_counter()
        tracker.update(Frame(n * PERIOD_NS, frame))
        spent = (time.perf_counter() - start) * 1e3
        (detect_ms if tracker.counts["detections_run"] > before else track_ms).append(spent)
    assert np.median(track_ms) < np.median(detect_ms) / 3


@pytest.mark.parametrize("shift", [(0, 0), (6, -3), (-9, 4)])
@pytest.mark.parametrize("scale", [1.0, 1.04])
def test_median_flow_measures_motion(scene, shift, scale) -> None:
    flow = MedianFlow()
    box = np.array([300.0, 200.0, 120.0, 140.0])
    image = scene.room
    flow.push(image, [])
    warp = np.array([[scale, 0, 300 * (1 - scale) + shift[0]], [0, scale, 200 * (1 - scale) + shift[1]]])
    moved = cv2.warpAffine(image, warp, (640, 480), borderMode=cv2.BORDER_REFLECT)
    (motion,) = flow.push(moved, [box])
    assert motion is not None
    assert (motion.dx, motion.dy) == pytest.approx(shift, abs=0.6)
    assert motion.scale == pytest.approx(scale, abs=0.01)


def test_median_flow_gives_up_on_another_scene(scene) -> None:
    flow = MedianFlow()
    flow.push(scene.room, [])
    assert flow.push(scene.room[::-1, ::-1].copy(), [np.array([300.0, 200.0, 120.0, 140.0])]) == [None]


@pytest.mark.parametrize(
    "options",
    [{"max_tracks": 0}, {"detect_period_ms": -1}, {"coast_ms": 30_000}, {"lost_after_ms": 1e9}, {"coast_ms": "x"}],
)
def test_bad_options_are_refused(options) -> None:
    with pytest.raises(OptionError):
        TrackerOptions(**options)


def test_what_is_not_an_image_is_refused(scripted) -> None:
    with pytest.raises(InputError):
        FaceTracker(scripted).update(Frame(0, np.zeros((4, 4), np.uint8)))


def test_the_quick_median_is_numpys_to_the_bit():
    rng = np.random.default_rng(3)
    for count in range(1, 40):
        for shape in ((count,), (count, 2)):
            values = rng.normal(size=shape).astype(np.float32)
            assert median(values).tobytes() == np.asarray(np.median(values, axis=0), np.float32).tobytes()
