"""How the benchmarks of the live graph measure, without a graph."""

from __future__ import annotations

import os
import subprocess
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

MS = 1_000_000
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def bench():
    """The modules, by name."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import after_speech
        import film
        import held
        import latency
        import live
        import load
        import malformed
        import restart
        import short_term_features
        import soak
        import startup

        yield SimpleNamespace(
            after_speech=after_speech,
            film=film,
            held=held,
            latency=latency,
            live=live,
            load=load,
            malformed=malformed,
            restart=restart,
            features=short_term_features,
            soak=soak,
            startup=startup,
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
    pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")
    from mer_ros.nodes.conversions.audio import chunk_message

    chunks = [event for event in sample.events(5 * NS) if isinstance(event, AudioChunk)]
    microphone = ReplayOptions().settings()["microphone"]
    ends = bench.after_speech.Ends()
    heard = bench.live.Heard(chunks=[chunk_message(chunk) for chunk in chunks])
    ends.hear(heard)
    assert heard.chunks == []
    listener, known = stages.listener(microphone), {}
    for number, chunk in enumerate(chunks):
        for utterance in listener.push(chunk):
            if utterance.state is SpeechState.ENDED:
                known[utterance.start_ns, utterance.end_ns] = 5 * NS + (number + 1) * NS // 50
    assert ends.over == known
    assert len(ends.over) == 6
    hang_over_ns = round(microphone["segmenter.hang_over_ms"] * 1e6)
    assert all(0 < at_ns - end_ns <= hang_over_ns + 60_000_000 for (_, end_ns), at_ns in ends.over.items())


def message(start_ns: int, end_ns: int):
    """As much of an utterance's or an emotion's as is looked at."""
    from mer_ros.nodes.conversions.stamps import to_time

    return SimpleNamespace(
        start=to_time(start_ns),
        end=to_time(end_ns),
        latency=[SimpleNamespace(stage="fusion", milliseconds=3.0)],
        modalities=[SimpleNamespace(available=False, modality="face", reason="no face")],
    )


def test_emotions_are_timed_from_the_end_of_speech_and_missing_ones_are_told(bench):
    pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")
    spans = [(NS, 2 * NS), (3 * NS, 4 * NS), (5 * NS, 6 * NS)]
    heard = bench.live.Heard(
        ended=[(end + 430 * MS, message(start, end)) for start, end in spans],
        emotions=[(end + 450 * MS, message(start, end)) for start, end in spans[:2]],
    )
    ends = bench.after_speech.Ends(over={(start, end): end + 400 * MS for start, end in spans[:1]})
    course = bench.after_speech.timed(heard, ends)
    assert course.after == [50.0]
    assert course.after_told == [20.0]
    assert course.by_stage == {"fusion": [3.0], bench.after_speech.MICROPHONE: [30.0]}
    assert (course.ended, course.unmatched, course.missing, course.whole) == (3, 1, 1, 0)
    assert course.reasons == {"face: no face": 1}


def test_an_utterance_without_an_emotion_misses_the_marks(bench):
    good = bench.after_speech.Course(after=[50.0] * 4, ended=4)
    assert [m.met for name in ("own", "outside") for m in bench.latency.marks_of(name, good)] == [True] * 3
    bad = replace(good, ended=5, missing=1)
    assert [m.met for name in ("own", "outside") for m in bench.latency.marks_of(name, bad)] == [False] * 3
    assert not any(mark.met for mark in bench.latency.marks_of("own", bench.after_speech.Course()))


def test_in_a_brisk_film_pauses_are_short_and_utterances_separate(bench, sample, monkeypatch):
    monkeypatch.setattr(bench.film, "SIZE", (64, 48))
    events = list(bench.film.scene(brisk=True))
    chunks = [event for event in events if isinstance(event, AudioChunk)]
    length_s = bench.film.round_s(brisk=True)
    assert length_s < 0.85 * bench.film.round_s()
    assert len(chunks) / 50 == pytest.approx(length_s, abs=0.05)
    assert sum(isinstance(e, Frame) for e in events) / 30 == pytest.approx(length_s, abs=0.05)
    ends = bench.after_speech.Ends()
    for number in range(2 * len(chunks)):
        ends.push(replace(chunks[number % len(chunks)], stamp_ns=number * NS // 50))
    spans = sorted(ends.over)
    assert len(spans) == 12
    # The next one speaks only after the emotion was told.
    assert all(over + 100 * MS < later[0] for over, later in zip(map(ends.over.get, spans), spans[1:], strict=False))


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
    assert [mark.met for mark in bench.load.marks_of("silent", course)] == [False, False, True, True]
    assert [mark.met for mark in bench.load.marks_of("composed", course)] == [False, False, False]
    assert bench.load.lines_of(course)[0].startswith("60 s")
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


def test_a_return_is_read_from_the_log_of_the_node_or_the_manager(bench, tmp_path):
    """What the manager said in an earlier life, or before the node returned, does not count."""
    processes = SimpleNamespace(poll=lambda: True)
    camera, manager = tmp_path / "camera.log", tmp_path / "lifecycle_manager.log"
    camera.write_text(
        "[INFO] [1000.5] [camera]: active by itself\n[INFO] [1002.25] [head.camera]: active by itself\nrubbish\n"
    )
    assert bench.restart.wait_active(processes, camera, 1001.0) == 1002.25
    nodes = bench.restart.LIFECYCLE
    manager.write_text(
        "".join(f"[INFO] [{at}.0] [lifecycle_manager]: {node} is active\n" for at in (10, 20) for node in nodes)
    )
    assert bench.restart.wait_active(processes, manager, 15.0) == 20.0
    with pytest.raises(SystemExit, match="did not become active"):
        bench.restart.wait_active(SimpleNamespace(poll=lambda: False), camera, 1003.0)


def test_processes_are_accounted_for(bench):
    pid = os.getpid()
    before = bench.live.cpu_s(pid)
    sum(range(3_000_000))
    assert bench.live.cpu_s(pid) >= before
    assert 0 < bench.live.shared_mb([pid]) <= bench.live.peak_mb(pid) * 1.05
    assert bench.live.shared_mb([]) == 0.0
    gone = subprocess.Popen(["true"])
    gone.wait()
    held = bench.held.look({"we": pid, "gone": gone.pid}, 7.0, delay_ms=40)
    assert list(held.mb) == ["we"]
    assert held.all_mb > 0
    assert held.threads >= 1
    assert held.descriptors >= 3
    assert (held.at_s, held.delay_ms) == (7.0, 40)


def test_each_benchmark_has_a_domain_of_its_own_until_it_ends(bench):
    first, second = bench.live.take_domain(), bench.live.take_domain()
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import live; "
        + ("print(live.take_domain(), live.take_domain())"),
    ]
    others = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert len({first, second, *others}) == 4
    again = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert again == others  # they are free again


def test_a_graph_that_runs_elsewhere_is_not_measured(bench):
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            bench.live.check_cores([process.pid])
            cores = os.sched_getaffinity(0)
            if len(cores) == 1:
                pytest.skip("there is one core only")
            os.sched_setaffinity(process.pid, {min(cores)})
            with pytest.raises(SystemExit, match="runs on cores"):
                bench.live.check_cores([process.pid])
        finally:
            process.kill()


def test_what_the_features_are_compared_with_is_there_or_said_to_be_missing(bench):
    found, missing = bench.features.peers()
    assert len(found) + len(missing) == 2
    for peer in found.values():
        assert peer(bench.features.clip(1)) is not None


def test_what_pytest_tells_of_malformed_messages_becomes_marks(bench, tmp_path):
    report = tmp_path / "report.xml"
    name = "test_rubbish_neither_ends_a_node_nor_makes_it_grow"
    told = "".join(
        f'<property name="{n}" value="{v}"/>' for n, v in (("messages", 100_000), ("refused", 4), ("grown_mb", 2.5))
    )
    good = f'<testcase name="{name}[camera, faces]" time="3"><properties>{told}</properties></testcase>'
    ended = f'<testcase name="{name}[fusion]" time="1"><failure message="x"/></testcase>'
    other = '<testcase name="test_other[fusion]" time="1"/>'

    def marks(*cases: str) -> list[bool]:
        report.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
        return [m.met for m in bench.malformed.result(*bench.malformed.tallies(report), 100_000).marks]

    assert marks(good, other) == [True, True, True]
    assert marks(good, ended, other) == [False, False, False]
    assert marks(other) == [False, True, False]
