"""Machines that lack something: no shared memory, or security that is asked for and not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(300)]
UNSHARE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
READ_ONLY = "mount -t tmpfs -o ro none /dev/shm && exec "


def may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*UNSHARE, READ_ONLY + "true"], capture_output=True, check=False).returncode == 0


def test_without_shared_memory_everything_goes_over_the_network_of_the_machine(tmp_path):
    if not may_mount():
        pytest.skip("no file systems of its own can be mounted for a process here")
    play = [sys.executable, "-m", "mer_ros.cli", "demo", "--plain", "--duration", "40", "--log-dir", str(tmp_path)]
    environment = {**os.environ, "ROS_LOG_DIR": str(tmp_path)}
    done = subprocess.run(
        [*UNSHARE, READ_ONLY + " ".join(play)], capture_output=True, text=True, env=environment, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "best of times" in done.stdout
    assert "[face " in done.stdout


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
