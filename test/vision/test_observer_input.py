"""Stamps, frames and utterances that are wrong, too many, or of another time."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from watched_scene import FACE, MS, QUIET, START, frames, run, run_only, speech

from mer_ros.errors import InputError, OptionError
from mer_ros.utterance import Box, Frame, SpeechState
from mer_ros.vision.observer import FaceObserver
from mer_ros.vision.observer_options import ObserverOptions


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
