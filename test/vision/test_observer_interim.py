"""Interim windows: of whom, how many, and what they hold."""

from __future__ import annotations

from watched_scene import MS, START, frames, noisy, run, speech

from mer_ros.utterance import Box, Frame, SpeechState
from mer_ros.vision.observer import FaceObserver
from mer_ros.vision.observer_options import ObserverOptions


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


def test_no_interim_windows_without_a_face_in_view(scene, scripted) -> None:
    assert run(FaceObserver(scripted), frames(scene, 60, face=None)) == []
