"""The annotated picture of the camera node: there while somebody looks, and no work at all while nobody does."""

from __future__ import annotations

import os
import time

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy
from mer_msgs.msg import Emotion
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import CompressedImage, Image

from mer_ros.emotion import EmotionEstimate
from mer_ros.nodes import qos
from mer_ros.nodes.camera import CameraNode
from mer_ros.nodes.conversions.emotions import emotion_message
from mer_ros.nodes.conversions.vision import image_message

S = 1_000_000_000
START = 1_700_000_000 * S


@pytest.fixture
def context(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("ROS_DOMAIN_ID", str(1 + (os.getpid() * 3) % 100))
    rclpy.init(args=["--ros-args", "-p", "detector:=none", "-p", "overlay.max_rate_hz:=5.0"])
    yield
    rclpy.shutdown()


@pytest.fixture
def spin(context):
    """A camera node that is active, somebody who may look, and a way to let both work until something holds."""
    camera, viewer = CameraNode(), rclpy.create_node("viewer")
    assert camera.on_configure(None) == TransitionCallbackReturn.SUCCESS
    assert camera.on_activate(None) == TransitionCallbackReturn.SUCCESS
    executor = SingleThreadedExecutor()
    executor.add_node(camera)
    executor.add_node(viewer)

    def until(holds, each=lambda: None, limit_s=60.0) -> None:
        end = time.monotonic() + limit_s
        while not holds():
            assert time.monotonic() < end
            each()
            executor.spin_once(timeout_sec=0.02)

    yield camera, viewer, until
    executor.shutdown()
    camera.destroy_node()
    viewer.destroy_node()


def listens(camera) -> set[str]:
    return {subscription.topic_name for subscription in camera.subscriptions}


class Driver:
    """Gives the node a frame each time, 20 a second by their stamps."""

    def __init__(self, camera) -> None:
        self.camera, self.count = camera, 0

    def __call__(self) -> None:
        stamp_ns = START + self.count * S // 20
        self.camera._on_image(image_message(np.full((120, 160, 3), 90, np.uint8), stamp_ns, "head"))
        self.count += 1


def test_it_is_drawn_while_somebody_looks_and_at_no_other_time(spin):
    camera, viewer, until = spin
    drive = Driver(camera)
    for _ in range(10):
        drive()
        camera._on_tick()
    assert camera._annotated.overlay.counts["pictures_drawn"] == 0
    assert not {"/emotion", "/emotion/live", "/transcript"} & listens(camera)

    raw: list[Image] = []
    seen = viewer.create_subscription(Image, "image_annotated", raw.append, qos.images())
    until(lambda: len(raw) >= 3, drive)
    assert {"/emotion", "/emotion/live", "/transcript"} <= listens(camera)
    assert (raw[-1].encoding, raw[-1].width, raw[-1].height) == ("rgb8", 160, 120)
    assert raw[-1].header.frame_id == "head"
    drawn = camera.condition().values["pictures_drawn"]
    assert drawn * 4 <= drive.count + 8  # 5 a second of 20

    viewer.destroy_subscription(seen)
    until(lambda: "/emotion" not in listens(camera), drive)
    before = camera._annotated.overlay.counts["pictures_drawn"]
    for _ in range(10):
        drive()
    assert camera._annotated.overlay.counts["pictures_drawn"] == before


def test_what_is_told_is_on_the_compressed_picture_too(spin):
    camera, viewer, until = spin
    drive = Driver(camera)
    pictures: list[CompressedImage] = []
    viewer.create_subscription(CompressedImage, "image_annotated/compressed", pictures.append, qos.images())
    until(lambda: len(pictures) >= 1, drive)
    speak = viewer.create_publisher(Emotion, "emotion", qos.emotions())
    until(speak.get_subscription_count, drive)

    def tell() -> None:
        drive()
        stamp_ns = START + drive.count * S // 20
        even = np.full(7, 1 / 7)
        told = EmotionEstimate(
            *(1, stamp_ns - S, stamp_ns, True, even, np.full(3, 1 / 3), "joy", 0.3, "neutral", 0.0, 0.0, ()),
            transcript="no matter, try again",
        )
        speak.publish(emotion_message(told))

    def lower_edge() -> float:
        picture = cv2.imdecode(np.frombuffer(bytes(pictures[-1].data), np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (120, 160, 3)
        return float(picture[-10:].mean())

    assert pictures[-1].format == "jpeg"
    assert abs(lower_edge() - 90) < 5
    until(lambda: lower_edge() < 80, tell)


@pytest.mark.parametrize("end", ["on_deactivate", "on_shutdown", "on_error"])
def test_at_the_end_it_listens_no_more_and_after_a_new_start_again(spin, end):
    camera, viewer, until = spin
    drive = Driver(camera)
    raw: list[Image] = []
    viewer.create_subscription(Image, "image_annotated", raw.append, qos.images())
    until(lambda: raw, drive)
    assert getattr(camera, end)(None) == TransitionCallbackReturn.SUCCESS
    assert not {"/emotion", "/image_raw"} & listens(camera)
    if end == "on_error":
        assert camera.on_configure(None) == TransitionCallbackReturn.SUCCESS
    if end != "on_shutdown":
        assert camera.on_activate(None) == TransitionCallbackReturn.SUCCESS
        raw.clear()
        until(lambda: raw, drive)
