from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="driver nodes need ROS 2")
pytest.importorskip("mer_msgs.msg", reason="driver nodes need mer_msgs, built")
pytestmark = pytest.mark.graph


class FakeCapture:
    """VideoCapture's interface: frames at 100 Hz until `frames` are given, then lost."""

    opened = 0

    def __init__(self, frames: int, there: bool = True) -> None:
        self._left, self._there = frames, there
        self.settings: dict[int, float] = {}
        self.released = False

    def isOpened(self) -> bool:
        return self._there

    def set(self, setting: int, value: float) -> None:
        self.settings[setting] = value

    def grab(self) -> bool:
        time.sleep(0.01)
        self._left -= 1
        return self._left >= 0

    def retrieve(self):
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 0] = 200  # blue, in OpenCV's order
        return True, image

    def release(self) -> None:
        self.released = True


@pytest.fixture
def running(monkeypatch):
    """Starts a WebcamNode in this process on captures given one after another; gives (node, images)."""
    from sensor_msgs.msg import Image

    from mer_ros.nodes.webcam import WebcamNode

    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    cleanup = []

    def start(captures, *parameters):
        arguments = ["--ros-args", *(item for p in parameters for item in ("-p", p))]
        rclpy.init(args=arguments, domain_id=91 + os.getpid() % 10)
        given = iter(captures)
        images: list[Image] = []
        node = WebcamNode(lambda device: next(given))
        listener = rclpy.create_node("listener", use_global_arguments=False)
        listener.create_subscription(Image, "image_raw", images.append, 100)
        executor = rclpy.executors.SingleThreadedExecutor()
        executor.add_node(node)
        executor.add_node(listener)
        stop = threading.Event()

        def spin():
            while not stop.is_set():
                executor.spin_once(timeout_sec=0.05)

        thread = threading.Thread(target=spin)
        thread.start()
        cleanup.append((stop, thread, node, listener))
        return node, images

    yield start
    for stop, thread, node, listener in cleanup:
        stop.set()
        thread.join()
        node.destroy_node()
        listener.destroy_node()
    rclpy.try_shutdown()


def wait(until, timeout_s: float = 20.0) -> bool:
    end = time.monotonic() + timeout_s
    while not until() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(until())


def test_frames_are_stamped_and_in_the_asked_order(running):
    before = time.time_ns()
    node, images = running([FakeCapture(10_000)], "rate_hz:=20.0", "frame_id:=eye")
    assert wait(lambda: len(images) > 20)
    stamps = [i.header.stamp.sec * 1_000_000_000 + i.header.stamp.nanosec for i in images]
    assert before < stamps[0] < stamps[-1] < time.time_ns()
    assert np.median(np.diff(stamps)) > 0.035e9  # 100 Hz came, 20 Hz were asked
    assert (images[0].encoding, images[0].header.frame_id) == ("rgb8", "eye")
    assert np.array(images[0].data).reshape(48, 64, 3)[0, 0].tolist() == [0, 0, 200]
    assert node.condition.message == "streaming"


def test_bgr(running):
    _, images = running([FakeCapture(10_000)], "encoding:=bgr8")
    assert wait(lambda: images)
    assert images[0].encoding == "bgr8"
    assert np.array(images[0].data).reshape(48, 64, 3)[0, 0].tolist() == [200, 0, 0]


def test_a_lost_camera_is_said_and_tried_again(running):
    captures = [FakeCapture(5), FakeCapture(0, there=False), FakeCapture(10_000)]
    node, images = running(captures, "rate_hz:=100.0")
    assert wait(lambda: node.health.counts["lost"] == 1)
    assert wait(lambda: "cannot be opened" in node.condition.message)
    assert wait(lambda: node.condition.message == "streaming" and len(images) > 20)
    assert all(c.released for c in captures[:2])


def test_a_machine_without_camera(listener):
    process = listener.start("webcam", device="/dev/video98")
    assert listener.spin(lambda: "cannot be opened" in getattr(listener.status.get("webcam"), "message", ""))
    assert listener.status["webcam"].level == b"\x02"
    assert process.poll() is None
    assert listener.interrupt(process) == 0
    said = process.stdout.read()
    assert said.count("cannot be opened") == 1
    assert "Traceback" not in said
