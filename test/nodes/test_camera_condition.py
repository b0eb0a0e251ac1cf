"""What the camera node says of itself when images do not come, cannot be used, or are of another time."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import Image

from mer_ros.nodes import camera
from mer_ros.nodes.camera import CameraNode
from mer_ros.nodes.conversions.audio import utterance_message
from mer_ros.nodes.conversions.vision import image_message
from mer_ros.nodes.health import OK, WARN
from mer_ros.utterance import SpeechState, Utterance

S = 1_000_000_000
START = 1_700_000_000 * S


@pytest.fixture
def node(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init(args=["--ros-args", "-p", "detector:=none"])
    made = CameraNode()
    assert made.on_configure(None) == TransitionCallbackReturn.SUCCESS
    assert made.on_activate(None) == TransitionCallbackReturn.SUCCESS
    yield made
    made.destroy_node()
    rclpy.shutdown()


@pytest.fixture
def steady(monkeypatch):
    """Steady time, to be moved on by the test."""
    clock = [time.monotonic()]
    monkeypatch.setattr(camera.time, "monotonic", lambda: clock[0])
    return clock


def see(node, stamp_ns: int) -> None:
    picture = np.full((48, 64, 3), stamp_ns // 10_000_000 % 251, np.uint8)  # no two are the same
    node.guarded(node._on_image)(image_message(picture, stamp_ns))


def hear(node, number: int, start_ns: int) -> None:
    said = Utterance(number, SpeechState.ENDED, start_ns, start_ns + S, np.zeros(16_000, np.int16))
    node.guarded(node._on_utterance)(utterance_message(said))


def test_no_image_is_told_in_steady_time(node, steady):
    see(node, START)
    assert node.condition().level == OK
    steady[0] += 7  # the node's own clock may stand still meanwhile
    assert node.condition().level == WARN
    assert "no image for 7 s" in node.condition().message


def test_images_that_are_all_refused_are_no_health(node, steady):
    for _ in range(30):
        steady[0] += 0.1
        node.guarded(node._on_image)(Image(height=10, width=10, encoding="16UC7", step=20))
    assert node.health.counts["refused"] == 30
    assert node.condition().level == WARN
    assert node.condition().message.startswith("images are refused: ")
    assert "16UC7" in node.condition().message
    steady[0] += 3
    see(node, START)
    assert node.condition().level == OK


@pytest.mark.parametrize("ahead_ns", [3_600 * S, -3_600 * S])
def test_a_camera_of_another_clock_is_suspected(node, ahead_ns):
    for number in range(1, 6):
        hear(node, number, START + number * 2 * S)
        for n in range(20):
            see(node, START + number * 2 * S + n * S // 10 + ahead_ns)
        node._publish(node._eye.poll(START + (number * 2 + 3) * S))
        suspected = "share a clock" in node.condition().message
        assert suspected == (number >= 3)
    hear(node, 6, START + ahead_ns + 10 * S)
    see(node, START + ahead_ns + 13 * S)
    assert node.condition().level == OK
