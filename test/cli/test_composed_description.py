"""The graph in one process, as data: which arguments it gets, and how its output is told apart."""

from __future__ import annotations

import pytest

from mer_ros.graph import GraphSettings, describe
from mer_ros.log_lines import by_node
from mer_ros.run import command


def test_the_same_nodes_are_parts_of_one_process():
    settings = {"play": "sample", "namespace": "head", "image_topic": "/eye/image", "device": "cpu"}
    (whole,) = describe(GraphSettings(**settings, composed=True)).nodes
    assert whole.parts == describe(GraphSettings(**settings)).nodes
    assert whole.ends_graph
    assert not describe(GraphSettings(composed=True)).nodes[0].ends_graph


def test_the_parts_and_their_arguments_are_found_again():
    pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    from mer_ros.nodes.composed import parts_of

    graph = describe(GraphSettings(play="sample", namespace="head", image_topic="/eye/image", composed=True))
    (whole,) = graph.nodes
    line = command(whole, graph)
    parts, common = parts_of(line[line.index("composed") + 1 :])
    assert [part.name for part in parts] == [part.name for part in whole.parts]
    assert {part.name: part.ends_graph for part in parts} == {part.name: part.ends_graph for part in whole.parts}
    assert {part.name: part.respawn for part in parts} == {part.name: part.respawn for part in whole.parts}
    camera = next(part for part in parts if part.name == "camera")
    assert camera.arguments[:3] == ["--ros-args", "-r", "image_raw:=/eye/image"]
    assert common[0] == "--ros-args"
    assert "__ns:=/head" in common
    assert not any(word.startswith("__node") for word in common)  # it would be the name of every part


def test_lines_go_to_the_node_that_said_them():
    lines = [
        b"a warning of a library\n",
        b"[INFO] [1700000000.123456789] [camera]: faces\n",
        b"[ERROR] [1700000000.2] [head.fusion]: Traceback\n",
        b'  File "x.py"\n',
        b"[INFO] [1700000000.3] [rcl]: a word of the middleware\n",
    ]
    told = [name for name, _ in by_node(lines, ["camera", "fusion"], "composed")]
    assert told == ["composed", "camera", "fusion", "fusion", "composed"]
