"""A camera that freezes, and a clock that jumps while somebody speaks."""

from __future__ import annotations

import numpy as np
import pytest

from mer_ros.utterance import Box, Frame, SpeechState, Utterance
from mer_ros.vision.freeze import FreezeWatch
from mer_ros.vision.observer import FaceObserver
from mer_ros.vision.observer_options import ObserverOptions

MS = 1_000_000
HOUR_MS = 3_600_000
START = 1_700_000_000_000 * MS
FACE = Box(200, 150, 100, 120)
QUIET = ObserverOptions(interim_period_ms=0)


@pytest.fixture
def seeing(scripted):
    scripted.boxes = [FACE]
    return scripted


def speech(number: int, start_ms: int, end_ms: int, state: SpeechState = SpeechState.ENDED) -> Utterance:
    return Utterance(number, state, START + start_ms * MS, START + end_ms * MS, np.zeros(0, np.int16))


def frames(scene, start_ms: int, end_ms: int, *, frozen: bool = False) -> list[Frame]:
    image = scene.draw(FACE)
    taken = []
    for ms in range(start_ms, end_ms, 40):
        if not frozen:
            image = image.copy()
            image[0, 0] = ms // 40 % 251  # no two pictures of a camera are quite the same
        taken.append(Frame(START + ms * MS, image))
    return taken


def show(observer: FaceObserver, items: list[Frame]):
    return [window for frame in items for window in observer.frame(frame)]


def test_a_picture_is_frozen_once_it_has_come_for_long():
    watch = FreezeWatch(1_000)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 480, 640, 3), dtype=np.uint8)
    assert [watch.push(ms * MS, pictures[0]) for ms in (0, 500, 999, 1_000, 5_000)] == [False] * 3 + [True] * 2
    assert watch.since_ns == 0
    assert not watch.push(5_100 * MS, pictures[1])
    assert not watch.push(5_200 * MS, pictures[0])
    assert not watch.push(6_300 * MS, pictures[0][:240])  # of another size
    watch.reset()
    assert not watch.push(9_000 * MS, pictures[0][:240])
    never = FreezeWatch(0)
    assert not any(never.push(ms * MS, pictures[0]) for ms in (0, 10**6))


def test_the_noise_of_one_pixel_in_sixteen_is_enough():
    watch = FreezeWatch(100)
    picture = np.zeros((480, 640, 3), np.uint8)
    rng = np.random.default_rng(0)
    for n in range(50):
        noisy = picture.copy()
        noisy[rng.random(picture.shape[:2]) < 1 / 16] += 1
        assert not watch.push(n * 40 * MS, noisy)


def test_compressed_video_that_skips_a_still_scene_is_taken_for_frozen_unless_told_otherwise():
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    watch, told = FreezeWatch(ObserverOptions().frozen_ms), FreezeWatch(0)
    assert [watch.push(ms * MS, picture) for ms in (0, 2_999, 3_000)] == [False, False, True]
    assert not told.push(0, picture)
    assert not told.push(60_000 * MS, picture)


def test_nothing_is_seen_on_a_frozen_camera(scene, seeing):
    observer = FaceObserver(seeing)
    show(observer, frames(scene, 0, 2_000))
    (seen,) = observer.utterance(speech(1, 500, 1_900))
    assert seen.samples
    told = show(observer, frames(scene, 2_000, 12_000, frozen=True))
    assert observer.is_frozen
    assert observer.in_view == ()
    assert max(window.end_ns for window in told) < START + 5_100 * MS  # interim ones end with frozen_ms
    (late,) = observer.utterance(speech(2, 3_000, 4_000))  # what was taken for new then is known to be none now
    (frozen,) = observer.utterance(speech(3, 8_000, 9_000))
    assert (late.samples, frozen.samples) == ((), ())
    assert observer.counts["frozen_frames"] == 175
    told = show(observer, frames(scene, 12_000, 14_000))
    assert not observer.is_frozen
    assert observer.in_view
    (again,) = observer.utterance(speech(4, 12_500, 13_900))
    assert again.samples


def test_stamps_that_stand_still_add_nothing(scene, seeing):
    observer = FaceObserver(seeing, QUIET)
    items = frames(scene, 0, 4_000)
    show(observer, items[:25] + [Frame(items[24].stamp_ns, frame.image) for frame in items[25:]])
    (window,) = observer.utterance(speech(1, 0, 960))
    assert window.frames_seen == 24
    assert observer.counts["duplicate_frames"] == 75


@pytest.mark.parametrize("by_ms", [HOUR_MS, -HOUR_MS, -10_000, -800, 3_000, 200_000_000_000])
def test_a_clock_that_jumps_while_somebody_speaks_costs_nothing_that_was_seen(scene, seeing, by_ms):
    """Both clocks jump, the camera's is believed first: the utterance ends at the jump, and another one begins."""
    observer = FaceObserver(seeing, QUIET)
    show(observer, frames(scene, 0, 2_000))
    observer.utterance(speech(1, 500, 1_000, SpeechState.STARTED))
    show(observer, frames(scene, 2_000 + by_ms, 4_000 + by_ms))
    windows = observer.utterance(speech(1, 500, 2_000)) or observer.poll(START + (4_000 + by_ms) * MS)
    assert [(w.utterance_id, w.end_ns, bool(w.samples)) for w in windows] == [(1, START + 2_000 * MS, True)]
    assert windows[0].frames_seen >= 37
    assert observer.utterance(speech(1, 500, 2_000)) == []
    (after,) = observer.utterance(speech(2, 2_300 + by_ms, 3_900 + by_ms))
    assert after.frames_seen >= 36
    assert after.samples
    assert observer.counts["utterances_not_ended"] == 0


@pytest.mark.parametrize("by_ms", [HOUR_MS, -HOUR_MS])
def test_a_camera_back_in_time_sees_as_before(scene, seeing, by_ms):
    observer = FaceObserver(seeing, QUIET)
    show(observer, [*frames(scene, 0, 1_000), *frames(scene, 1_000 + by_ms, 2_000 + by_ms)])
    (away,) = observer.utterance(speech(1, 1_000, 1_900)) or observer.poll(START + 3_000 * MS)
    assert away.samples == ()
    show(observer, frames(scene, 2_000, 4_000))
    (back,) = observer.utterance(speech(2, 2_200, 3_900))
    assert back.samples
    assert observer.counts["stamp_jumps"] == 2


def test_an_utterance_of_another_time_waits_no_longer_than_the_deadline(seeing):
    """Its microphone is an hour ahead: no frame will ever lie after it, and the node's clock not for an hour."""
    observer = FaceObserver(seeing, QUIET)
    now_ns = START + 10_000 * MS
    assert observer.utterance(speech(1, HOUR_MS, HOUR_MS + 900)) == []
    assert observer.poll(now_ns) == []
    assert observer.poll(now_ns + 400 * MS) == []
    (window,) = observer.poll(now_ns + 500 * MS)
    assert (window.utterance_id, window.samples) == (1, ())
    assert observer.poll(now_ns + 600 * MS) == []
