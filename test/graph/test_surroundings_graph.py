"""Machines that lack something: no shared memory, or security that is asked for and not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import wave

import pytest
from ear import Ear
from mouth import sentence

from mer_ros.utterance import AudioChunk

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(300)]
UNSHARE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
READ_ONLY = "mount -t tmpfs -o ro none /dev/shm && exec "


FULL = (
    "mount -t tmpfs -o size=16k none {folder} && {{ cat /dev/zero > {folder}/rest 2> {folder}/said; true; }} && exec "
)


def in_mounts_of_its_own(mounting: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command where something else is mounted; skips where that is not allowed."""
    if (
        shutil.which("unshare") is None
        or subprocess.run([*UNSHARE, mounting + "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no file systems of its own can be mounted for a process here")
    return subprocess.run([*UNSHARE, mounting + " ".join(command)], capture_output=True, text=True, timeout=200)


def test_without_shared_memory_everything_goes_over_the_network_of_the_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path))
    play = [sys.executable, "-m", "mer_ros.cli", "demo", "--plain", "--duration", "30", "--log-dir", str(tmp_path)]
    done = in_mounts_of_its_own(READ_ONLY, *play)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "best of times" in done.stdout
    assert "[face " in done.stdout


@pytest.mark.parametrize("composed", ["--composed", "--no-composed"])
def test_logs_on_a_full_disk_are_lost_and_nothing_else(tmp_path, monkeypatch, ear: Ear, composed):
    folder = tmp_path / "disk"
    folder.mkdir()
    monkeypatch.setenv("ROS_LOG_DIR", str(folder))
    run = [sys.executable, "-m", "mer_ros.cli", "run", composed, "--no-fusion", "--no-camera", "--no-speech-to-text"]
    sound = tmp_path / "sentence.wav"
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(b"".join(event.samples.tobytes() for event in sentence() if isinstance(event, AudioChunk)))
    done = in_mounts_of_its_own(FULL.format(folder=folder), *run, "--play", str(sound), "--log-dir", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(ear.ended()) == 1
    assert not [*folder.iterdir()]  # it was another one's


def test_security_that_cannot_be_had_is_a_sentence_and_no_node(tmp_path):
    """Rather none than an open one; and it is not tried again and again."""
    asked = {
        "ROS_SECURITY_ENABLE": "true",
        "ROS_SECURITY_STRATEGY": "Enforce",
        "ROS_SECURITY_KEYSTORE": str(tmp_path),
        "ROS_LOG_DIR": str(tmp_path),
    }
    (tmp_path / "enclaves").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "mer_ros.nodes.start", "camera"],
        capture_output=True,
        text=True,
        env={**os.environ, **asked},
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    assert "error: ROS_SECURITY_ENABLE is set, and no secure node can be made" in done.stderr
    assert "Traceback" not in done.stderr
