"""Several recordings at a time, in processes and on a cluster: the same files, and what dies takes nothing along."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import pytest
from replayed import CHEAP, Deadly, Made, merged, pictures, spoken_wav, tones
from rich.console import Console

from mer_ros.errors import InputError
from mer_ros.replay.cluster import replay_on_cluster
from mer_ros.replay.many import Result, replay_all
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.show import Show
from mer_ros.replay.task import Task

SAME = ("emotions.jsonl", "emotions.mcap", "summary.json")


@pytest.fixture(scope="module")
def options(tmp_path_factory) -> ReplayOptions:
    """Models that load quickly."""
    path = tmp_path_factory.mktemp("cheap") / "cheap.yaml"
    path.write_text(CHEAP)
    return ReplayOptions(params_file=path, device="cpu")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> dict[str, Path | Made]:
    folder = tmp_path_factory.mktemp("wavs")
    made = Made(merged(tones([(0.5, 1.5)], 3.0), pictures(3.0)))
    return {"one": spoken_wav(folder / "one.wav"), "three": made, "two": spoken_wav(folder / "two.wav", 6.0, 9.5)}


def tasks(recordings, folder: Path) -> list[Task]:
    return [Task(path, name, folder / name) for name, path in recordings.items()]


def replay(recordings, folder: Path, options: ReplayOptions, **how) -> Result:
    return replay_all(tasks(recordings, folder), folder, options, Show(Console(), quiet=True), **how)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, recordings, options) -> Path:
    """What one process gives."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    assert not replay(recordings, folder, options).problems
    assert len((folder / "emotions.jsonl").read_text().splitlines()) >= 2
    return folder


def assert_same(folder: Path, alone: Path, names) -> None:
    for name in names:
        for file in SAME:
            assert (folder / name / file).read_bytes() == (alone / name / file).read_bytes(), f"{name}/{file}"


def test_processes_give_the_same_files(tmp_path, recordings, options, alone):
    result = replay(recordings, tmp_path, options, jobs=2)
    assert result.problems == ()
    assert_same(tmp_path, alone, recordings)
    for file in ("emotions.jsonl", "summary.json"):
        assert (tmp_path / file).read_bytes() == (alone / file).read_bytes()


def test_a_process_that_dies_takes_no_other_recording_along(tmp_path, recordings, options, alone):
    result = replay({"deadly": Deadly(), **recordings}, tmp_path, options, jobs=2)
    assert result.problems == ("deadly: the process that replayed it was ended by SIGKILL",)
    assert_same(tmp_path, alone, recordings)
    assert [r["recording"] for r in result.summary["recordings"] if not r["complete"]] == ["deadly"]
    assert (tmp_path / "emotions.jsonl").read_bytes() == (alone / "emotions.jsonl").read_bytes()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_keeps_what_every_process_has_done(tmp_path, options, jobs):
    """As on a terminal, where it reaches all processes at once."""
    first = spoken_wav(tmp_path / "first.wav")
    with wave.open(str(first)) as source:
        sound = source.readframes(source.getnframes())
    (tmp_path / "talks").mkdir()
    for name in ("a.wav", "b.wav"):
        with wave.open(str(tmp_path / "talks" / name), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(sound * 2000)
    asked = ["replay", "talks", "--output", "run", "--jobs", jobs, "--params-file", str(options.params_file)]
    command = [sys.executable, "-m", "mer_ros.cli", *asked]
    done = tmp_path / "run/a.wav/emotions.jsonl"
    with subprocess.Popen(command, cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE, text=True) as process:
        until_s = time.monotonic() + 200
        while not (done.is_file() and done.stat().st_size) and time.monotonic() < until_s:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=100)[1]
    # Python ends itself by the signal, which is 130 to a shell, where a library was evaluating Python when it came.
    assert process.returncode in (130, -signal.SIGINT), said
    assert said.splitlines()[-1] == "interrupted: what was computed is in run"
    assert "Traceback" not in said
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    for told in summary["recordings"]:
        folder = tmp_path / "run" / told["recording"]
        assert told["problem"] == "it was interrupted"
        assert told["utterances"] == len((folder / "emotions.jsonl").read_text().splitlines())
        assert (folder / "report.html").is_file()
    assert summary["recordings"][0]["recording"] == "a.wav"
    assert summary["recordings"][0]["utterances"] >= 1
    assert (tmp_path / "run/report.html").is_file()


def test_a_lost_worker_of_a_cluster_loses_nothing(tmp_path, recordings, options, alone, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    # The workers import the recordings' classes from here.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    died = tmp_path / "died"
    killer = Deadly(died, recordings["three"]._events)
    killer.name = "made"
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    ) as cluster:
        result = replay({**recordings, "three": killer}, tmp_path / "run", options, scheduler=cluster.scheduler_address)
    assert died.exists(), "no worker was killed"
    assert result.problems == ()
    assert_same(tmp_path / "run", alone, recordings)
    for file in ("emotions.jsonl", "summary.json"):
        assert (tmp_path / "run" / file).read_bytes() == (alone / file).read_bytes()
    assert "report.html" in {p.name for p in (tmp_path / "run" / "one").iterdir()}
    assert json.loads((tmp_path / "run" / "run.json").read_text())["recordings"].keys() == recordings.keys()


def test_a_scheduler_that_does_not_answer_is_told(tmp_path, options, monkeypatch):
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    monkeypatch.setattr("mer_ros.replay.cluster.CONNECT_S", 1)
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1 "):
        list(replay_on_cluster([], options, Show(Console(), quiet=True), "tcp://127.0.0.1:1"))


@pytest.mark.filterwarnings("error")  # a client that was made in vain complains when it is collected
@pytest.mark.parametrize("address", ["nonsense", "foo://x:1", ":::"])
def test_an_address_that_is_none_is_told(options, address):
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    with pytest.raises(InputError, match=f"no Dask scheduler answers at {address} "):
        list(replay_on_cluster([], options, Show(Console(), quiet=True), address))
