"""A run's folder: what is kept when something fails, and what is refused. With cheap stages in the models' place."""

from __future__ import annotations

import json
import os
import resource
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from replayed import RATE, SECOND, CheapLoaded, Made, merged, pictures, tones
from rich.console import Console

from mer_ros import memory
from mer_ros.errors import InputError, ModelError, OutputError
from mer_ros.replay import run, run_folder
from mer_ros.replay.many import replay_all
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.read_ahead import ReadAhead
from mer_ros.replay.records import read_lines, read_object
from mer_ros.replay.run import replay_one
from mer_ros.replay.run_folder import FILES, Lines, prepare, write_json
from mer_ros.replay.show import Show, clock
from mer_ros.replay.task import Task
from mer_ros.utterance import AudioChunk, Frame
from mer_ros.vision.observer import FaceObserver

OPTIONS = ReplayOptions()
SPANS = [(1.0, 2.0), (4.0, 5.5), (8.0, 9.0)]


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    loaded = CheapLoaded()
    monkeypatch.setattr(run, "loaded_for", lambda settings: loaded)


@pytest.fixture
def sound() -> list[AudioChunk]:
    return tones(SPANS, 11.0)


def emotions(folder: Path) -> list[dict]:
    return list(read_lines(folder / "emotions.jsonl"))


@pytest.fixture
def show() -> Show:
    return Show(Console(), quiet=True)


def test_each_utterance_has_its_line_in_every_file(tmp_path, sound):
    summary = replay_one(Made(merged(sound, pictures(11.0))), tmp_path / "run", OPTIONS)
    told = emotions(tmp_path / "run")
    assert [e["utterance"] for e in told] == [1, 2, 3]
    for emotion, (start_s, end_s) in zip(told, SPANS, strict=True):
        assert emotion["start_s"] == pytest.approx(start_s - 0.2, abs=0.04)
        assert emotion["end_s"] == pytest.approx(end_s + 0.15, abs=0.04)
    assert [t["utterance"] for t in read_lines(tmp_path / "run" / "timings.jsonl")] == [1, 2, 3]
    content = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert content == summary.content
    assert sum(content["emotions"].values()) == content["utterances"] == 3
    assert content["duration_s"] == content["audio_s"] == 11.0
    assert content["frames"] == 110
    assert content["chosen"] == {"audio": "/made"}
    assert summary.problem == ""
    assert summary.run["latency_ms"]["fusion"]["n"] == 3
    assert summary.run["speed"] > 0
    assert (tmp_path / "run" / "emotions.mcap").stat().st_size > 1000


@pytest.mark.parametrize("ahead", [True, False], ids=["two threads", "one thread"])
def test_a_recording_that_breaks_off_is_kept_as_far_as_it_goes(tmp_path, sound, ahead):
    broken = Made([*sound[:60], InputError("the file ends in the middle of a message")])
    summary = replay_one(broken, tmp_path / "run", replace(OPTIONS, read_ahead=ahead))
    assert [e["utterance"] for e in emotions(tmp_path / "run")] == [1, 2]
    assert summary.problem == "the file ends in the middle of a message"
    assert not summary.content["complete"]
    assert any("middle of a message" in warning for warning in summary.content["warnings"])


@pytest.mark.parametrize("method", ["frame", "utterance", "poll", "flush"])
def test_a_vision_model_that_fails_costs_faces_alone(tmp_path, sound, monkeypatch, method):
    def fail(*_):
        raise ModelError("the detector failed in ONNX Runtime")

    monkeypatch.setattr(FaceObserver, method, fail)
    summary = replay_one(Made(merged(sound, pictures(11.0))), tmp_path / "run", OPTIONS)
    assert [e["utterance"] for e in emotions(tmp_path / "run")] == [1, 2, 3]
    assert summary.problem == ""
    assert summary.content["complete"]
    failed = summary.content["counts"]["observer.failed"]
    assert failed == {"frame": 110, "flush": 1}.get(method, failed)
    sentence = f"faces could not be looked for {failed} times; the first: the detector failed in ONNX Runtime"
    assert sentence in summary.content["warnings"]


def test_what_was_said_is_kept_when_it_is_interrupted(tmp_path, sound):
    with pytest.raises(KeyboardInterrupt):
        replay_one(Made([*sound[:70], KeyboardInterrupt()]), tmp_path / "run", OPTIONS)
    assert [e["utterance"] for e in emotions(tmp_path / "run")] == [1, 2]
    content = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert not content["complete"]
    assert "interrupted" in content["warnings"][-1]


def test_an_interrupted_run_has_its_report_with_the_others(tmp_path, sound, show):
    tasks = [
        Task(Made(sound[:60], "a"), "a", tmp_path / "run/a"),
        Task(Made([*sound[:40], KeyboardInterrupt()], "b"), "b", tmp_path / "run/b"),
        Task(Made(sound, "c"), "c", tmp_path / "run/c"),
    ]
    with pytest.raises(KeyboardInterrupt):
        replay_all(tasks, tmp_path / "run", OPTIONS, show)
    for folder in (tmp_path / "run", tmp_path / "run/a", tmp_path / "run/b"):
        assert (folder / "report.html").is_file()
    told = read_object(tmp_path / "run/summary.json")
    assert [(r["recording"], r["complete"]) for r in told["recordings"]] == [("a", True), ("b", False)]
    assert told["warnings"] == ["b: not all was replayed: it was interrupted"]
    assert [(e["recording"], e["utterance"]) for e in emotions(tmp_path / "run")] == [("a", 1), ("a", 2), ("b", 1)]
    assert not (tmp_path / "run/c").exists()


def test_what_cannot_be_used_is_counted_and_told(tmp_path, sound):
    bad = [AudioChunk(SECOND + 3 * SECOND, np.zeros((0,), np.complex64), RATE), Frame(-5, pictures(0.1)[0].image)]
    summary = replay_one(Made([*sound[:30], *bad, *sound[30:]]), tmp_path / "run", OPTIONS)
    assert len(emotions(tmp_path / "run")) == 3
    assert summary.content["counts"]["refused_chunks"] == summary.content["counts"]["refused_frames"] == 1
    assert len(summary.content["warnings"]) == 2
    assert summary.problem == ""


def test_a_recording_without_sound_is_refused_and_leaves_no_folder(tmp_path):
    silent = Made(pictures(1.0), "silent")
    silent.has_audio = False
    with pytest.raises(InputError, match="silent holds no sound"):
        replay_one(silent, tmp_path / "run", OPTIONS)
    assert not (tmp_path / "run").exists()


def test_without_video_faces_are_left_out_with_a_warning(tmp_path, sound):
    deaf = Made(sound)
    deaf.has_video = False
    summary = replay_one(deaf, tmp_path / "run", OPTIONS)
    assert summary.content["warnings"] == ["no video: faces are left out"]
    assert {e["modalities"]["face"]["reason"] for e in emotions(tmp_path / "run")} == {"switched off"}


def test_sound_that_stops_while_frames_go_on_is_judged_in_time(tmp_path):
    seen: list[tuple[float, int]] = []
    sound = tones([(1.0, 2.0)], 2.0)  # it stops in the middle of speech
    frames = pictures(30.0)
    folder = tmp_path / "run"

    def progress(done_s: float, total_s: float | None) -> None:
        seen.append((done_s, len((folder / "emotions.jsonl").read_bytes().splitlines())))

    replay_one(Made(merged(sound, frames)), folder, replace(OPTIONS, read_ahead=False), progress)
    assert len(emotions(folder)) == 1
    assert next(done_s for done_s, count in seen if count) < 5.0


def test_a_folder_of_something_else_is_not_touched(tmp_path, sound):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="something else than a replay"):
        replay_one(Made(sound), tmp_path, OPTIONS)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_runs_folder_is_written_anew(tmp_path, sound):
    replay_one(Made(sound), tmp_path / "run", OPTIONS)
    for name in ("scores.json", "report.html"):
        (tmp_path / "run" / name).write_text("{}")
    (tmp_path / "run" / "thumbnails").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("kept")
    prepare(tmp_path / "run")
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["emotions.jsonl", "mine.txt"]
    assert {"scores.json", "report.html"} <= set(FILES)


def test_recordings_of_the_run_before_do_not_stay(tmp_path, sound, show):
    def tasks(*names: str) -> list[Task]:
        return [Task(Made(sound[:30], name), name, tmp_path / "run" / name) for name in names]

    replay_all(tasks("a", "b", "c"), tmp_path / "run", OPTIONS, show)
    (tmp_path / "run/b/notes.txt").write_text("kept")
    (tmp_path / "run/mine").mkdir()
    replay_all(tasks("a", "d"), tmp_path / "run", OPTIONS, show)
    assert sorted(p.name for p in (tmp_path / "run").iterdir() if p.is_dir()) == ["a", "b", "d", "mine"]
    assert [p.name for p in (tmp_path / "run/b").iterdir()] == ["notes.txt"]
    replay_all([Task(Made(sound[:30], "one"), "one", tmp_path / "run")], tmp_path / "run", OPTIONS, show)
    assert not (tmp_path / "run/a").exists()


def test_no_folder_outside_of_a_run_is_touched_whatever_its_summary_says(tmp_path, sound):
    for name in ("run", "other", "run/linked"):
        prepare(tmp_path / name) if name != "run/linked" else (tmp_path / name).symlink_to(tmp_path / "other")
    told = [{"recording": name} for name in ("../other", "..", ".", "", "linked", str(tmp_path / "other"), 3, None)]
    (tmp_path / "run/summary.json").write_text(json.dumps({"recordings": told}))
    replay_one(Made(sound[:30]), tmp_path / "run", OPTIONS)
    assert [p.name for p in (tmp_path / "other").iterdir()] == ["emotions.jsonl"]


@pytest.mark.parametrize("place", ["taken", "taken/run", "others", "locked/run"])
def test_a_folder_that_cannot_be_written_is_told_before_models_are_loaded(tmp_path, sound, show, place, monkeypatch):
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "others").mkdir()
    (tmp_path / "others/thesis.tex").touch()
    (tmp_path / "locked").mkdir()
    access = run_folder.os.access
    monkeypatch.setattr(run_folder.os, "access", lambda at, mode: at.name != "locked" and access(at, mode))
    monkeypatch.setattr(run, "loaded_for", lambda settings: pytest.fail("models are loaded"))
    with pytest.raises(OutputError, match=r"--output|another folder"):
        replay_one(Made(sound), tmp_path / place, OPTIONS)
    with pytest.raises(OutputError, match=r"--output|another folder"):
        replay_all([Task(Made(sound), "a", tmp_path / place / "a")], tmp_path / place, OPTIONS, show)


def test_a_pipe_stays_a_pipe_where_json_is_written(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_json(tmp_path / "pipe", {"a": 1})
    assert json.loads(os.read(reader, 1000)) == {"a": 1}
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


def test_a_warning_names_its_recording_once(tmp_path, sound, show):
    odd = Made(sound, "a.wav")
    odd.warnings = ["a.wav holds no video: the rest is used alone", "/there/a.wav is odd", "the clock was set"]
    odd.is_whole = False
    tasks = [Task(odd, "a.wav", tmp_path / "a.wav"), Task(Path("/nowhere/c.mp4"), "c.mp4", tmp_path / "c.mp4")]
    result = replay_all(tasks, tmp_path, OPTIONS, show)
    assert result.summary["warnings"][:3] == [*odd.warnings[:2], "a.wav: the clock was set"]
    assert result.summary["warnings"][3:] == list(result.problems)
    assert result.problems[0].count("c.mp4") == 2  # its name, and its path
    assert [r["complete"] for r in result.summary["recordings"]] == [False, False]


@contextmanager
def small_disk() -> Iterator[None]:
    """No file can grow beyond 3000 bytes, as on a full disk. No fixture: pytest writes to a file as well."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_told_in_a_sentence_and_whole_lines_are_kept(tmp_path, sound):
    with small_disk(), pytest.raises(OutputError, match=r"cannot be written .*make room") as error:
        replay_one(Made(sound), tmp_path / "run", OPTIONS)
    assert "\n" not in str(error.value)
    kept = (tmp_path / "run" / "emotions.jsonl").read_text()
    assert kept.endswith("\n")
    assert 1 <= len(emotions(tmp_path / "run")) < 3


def test_a_line_is_written_whole_or_not_at_all(tmp_path):
    with small_disk():
        lines = Lines(tmp_path / "a.jsonl")
        lines.write("a" * 2000 + "\n")
        with pytest.raises(OutputError, match=r"a\.jsonl cannot be written"):
            lines.write("b" * 2000 + "\n")
        lines.write("c\n")
        lines.close()
        assert (tmp_path / "a.jsonl").read_text() == "a" * 2000 + "\nc\n"
        (tmp_path / "b.json").write_text("{}")
        with pytest.raises(OutputError, match=r"b\.json cannot be written"):
            write_json(tmp_path / "b.json", {"a": "b" * 5000})
    assert (tmp_path / "b.json").read_text() == "{}"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl", "b.json"]


def test_recordings_of_a_folder_go_on_past_a_bad_one(tmp_path, sound, show):
    tasks = [
        Task(Made(sound[:60], "b"), "b", tmp_path / "b"),
        Task(Path("/nowhere/c.mp4"), "c", tmp_path / "c"),
        Task(Made([*sound[:60], InputError("it is cut off")], "a"), "a", tmp_path / "a"),
    ]
    result = replay_all(tasks, tmp_path, OPTIONS, show)
    assert [problem.split(":")[0] for problem in result.problems] == ["c", "a"]
    assert [(r["recording"], r["complete"]) for r in result.summary["recordings"]] == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]
    assert [(e["recording"], e["utterance"]) for e in emotions(tmp_path)] == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert result.summary["utterances"] == 4
    assert not result.summary["complete"]
    assert not (tmp_path / "c").exists()
    for folder in (tmp_path, tmp_path / "a", tmp_path / "b"):
        assert (folder / "report.html").is_file()


def test_nothing_but_bad_ones_is_an_error(tmp_path, show):
    tasks = [Task(Path(f"/nowhere/{n}.mp4"), str(n), tmp_path / str(n)) for n in range(3)]
    with pytest.raises(InputError, match="and 2 more"):
        replay_all(tasks, tmp_path, OPTIONS, show)


def test_memory_does_not_grow_with_the_recording(tmp_path):
    """Two lengths, one peak: ten minutes take no more than two."""

    def peak(minutes: int) -> int:
        length_s = 60.0 * minutes
        spans = [(at, at + 1.0) for at in np.arange(2.0, length_s - 5, 20.0)]
        sound = tones(spans, length_s, chunk_s=0.5)
        events = merged(sound, [Frame(SECOND * n, np.zeros((2, 2, 3), np.uint8)) for n in range(1, round(length_s))])
        recording = Made(events)
        tracemalloc.start()
        summary = replay_one(recording, tmp_path / str(minutes), replace(OPTIONS, read_ahead=False))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert summary.content["utterances"] == len(spans)
        return found

    assert peak(10) < peak(2) + 2_000_000


def test_freed_memory_is_given_back_now_and_then(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(run, "give_back", lambda: calls.append(1))
    events = merged(tones([(1.0, 2.0)], 120.0, chunk_s=0.5), pictures(120.0, 1.0))
    replay_one(Made(events), tmp_path / "run", replace(OPTIONS, read_ahead=False))
    assert 3 <= len(calls) <= 6  # every half minute


def test_other_c_libraries_have_nothing_to_give_back(monkeypatch):
    memory.give_back()
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory.give_back()


def test_reading_ahead_keeps_order_and_bound():
    made: list[int] = []
    held: list[int] = []

    def items() -> Iterator[int]:
        for n in range(200):
            made.append(n)
            yield n

    with ReadAhead(items(), lambda item: 10, 50) as ahead:
        got = []
        for item in ahead:
            held.append(len(made) - len(got))
            got.append(item)
    assert got == list(range(200))
    assert max(held) <= 5 + 3  # the one in hand, the one that waits to be let in, and the one being made


def test_an_error_comes_after_what_was_read_before_it():
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise InputError("cut off")

    got = []

    def read() -> None:
        with ReadAhead(items(), lambda item: 1, 10) as ahead:
            for item in ahead:
                got.append(item)

    with pytest.raises(InputError, match="cut off"):
        read()
    assert got == [1, 2]


def test_leaving_early_ends_the_thread():
    with ReadAhead(iter(range(10**9)), lambda item: 1, 10) as ahead:
        assert next(iter(ahead)) == 0
    assert not ahead._thread.is_alive()


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (75, "1:15"), (3725.9, "1:02:05")])
def test_times_as_on_a_player(seconds, text):
    assert clock(seconds) == text


def test_the_bag_is_readable_after_a_break(tmp_path, sound):
    from rosbags.highlevel import AnyReader

    replay_one(Made([*sound[:60], InputError("cut")]), tmp_path / "run", OPTIONS)
    with AnyReader([tmp_path / "run" / "emotions.mcap"]) as reader:
        assert reader.message_count == 2
        assert {connection.topic for connection in reader.connections} == {"/emotion"}
