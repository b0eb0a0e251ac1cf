"""Where the output of a graph's nodes goes."""

from __future__ import annotations

import sys

import pytest

from mer_ros import run
from mer_ros.graph import GraphSettings, describe
from mer_ros.run import GraphProcesses


@pytest.fixture
def lines(monkeypatch, capsys):
    """Run a graph whose nodes are programs that say their name as ROS 2 does, and return what it says here."""
    say = "print('[INFO] [1.5] [{0}]: {0} is here', flush=True)"

    def command(spec, graph) -> list[str]:
        return [sys.executable, "-c", ";".join(say.format(part.name) for part in spec.parts or (spec,))]

    monkeypatch.setattr(run, "command", command)

    def said(log_dir, *, aloud: bool, composed: bool) -> list[str]:
        graph = describe(GraphSettings(speech_to_text=False, fusion=False, play="sample", composed=composed))
        with GraphProcesses(graph, log_dir, aloud) as processes:
            for child in processes._children:
                child.process.wait(60)
        return sorted(line.split("]")[0].strip("[") for line in capsys.readouterr().out.splitlines())

    return said


@pytest.mark.parametrize("composed", [False, True])
def test_logs_hold_all_and_the_terminal_how_the_graph_is(lines, tmp_path, composed):
    nodes = ["camera", "file_player", "lifecycle_manager", "microphone"]
    assert lines(None, aloud=True, composed=composed) == nodes
    assert lines(tmp_path / "a", aloud=True, composed=composed) == ["file_player", "lifecycle_manager"]
    assert lines(tmp_path / "b", aloud=False, composed=composed) == []
    for folder in ("a", "b"):
        for name in nodes:
            assert f"{name} is here" in (tmp_path / folder / f"{name}.log").read_text()
