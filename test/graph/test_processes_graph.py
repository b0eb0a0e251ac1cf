"""Nodes that end, early, wrongly or again and again, as `mer run` sees them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ear import Ear

from mer_ros.graph import GraphSettings, describe
from mer_ros.run import GraphProcesses

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(360)]


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.4, 1.0, 2.0])
def test_ctrl_c_while_the_graph_starts_is_clean(after_s, tmp_path):
    with GraphProcesses(describe(GraphSettings()), tmp_path) as processes:
        time.sleep(after_s)
    assert processes.failed == []
    assert all("Traceback" not in log.read_text(errors="replace") for log in tmp_path.glob("*.log"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_came_before_the_node_could_take_it_is_not_lost(number):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        process = subprocess.Popen([sys.executable, "-m", "mer_ros.nodes.start", "camera"], stderr=subprocess.PIPE)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")


def test_wrong_parameters_end_a_node_for_good_and_it_is_said_once(tmp_path, start, capsys):
    file = tmp_path / "wrong.yaml"
    file.write_text("/**/camera:\n  ros__parameters:\n    observer.window_frames: 100000\n")
    processes = start(params_file=str(file), fusion=False, speech_to_text=False, microphone=False)
    until = time.monotonic() + 120
    while not processes.given_up and time.monotonic() < until:
        assert processes.poll()
        time.sleep(0.1)
    for _ in range(30):
        assert processes.poll()
        time.sleep(0.1)
    assert processes.given_up == ["camera"]
    assert processes.restarts == {}
    assert capsys.readouterr().err.count("camera ended with exit code 2") == 1
    assert processes.stop() == ["camera"]


def test_a_file_that_cannot_be_decoded_ends_the_run_with_a_sentence(tmp_path):
    file = tmp_path / "empty.wav"
    file.write_bytes(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\0\0\0\0")
    arguments = ["run", "--play", str(file), "--no-fusion", "--no-speech-to-text", "--no-camera"]
    done = subprocess.run(
        [sys.executable, "-m", "mer_ros.cli", *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert f"nothing in {file} can be decoded" in done.stdout
    assert "file_player (exit code 2)" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_recogniser_without_its_model_does_not_silence_the_other_senses(start, ear: Ear):
    start(recogniser="vosk", log_level="warn")
    assert ear.wait_active("fusion", "camera", "microphone")
    assert ear.wait(lambda: "speech_to_text (refuses" in ear.message("lifecycle_manager"))
    assert ear.value("speech_to_text", "state") == "unconfigured"


def test_a_node_that_hangs_is_no_fault_of_the_manager(start, ear: Ear):
    processes = start(fusion=False, speech_to_text=False, microphone=False)
    assert ear.wait(lambda: ear.message("lifecycle_manager") == "all nodes are active")
    os.kill(processes.pid_of("camera"), signal.SIGSTOP)
    assert ear.wait(lambda: ear.message("lifecycle_manager") == "not active: camera")
    os.kill(processes.pid_of("camera"), signal.SIGCONT)
    assert ear.wait(lambda: ear.message("lifecycle_manager") == "all nodes are active")
    assert ear.value("lifecycle_manager", "faults") == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
@pytest.mark.parametrize("composed", [[], ["--composed"]])
def test_nodes_end_with_a_run_that_is_killed(composed, tmp_path):
    """The first as soon as they are started, before they could ask for it; the second when they are up."""
    for is_up in (False, True):
        log = tmp_path / str(is_up)
        command = ["-m", "mer_ros.cli", "run", "--no-fusion", "--no-speech-to-text", "--no-camera", *composed]
        run = subprocess.Popen([sys.executable, *command, "--log-dir", str(log)], stdout=subprocess.DEVNULL)
        try:
            nodes = wait(lambda pid=run.pid: children(pid, 1 if composed else 2))
            assert nodes
            manager = log / "lifecycle_manager.log"
            assert not is_up or wait(lambda file=manager: file.is_file() and "is active" in file.read_text())
        finally:
            run.kill()
            run.wait()
        assert wait(lambda those=nodes: not any(is_alive(pid) for pid in those))


def wait(until: Callable[[], object], timeout_s: float = 60.0) -> Any:
    """What it gives as soon as that is true, or the last."""
    limit = time.monotonic() + timeout_s
    while not (found := until()) and time.monotonic() < limit:
        time.sleep(0.02)
    return found


def children(pid: int, count: int) -> list[int]:
    """The processes that one has started; none before they are so many."""
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found if len(found) >= count else []


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended stays as a zombie where nobody reaps it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
