"""What nodes do regularly goes on when the system's clock is set back, and follows a simulation."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy
from rclpy.clock import ClockType
from rclpy.executors import SingleThreadedExecutor

from mer_ros.nodes.camera import CameraNode
from mer_ros.nodes.microphone import MicrophoneNode


@pytest.mark.parametrize(("simulated", "kind"), [("false", ClockType.STEADY_TIME), ("true", ClockType.ROS_TIME)])
@pytest.mark.parametrize("make", [CameraNode, MicrophoneNode])
def test_ticks_are_of_steady_time_unless_it_is_simulated(monkeypatch, make, simulated, kind):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    arguments = ["-p", f"use_sim_time:={simulated}", "-p", "detector:=none", "-p", "vad:=webrtc"]
    rclpy.init(args=["--ros-args", *arguments])
    node = make()
    try:
        node.trigger_configure()
        node.trigger_activate()
        assert {timer.clock.clock_type for timer in node._ticking} == {kind}
        ticked = []
        node.tick(0.01, lambda: ticked.append(1))
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        for _ in range(200):
            executor.spin_once(timeout_sec=0.01)
            if len(ticked) >= 2:
                break
        assert bool(ticked) == (simulated == "false")  # a simulation that has not begun stands still
        executor.shutdown(timeout_sec=0)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
