"""Programs of nodes that are asked for help say what they are, and start nothing."""

from __future__ import annotations

import importlib
import sys

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy

from mer_ros.nodes.start import NODES, start
from mer_ros.nodes.usage import is_help_wanted
from mer_ros.nodes.watchdog import HUNG


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--help"], True),
        (["-h", "--ros-args"], True),
        (["--ros-args", "-p", "a:=1", "--", "--help"], True),
        (["--ros-args", "-p", "--help"], False),  # it is for ROS 2 to judge
        ([], False),
    ],
)
def test_when_help_is_wanted(arguments, wanted):
    assert is_help_wanted(arguments) == wanted


@pytest.mark.parametrize("node", NODES)
def test_every_program_explains_itself(node, monkeypatch, capsys):
    monkeypatch.setattr(rclpy, "init", lambda *_, **__: pytest.fail("it starts"))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("signal.pthread_sigmask", lambda *_: set())
    monkeypatch.setattr(sys, "argv", ["start", "--help"])
    assert start(node) == 0
    said = capsys.readouterr().out
    assert f"ros2 run mer_ros {node}" in said
    assert importlib.import_module(f"mer_ros.nodes.{node}").__doc__.strip().splitlines()[0] in said
    assert "mer.yaml" in said
    assert all(f"{code} " in said.rpartition("Exit codes:")[2] for code in (0, 1, 2, HUNG))
