"""Which window an utterance gets, and when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from watched_scene import FACE, MS, QUIET, START, frames, key, run, run_only, speech

from mer_ros.utterance import Box, FaceSample, Frame
from mer_ros.vision.detector import Detection, make_detector
from mer_ros.vision.observer import FaceObserver
from mer_ros.vision.observer_options import ObserverOptions
from mer_ros.vision.recognition import PersonRecogniser
from mer_ros.vision.tracker import TrackerOptions
from mer_ros.vision.window import SampledFrame, prominent, spread


def test_an_utterance_gives_one_final_window(scene, seeing) -> None:
    observer = FaceObserver(seeing, QUIET)
    out = run(observer, [*frames(scene, 40), speech(7, 200, 1_200)])
    assert len(out) == 1
    window = out[0]
    assert (window.utterance_id, window.is_final, window.track_id) == (7, True, 1)
    assert (window.image_width, window.image_height) == (640, 480)
    assert (window.frames_seen, window.faces_in_view) == (25, 1)
    stamps = [sample.stamp_ns - START for sample in window.samples]
    assert 8 <= len(stamps) <= 10
    assert all(200 * MS <= stamp < 1_200 * MS for stamp in stamps)
    assert stamps == sorted(stamps)
    assert all(sample.face.shape == (96, 96, 3) for sample in window.samples)
    assert all(sample.context.shape == (112, 150, 3) for sample in window.samples)
    assert all(sample.box == FACE for sample in window.samples if sample.detected)


def test_the_window_waits_for_the_last_frame(scene, seeing) -> None:
    observer = FaceObserver(seeing, QUIET)
    assert run_only(observer, frames(scene, 20)) == []
    assert observer.utterance(speech(1, 100, 1_000)) == []
    later = frames(scene, 10, start_ms=800)
    out = [observer.frame(frame) for frame in later]
    assert [len(windows) for windows in out] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_the_deadline_ends_the_wait(scene, seeing) -> None:
    observer = FaceObserver(seeing, QUIET)
    run_only(observer, frames(scene, 10))
    observer.utterance(speech(1, 0, 1_000))
    assert observer.poll(START + 1_499 * MS) == []
    (window,) = observer.poll(START + 1_500 * MS)
    assert window.frames_seen == 10
    assert observer.poll(START + 9_000 * MS) == []
    assert observer.flush() == []


@pytest.mark.parametrize(
    ("begin", "end", "frames_seen", "samples"),
    [
        (-5_000, 100, 3, 1),  # began before the camera did: it holds the frames at 0, 40 and 80 ms
        (-5_000, -4_000, 0, 0),  # wholly before the camera
        (0, 100_000, 25, 10),  # ends long after the camera did
    ],
)
def test_an_utterance_that_the_camera_missed(scene, seeing, begin, end, frames_seen, samples) -> None:
    observer = FaceObserver(seeing, QUIET)
    (window,) = run(observer, [*frames(scene, 25), speech(1, begin, end)])
    assert window.frames_seen == frames_seen
    assert len(window.samples) == samples
    assert window.track_id == (1 if samples else 0)


def test_beyond_the_buffer_there_is_nothing_but_still_a_window(scene, seeing) -> None:
    observer = FaceObserver(seeing, replace(QUIET, buffer_s=1.0))
    (window,) = run(observer, [*frames(scene, 100), speech(1, 0, 1_000)])
    assert (window.samples, window.track_id, window.frames_seen) == ((), 0, 0)


def test_without_a_face_or_a_camera(scene, scripted) -> None:
    observer = FaceObserver(scripted, QUIET)
    (window,) = run(observer, [*frames(scene, 30, face=None), speech(1, 0, 1_000)])
    assert (window.track_id, window.samples, window.frames_seen) == (0, (), 25)
    (window,) = run(FaceObserver(scripted, QUIET), [speech(3, 0, 1_000)])
    assert (window.utterance_id, window.frames_seen, window.image_width) == (3, 0, 0)


def test_a_very_short_utterance_takes_the_frame_before(scene, seeing) -> None:
    (window,) = run(FaceObserver(seeing, QUIET), [*frames(scene, 20, period_ms=100), speech(1, 510, 590)])
    assert [sample.stamp_ns for sample in window.samples] == [START + 500 * MS]


def test_windows_are_bounded_and_evenly_spread(scene, seeing) -> None:
    observer = FaceObserver(seeing, replace(QUIET, window_frames=5))
    (window,) = run(observer, [*frames(scene, 250), speech(1, 0, 9_900)])
    gaps = np.diff([sample.stamp_ns for sample in window.samples]) / MS
    assert len(window.samples) == 5
    assert gaps.max() - gaps.min() <= 240
    assert gaps.sum() > 9_000


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 60), min_size=3, max_size=3))
def test_the_order_of_calls_does_not_matter(scene, scripted, places) -> None:
    """Utterances are given anywhere among the frames, after they have ended or long before their last frame."""
    scripted.boxes = [FACE]
    items = frames(scene, 60)
    spoken = [speech(1, 100, 600), speech(2, 700, 1_500), speech(3, 1_600, 2_200)]
    expected = run(FaceObserver(scripted, QUIET), [*items, *spoken])
    mixed: list = list(items)
    for place, utterance in zip(places, spoken, strict=True):
        mixed.insert(place, utterance)
    out = run(FaceObserver(scripted, QUIET), mixed)
    assert sorted(map(key, out)) == sorted(map(key, expected))


def test_a_face_that_vanishes_while_it_speaks_keeps_what_was_seen_of_it(scene, scripted) -> None:
    observer = FaceObserver(scripted, replace(QUIET, tracker=TrackerOptions(coast_ms=200)))
    scripted.boxes = [FACE]
    run_only(observer, frames(scene, 30))
    scripted.boxes = []
    run_only(observer, frames(scene, 40, start_ms=1_200, face=None))
    (window,) = observer.utterance(speech(1, 400, 2_500))
    assert window.track_id == 1
    assert 6 <= len(window.samples) <= 12
    assert observer.counts["faces_gone_while_speaking"] == 1
    (window,) = observer.utterance(speech(2, 100, 900))
    assert window.track_id == 1
    assert observer.counts["faces_gone_while_speaking"] == 1


def test_the_most_seen_and_largest_face_is_chosen(scene, scripted) -> None:
    small, large = Box(50, 50, 60, 70), Box(300, 200, 120, 140)
    scripted.boxes = [small, large]
    image = scene.draw(small, large)
    items = [Frame(START + n * 40 * MS, image) for n in range(40)]
    (window,) = run(FaceObserver(scripted, QUIET), [*items, speech(1, 0, 1_500)])
    assert window.faces_in_view == 2
    assert all(sample.box.width > 100 for sample in window.samples)
    context = window.samples[0].context
    for box in (small, large):
        row, column = (box.y + box.height // 2) * 112 // 480, (box.x + box.width // 2) * 150 // 640
        assert (context[row, column] == 0).all()


def test_utterances_are_answered_once(scene, seeing) -> None:
    observer = FaceObserver(seeing, QUIET)
    said = speech(1, 0, 500)
    out = run(observer, [*frames(scene, 20), said, said, said])
    assert len(out) == 1
    assert observer.counts["duplicate_utterances"] == 2
    # A microphone that starts anew counts from 1 again.
    assert len(run(observer, [speech(1, 600, 700)])) == 1


def test_many_utterances_at_once_each_get_a_window(seeing) -> None:
    observer = FaceObserver(seeing, QUIET)
    out = run(observer, [speech(n, n * 100, n * 100 + 90) for n in range(1, 101)])
    assert [window.utterance_id for window in out] == list(range(1, 101))


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("have", [0, 1, 2, 5, 8, 9, 100])
def test_spread_takes_first_and_last_and_each_once(count: int, have: int) -> None:
    taken = spread(list(range(have)), count)
    assert len(taken) == len(set(taken)) == min(count, have)
    assert taken == sorted(taken)
    if have > count > 1:
        assert (taken[0], taken[-1]) == (0, have - 1)
        gaps = np.diff(taken)
        assert gaps.max() - gaps.min() <= 1


def test_prominent_ties_go_to_the_older_face() -> None:
    def sample(size: int) -> FaceSample:
        return FaceSample(0, Box(0, 0, size, size), 0.9, True, np.zeros(0), np.zeros(0))

    assert prominent([]) == 0
    assert prominent([SampledFrame(0, {4: sample(50), 2: sample(50)})]) == 2
    assert prominent([SampledFrame(0, {4: sample(51), 2: sample(50)})]) == 4
    assert prominent([SampledFrame(0, {4: sample(51)}), SampledFrame(1, {2: sample(30), 4: sample(1)})]) == 4


def test_clips_through_the_real_detector(clips) -> None:
    """Four people, one after the other: each of their utterances holds a face with the id of its own."""
    options = replace(QUIET, tracker=TrackerOptions(lost_after_ms=500))
    observer = FaceObserver(make_detector(), options)
    windows = []
    for number, images in enumerate(clips.values(), 1):
        begin = 4_000 * number
        windows += run_only(observer, [Frame(START + (begin + 40 * n) * MS, i) for n, i in enumerate(images)])
        windows += observer.utterance(speech(number, begin + 200, begin + 2_900))
    assert [w.utterance_id for w in windows] == [1, 2, 3, 4]
    assert [w.track_id for w in windows] == [1, 2, 3, 4]
    assert all(len(w.samples) == 16 and w.faces_in_view == 1 for w in windows)
    assert all(sample.score > 0.5 for w in windows for sample in w.samples)


class Known:
    """Encodes every face of track 1's place as one person, and any other as another."""

    def encode(self, image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        encoding = np.zeros(128)
        encoding[int(landmarks[0, 0] > 300)] = 1.0
        return encoding


class Pointed:
    """Finds the two faces with landmarks, or none while `gone`."""

    name = "pointed"
    gone = False

    def detect(self, image: np.ndarray) -> list[Detection]:
        boxes = [] if self.gone else [Box(80, 150, 100, 120), Box(400, 150, 100, 120)]
        points = np.array([[30, 40], [70, 40], [50, 60], [35, 85], [65, 85]], np.float32)
        return [Detection(box, 0.9, points + np.array([box.x, box.y], np.float32)) for box in boxes]


def test_windows_tell_the_person_who_is_known_at_their_end_also_after_a_pause(scene) -> None:
    detector = Pointed()
    options = ObserverOptions(tracker=TrackerOptions(lost_after_ms=1_000))
    observer = FaceObserver(detector, options, PersonRecogniser(Known()))
    image, empty = scene.draw(*(d.box for d in detector.detect(np.zeros(0)))), scene.draw(None)
    told = run_only(observer, [Frame(START + n * 40 * MS, image) for n in range(60)])
    assert {(w.track_id, w.person_id) for w in told} == {(1, ""), (2, ""), (1, "person-1"), (2, "person-2")}
    assert {face.person_id for face in observer.in_view} == {"person-1", "person-2"}
    early, late = observer.utterance(speech(1, 0, 350)), observer.utterance(speech(2, 400, 2_300))
    assert [w.person_id for w in [*early, *late]] == ["", "person-1"]
    detector.gone = True
    run_only(observer, [Frame(START + (2_400 + n * 40) * MS, empty) for n in range(60)])
    detector.gone = False
    run_only(observer, [Frame(START + (4_800 + n * 40) * MS, image) for n in range(60)])
    (window,) = observer.utterance(speech(3, 6_000, 7_000))
    assert (window.track_id, window.person_id) == (3, "person-1")
    assert observer.forget("person-1") == 1
    (window,) = observer.utterance(speech(4, 6_500, 7_100))
    assert (window.track_id, window.person_id) == (3, "")
    assert observer.counts["people_met"] == 2
