"""How the benchmarks of the live graph measure, without a graph."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mer_ros import stages
from mer_ros.errors import MissingDependencyError
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.sample import NS, SampleDialogue
from mer_ros.utterance import AudioChunk, Frame, SpeechState

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def bench():
    """The modules, by name."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import film
        import latency
        import live
        import load
        import short_term_features
        import startup

        yield SimpleNamespace(
            film=film, latency=latency, live=live, load=load, features=short_term_features, startup=startup
        )
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def sample():
    try:
        return SampleDialogue(size=(64, 48))
    except MissingDependencyError as error:
        pytest.skip(str(error))


def test_the_end_is_timed_by_the_sound_with_which_it_is_known(bench, sample):
    chunks = [event for event in sample.events(5 * NS) if isinstance(event, AudioChunk)]
    microphone = ReplayOptions().settings()["microphone"]
    over = bench.latency.over_at(chunks, stages.listener(microphone))
    listener, known = stages.listener(microphone), {}
    for number, chunk in enumerate(chunks):
        for utterance in listener.push(chunk):
            if utterance.state is SpeechState.ENDED:
                known[utterance.start_ns, utterance.end_ns] = 5 * NS + (number + 1) * NS // 50
    assert over == known
    assert len(over) == 6
    hang_over_ns = round(microphone["segmenter.hang_over_ms"] * 1e6)
    assert all(0 < at_ns - end_ns <= hang_over_ns + 60_000_000 for (_, end_ns), at_ns in over.items())


def test_an_utterance_without_an_emotion_misses_the_marks(bench):
    good = bench.latency.Course(after=[50.0] * 4, ended=4)
    marks = bench.latency.marks_of({"own": good, "outside": good})
    assert [mark.met for mark in marks] == [True] * 3
    bad = replace(good, ended=5)
    assert [mark.met for mark in bench.latency.marks_of({"own": bad, "outside": bad})] == [False] * 3
    assert not any(mark.met for mark in bench.latency.marks_of({"own": bench.latency.Course()}))


@pytest.mark.parametrize("voices", [True, False])
def test_a_scene_has_the_speech_that_is_asked_for(bench, sample, monkeypatch, voices):
    monkeypatch.setattr(bench.film, "SIZE", (64, 48))
    events = list(bench.film.scene(voices=voices, share=0.5))
    sound = np.concatenate([e.samples for e in events if isinstance(e, AudioChunk)]).astype(float)
    assert len(sound) / 16_000 == pytest.approx(bench.film.round_s(0.5), abs=0.1)
    assert sum(isinstance(e, Frame) for e in events) / 30 == pytest.approx(bench.film.round_s(0.5), abs=0.1)
    loud = bool(np.abs(sound).max() > 3000)
    assert loud is voices
    assert [e.stamp_ns for e in events] == sorted(e.stamp_ns for e in events)


def test_what_is_lost_is_told_by_the_counts_of_both_sides(bench):
    heard = bench.live.Heard(
        values={
            "file_player": {"frames": "1000", "chunks": "500", "message": "finished"},
            "camera": {"received_image_raw": "990"},
            "microphone": {"received_audio": "498", "lost_samples": "640"},
        }
    )
    course = bench.load.Course(wall_s=60.0, cpu_s={"camera": 30.0, "fusion": 6.0}, mb=800.0)
    course.peak_mb = {"camera": 500.0, "fusion": 400.0}
    bench.load.count(course, heard)
    assert course.lost_chunks == 2
    assert course.received_percent == pytest.approx(99.0)
    assert course.cores == pytest.approx(0.6)
    marks = {mark.what: mark.met for mark in bench.load.marks_of({"silent": course})}
    assert list(marks.values()) == [False, False, True, True]
    assert bench.load.lines_of({"silent": course})[0].startswith("**silent**: 60 s")
    whole = replace(course, chunks=(500, 500), lost_samples=1)
    assert whole.lost_chunks == 1  # a gap that only the listener saw
    assert replace(whole, lost_samples=0).lost_chunks == 0


def test_the_start_is_read_from_the_managers_log(bench):
    log = (
        "[INFO] [1000.250000000] [lifecycle_manager]: fusion is active\n"
        "[WARN] [1000.500000000] [lifecycle_manager]: camera came back and is brought up again\n"
        "[INFO] [1001.750000000] [head.lifecycle_manager]: microphone is active\n"
        "[INFO] [1002.0] [camera]: camera is active\n"
    )
    assert bench.startup.active_at(log) == {"fusion": 1000.25, "microphone": 1001.75}


def test_processes_are_accounted_for(bench):
    pid = os.getpid()
    before = bench.live.cpu_s(pid)
    sum(range(3_000_000))
    assert bench.live.cpu_s(pid) >= before
    assert 0 < bench.live.shared_mb([pid]) <= bench.live.peak_mb(pid) * 1.05
    assert bench.live.shared_mb([]) == 0.0


def test_what_the_features_are_compared_with_is_there_or_said_to_be_missing(bench):
    found, missing = bench.features.peers()
    assert len(found) + len(missing) == 2
    for peer in found.values():
        assert peer(bench.features.clip(1)) is not None
