from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mer_ros.errors import InputError, OptionError
from mer_ros.utterance import Box, FaceSample, Frame, SpeechState, Utterance, VisualWindow
from mer_ros.vision.detector import Detection, make_detector
from mer_ros.vision.observer import FaceObserver
from mer_ros.vision.observer_options import ObserverOptions
from mer_ros.vision.recognition import PersonRecogniser
from mer_ros.vision.tracker import TrackerOptions
from mer_ros.vision.window import SampledFrame, prominent, spread

MS = 1_000_000
START = 1_700_000_000_000 * MS
FACE = Box(200, 150, 100, 120)
QUIET = ObserverOptions(interim_period_ms=0)


def speech(number: int, start_ms: int, end_ms: int, state: SpeechState = SpeechState.ENDED) -> Utterance:
    return Utterance(number, state, START + start_ms * MS, START + end_ms * MS, np.zeros(0, np.int16))


def frames(scene, count: int, period_ms: int = 40, start_ms: int = 0, face: Box | None = FACE) -> list[Frame]:
    image = scene.draw(face)
    return [Frame(START + (start_ms + n * period_ms) * MS, noisy(image, n)) for n in range(count)]


def noisy(image: np.ndarray, number: int) -> np.ndarray:
    """No two pictures of a camera are quite the same."""
    image = image.copy()
    image[0, 0] = number % 256
    return image


def key(window: VisualWindow) -> tuple:
    return (
        window.utterance_id,
        window.is_final,
        window.start_ns,
        window.end_ns,
        window.track_id,
        window.frames_seen,
        window.faces_in_view,
        tuple((sample.stamp_ns, sample.box, sample.face.tobytes()) for sample in window.samples),
    )


@pytest.fixture
def seeing(scripted):
    scripted.boxes = [FACE]
    return scripted


def run(observer: FaceObserver, inputs: list) -> list[VisualWindow]:
    out = []
    for item in inputs:
        out += observer.frame(item) if isinstance(item, Frame) else observer.utterance(item)
    return out + observer.flush()


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


def run_only(observer: FaceObserver, inputs: list) -> list[VisualWindow]:
    return [window for frame in inputs for window in observer.frame(frame)]


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


def test_interim_windows_are_as_many_whoever_speaks(scene, seeing) -> None:
    items = frames(scene, 100)
    silent = run(FaceObserver(seeing), items)
    started = speech(5, 1_010, 1_010, SpeechState.STARTED)
    going_on = speech(5, 1_010, 1_400, SpeechState.ONGOING)
    spoken = run(FaceObserver(seeing), [*items[:26], started, *items[26:60], going_on, *items[60:]])
    assert len(silent) == len(spoken) == 8
    assert {w.utterance_id for w in silent} == {0}
    assert [w.utterance_id for w in spoken] == [0, 0, 0, 5, 5, 5, 5, 5]
    assert all(not w.is_final and w.track_id == 1 and w.samples for w in [*silent, *spoken])
    assert [w.start_ns for w in spoken] == [w.start_ns for w in silent]


def test_interim_windows_are_one_for_each_face_and_carry_each_sample_once(scene, scripted) -> None:
    scripted.boxes = [Box(50, 50, 60, 70), Box(300, 200, 120, 140)]
    image = scene.draw(*scripted.boxes)
    told = run(FaceObserver(scripted), [Frame(START + n * 40 * MS, noisy(image, n)) for n in range(101)])
    assert [w.track_id for w in told] == [1, 2] * 9
    for track in (1, 2):
        stamps = [sample.stamp_ns for w in told if w.track_id == track for sample in w.samples]
        assert stamps == sorted(set(stamps))
        assert len(stamps) == 41  # every sample there was in four seconds
    first, second = told[2], told[4]
    assert first.end_ns == second.start_ns
    assert len(first.samples) == 5


def test_after_a_pause_an_interim_window_reaches_back_no_further_than_its_span(scene, seeing) -> None:
    observer = FaceObserver(seeing, ObserverOptions(interim_period_ms=2_000, interim_span_ms=500))
    told = run(observer, frames(scene, 101))
    assert [(w.end_ns - 1 - START) // MS for w in told] == [0, 2_000, 4_000]
    assert all(w.end_ns - w.start_ns <= 500 * MS + 1 for w in told)


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


def test_no_interim_windows_without_a_face_in_view(scene, scripted) -> None:
    assert run(FaceObserver(scripted), frames(scene, 60, face=None)) == []


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


def test_utterances_that_never_end_are_forgotten_but_not_lost(scene, seeing) -> None:
    observer = FaceObserver(seeing, QUIET)
    run_only(observer, frames(scene, 20))
    for n in range(1, 41):
        assert observer.utterance(speech(n, n, n, SpeechState.STARTED)) == []
    assert observer.counts["utterances_not_ended"] == 39
    assert len(observer.utterance(speech(1, 1, 500))) == 1


@pytest.mark.parametrize(
    ("stamps_ms", "counts", "frames_used"),
    [
        ([0, 40, 40, 80], {"duplicate_frames": 1}, 3),
        ([0, 40, 20, 80], {"out_of_order_frames": 1}, 3),
        ([0, 40, -50_000, 80], {"stray_frames": 1}, 3),
        ([0, 40, 10**9, 80], {"stray_frames": 1}, 3),
        ([0, 40, -50_000, -49_960, -49_920, -49_880], {"stray_frames": 2, "stamp_jumps": 1}, 4),
        ([0, 40, 10**8, 10**8 + 40, 10**8 + 80], {"stray_frames": 2, "stamp_jumps": 1}, 3),
        ([0, 40, 4_000, 4_040], {"camera_gaps": 1}, 4),
        ([0, 40, -50_000, 90_000, -70_000, 80], {"stray_frames": 3}, 3),
        ([0, 40, -50_000, 90_000, 95_000, 80], {"stray_frames": 3}, 3),
        ([0, 40, 30_000, 32_500, 35_000], {"stray_frames": 2, "stamp_jumps": 1}, 3),  # slow, after a pause
        ([1_000, 1_040, 500, 540, 580, 620, 1_080], {"out_of_order_frames": 4}, 3),
        ([1_000, 1_040, 0, 40, 80, 120, 160, 200], {"out_of_order_frames": 4, "stamp_jumps": 1}, 4),
    ],
)
def test_stamps_that_are_wrong(scene, seeing, stamps_ms, counts, frames_used) -> None:
    observer = FaceObserver(seeing, QUIET)
    image = scene.draw(FACE)
    run_only(observer, [Frame(START + ms * MS, image) for ms in stamps_ms])
    wrong = ("duplicate_frames", "out_of_order_frames", "stray_frames", "stamp_jumps", "camera_gaps")
    assert {name: observer.counts[name] for name in wrong if observer.counts[name]} == counts
    assert observer.counts["frames"] == frames_used


def test_a_clock_that_goes_back_keeps_what_was_said_and_starts_anew(scene, seeing) -> None:
    observer = FaceObserver(seeing, QUIET)
    run_only(observer, frames(scene, 25, start_ms=100_000))
    assert observer.utterance(speech(1, 100_000, 101_500)) == []
    out = run_only(observer, frames(scene, 25))
    assert [(w.utterance_id, w.frames_seen, w.track_id) for w in out] == [(1, 25, 1)]
    (window,) = observer.utterance(speech(1, 0, 900))
    assert window.track_id == 2
    assert window.frames_seen == 21  # two were dropped until the new time was believed


def test_a_short_recording_played_again_and_again(scene, seeing) -> None:
    observer = FaceObserver(seeing, QUIET)
    items = frames(scene, 45)
    for _ in range(4):
        run_only(observer, items)
        (window,) = observer.utterance(speech(1, 400, 1_600))  # the microphone gives the same id and stamps each time
        assert (window.frames_seen, len(window.samples)) == (30, 12)
    assert observer.counts["frames"] == 45 + 3 * 41


def test_an_utterance_said_again_when_time_went_back_is_a_new_one(scene, seeing) -> None:
    observer = FaceObserver(seeing, QUIET)
    again = [speech(1, 0, 900), speech(2, 5_000, 5_900)]
    run_only(observer, frames(scene, 160))
    for _ in range(3):
        assert [w.utterance_id for u in again for w in observer.utterance(u)] == [1, 2]
    assert observer.counts["duplicate_utterances"] == 0


@pytest.mark.parametrize("follower", [None, speech(9, 4_000, 4_000, SpeechState.STARTED)])
def test_an_utterance_whose_end_never_comes_is_open_no_longer(scene, seeing, follower) -> None:
    observer = FaceObserver(seeing)
    items = frames(scene, 250)
    run_only(observer, items[:30])
    observer.utterance(speech(1, 1_000, 1_200, SpeechState.STARTED))
    told = run_only(observer, items[30:100])
    assert {w.utterance_id for w in told} == {1}
    if follower:
        observer.utterance(follower)
        observer.utterance(replace(follower, state=SpeechState.ENDED, end_ns=START + 4_500 * MS))
    late = [w for w in run_only(observer, items[106:]) if not w.is_final]
    assert {w.utterance_id for w in late} == {0}
    assert max(w.end_ns - w.start_ns for w in late) < 1_000 * MS
    assert observer.counts["utterances_not_ended"] == 1


def test_one_stray_stamp_loses_nothing(scene, seeing) -> None:
    observer = FaceObserver(seeing, QUIET)
    items = frames(scene, 40)
    stray = [Frame(0, items[0].image), Frame(START * 2, items[0].image)]
    (window,) = run(observer, [*items[:20], stray[0], *items[20:30], stray[1], *items[30:], speech(1, 0, 1_500)])
    assert (window.frames_seen, window.track_id) == (38, 1)


def test_frames_above_the_rate_are_dropped(scene, seeing) -> None:
    observer = FaceObserver(seeing, replace(QUIET, max_rate_hz=10.0))
    (window,) = run(observer, [*frames(scene, 100, period_ms=20), speech(1, 0, 1_900)])
    assert 18 <= window.frames_seen <= 20
    assert observer.counts["rate_limited_frames"] == 80
    assert len(window.samples) == 16


def test_a_change_of_frame_size(scene, seeing) -> None:
    observer = FaceObserver(seeing, QUIET)
    small = [Frame(f.stamp_ns, f.image[::2, ::2].copy()) for f in frames(scene, 20, start_ms=800)]
    first = run_only(observer, frames(scene, 20))
    seeing.boxes = [Box(100, 75, 50, 60)]
    run_only(observer, small)
    (window,) = observer.utterance(speech(1, 900, 1_500))
    assert first == []
    assert observer.counts["size_changes"] == 1
    assert (window.image_width, window.image_height) == (320, 240)
    assert window.samples[0].box == Box(100, 75, 50, 60)


@pytest.mark.parametrize(
    "frame",
    [
        Frame(START, np.zeros((0, 0, 3), np.uint8)),
        Frame(START, np.zeros((8, 8), np.uint8)),
        Frame(START, np.zeros((8, 8, 3), np.float32)),
        Frame(-1, np.zeros((8, 8, 3), np.uint8)),
    ],
)
def test_bad_frames_are_refused_and_lose_nothing(scene, seeing, frame) -> None:
    observer = FaceObserver(seeing, QUIET)
    items = frames(scene, 20)
    run_only(observer, items[:10])
    with pytest.raises(InputError):
        observer.frame(frame)
    (window,) = run(observer, [*items[10:], speech(1, 0, 700)])
    assert window.frames_seen == 18


def test_an_utterance_that_ends_before_it_starts_is_refused(seeing) -> None:
    with pytest.raises(InputError, match="before its start"):
        FaceObserver(seeing).utterance(speech(1, 100, 50))


def test_memory_is_bounded(scene, seeing) -> None:
    observer = FaceObserver(seeing, replace(QUIET, buffer_s=2.0))
    items = frames(scene, 600)
    run_only(observer, items[:100])
    tracemalloc.start()
    run_only(observer, items[100:300])
    first = tracemalloc.get_traced_memory()[0]
    run_only(observer, items[300:])
    second = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert second - first < 300_000
    assert second < 4_000_000


@pytest.mark.parametrize(
    "options",
    [{"window_frames": 0}, {"sample_period_ms": 0}, {"buffer_s": float("nan")}, {"margin": 0.1}, {"jump_ms": 1}],
)
def test_bad_options_are_refused(options) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        ObserverOptions(**options)


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
