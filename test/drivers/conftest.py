"""Driver nodes run as processes over DDS, each test in a domain of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from domains import own_domain_id

ROOT = Path(__file__).resolve().parents[2]


class Listener:
    """Collects what a driver process publishes."""

    def __init__(self, rclpy, domain: int) -> None:
        from diagnostic_msgs.msg import DiagnosticArray
        from mer_msgs.msg import AudioChunk
        from rosgraph_msgs.msg import Clock
        from sensor_msgs.msg import Image

        self._rclpy = rclpy
        self.domain = domain
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context, domain_id=domain)
        self.node = rclpy.create_node("listener", context=self.context)
        self.executor = rclpy.executors.SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.images, self.chunks, self.clocks, self.status = [], [], [], {}
        self.processes: list[subprocess.Popen] = []
        self.subscriptions = [
            self.node.create_subscription(Image, "image_raw", self.images.append, 200),
            self.node.create_subscription(AudioChunk, "audio", self.chunks.append, 1000),
            self.node.create_subscription(Clock, "/clock", self.clocks.append, 1000),
            self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_status, 10),
        ]

    def _on_status(self, message) -> None:
        for status in message.status:
            self.status[status.name] = status

    def start(self, executable: str, **parameters) -> subprocess.Popen:
        arguments = [item for name, value in parameters.items() for item in ("-p", f"{name}:={value}")]
        process = subprocess.Popen(
            [sys.executable, "-m", f"mer_ros.nodes.{executable}", "--ros-args", *arguments],
            env={**os.environ, "ROS_DOMAIN_ID": str(self.domain), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.processes.append(process)
        return process

    def spin(self, until, timeout_s: float = 40.0) -> bool:
        end = time.monotonic() + timeout_s
        while not until():
            if time.monotonic() > end:
                return False
            self.executor.spin_once(timeout_sec=0.05)
        return True

    def interrupt(self, process: subprocess.Popen) -> int:
        process.send_signal(signal.SIGINT)
        return process.wait(timeout=20)

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()
        self.executor.shutdown()
        self.node.destroy_node()
        self._rclpy.shutdown(context=self.context)


@pytest.fixture
def listener(monkeypatch):
    rclpy = pytest.importorskip("rclpy", reason="driver nodes need ROS 2")
    pytest.importorskip("mer_msgs.msg", reason="driver nodes need mer_msgs, built")
    pytest.importorskip("rclpy.executors")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    made = Listener(rclpy, int(own_domain_id()))
    yield made
    made.close()
