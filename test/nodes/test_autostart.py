"""A node that is told to comes up by itself; where it cannot, it waits for whoever brings nodes up."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy
from rclpy.executors import SingleThreadedExecutor

from mer_ros.nodes.camera import CameraNode

NO_MODEL = ["-p", "detector:=yunet"]


@pytest.mark.parametrize(
    ("arguments", "state"),
    [
        (["-p", "autostart:=true", "-p", "detector:=none"], "active"),
        (["-p", "detector:=none"], "unconfigured"),
        (["-p", "autostart:=true", *NO_MODEL], "unconfigured"),
    ],
)
def test_a_node_comes_up_by_itself_where_it_is_told_to_and_can(monkeypatch, arguments, state):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    rclpy.init(args=["--ros-args", *arguments])
    node = CameraNode()
    executor = SingleThreadedExecutor()
    try:
        executor.add_node(node)
        for _ in range(20):
            executor.spin_once(timeout_sec=0.01)
        assert node._whole_condition().values["state"] == state
        assert node.health.counts["faults"] == 0
        if state == "active":  # it is brought down by hand, and stays so
            node.trigger_deactivate()
            for _ in range(5):
                executor.spin_once(timeout_sec=0.01)
            assert node._whole_condition().values["state"] == "inactive"
        executor.shutdown(timeout_sec=0)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
