"""Graphs of real processes over DDS, apart from everything else on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

from domains import own_domain_id
from ear import Ear

from mer_ros import resources, run
from mer_ros.graph import GraphSettings, describe
from mer_ros.run import GraphProcesses


@pytest.fixture(scope="module", autouse=True)
def own_domain() -> Iterator[None]:
    """Keep each module's graph apart from others on this machine."""
    changed = {
        "ROS_DOMAIN_ID": own_domain_id(),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        **resources.dds_environment(),
    }
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    yield
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture(scope="module", autouse=True)
def patient_end() -> Iterator[None]:
    """Whether nodes end cleanly is asked, not how soon: a busy machine takes longer than a user would wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_PATIENCE_S", (60.0, 3.0, 2.0))
        yield


@pytest.fixture
def ear() -> Iterator[Ear]:
    listening = Ear()
    yield listening
    listening.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., GraphProcesses]]:
    """Start graphs that end with the test; their logs are shown when it fails."""
    running: list[GraphProcesses] = []

    def begin(**settings: Any) -> GraphProcesses:
        processes = GraphProcesses(describe(GraphSettings(**settings)), tmp_path / "logs")
        running.append(processes.__enter__())
        return processes

    yield begin
    for processes in running:
        processes.stop()
    for log in sorted(tmp_path.glob("logs/*.log")):
        print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
