"""Nodes that are given more than they can do: what is interim is left out, what is final is not."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy
from mer_msgs.msg import Utterance as UtteranceMsg

from mer_ros import stages
from mer_ros.nodes import camera, fusion, guard, load, speech_to_text
from mer_ros.nodes.conversions.audio import utterance_message
from mer_ros.nodes.conversions.vision import image_message
from mer_ros.nodes.health import WARN
from mer_ros.speech.recogniser import Recognition, SpeechOptions
from mer_ros.speech.transcriber import Transcriber
from mer_ros.utterance import SpeechState, Utterance
from mer_ros.vision.observer import FaceObserver

S, MS = 1_000_000_000, 1_000_000
BEGIN = 1_700_000_000 * S
NODES = {"camera": camera.CameraNode, "fusion": fusion.FusionNode, "speech_to_text": speech_to_text.SpeechToTextNode}


class Echo:
    """A recogniser that tells how much it has heard."""

    name, language = "echo", "en"
    heard = 0

    def accept(self, samples: np.ndarray) -> None:
        self.heard += len(samples)

    def partial(self) -> str:
        return str(self.heard)

    def finish(self) -> Recognition:
        return Recognition(str(self.heard))

    def reset(self) -> None:
        self.heard = 0


@pytest.fixture
def steady(monkeypatch):
    """Steady time, in which every look at a frame and every callback takes as long as the test says."""
    now = [S]
    monkeypatch.setattr(camera, "steady_ns", lambda: now[0])
    monkeypatch.setattr(guard, "steady_ns", lambda: now[0])
    return now


@pytest.fixture
def make(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    monkeypatch.setattr(stages, "transcriber", lambda options: Transcriber(Echo(), SpeechOptions()))
    arguments = ("detector:=none", "use_face:=false", "use_text:=false", "use_dialogue:=false")
    rclpy.init(args=["--ros-args", *(word for item in arguments for word in ("-p", item))])
    made = []

    def begin(name: str):
        node = NODES[name]()
        made.append(node)
        assert node.trigger_configure().name == "SUCCESS"
        assert node.trigger_activate().name == "SUCCESS"
        return node

    yield begin
    for node in made:
        node.destroy_node()
    rclpy.try_shutdown()


def test_a_camera_node_that_cannot_keep_up_gives_up_in_order_and_says_so(make, steady, monkeypatch):
    node = make("camera")
    look = FaceObserver.frame

    def slow(self, frame):
        steady[0] += 100 * MS
        return look(self, frame)

    monkeypatch.setattr(FaceObserver, "frame", slow)
    monkeypatch.setattr(node, "now_ns", lambda: BEGIN + steady[0])
    see = next(s for s in node.subscriptions if "image_raw" in s.topic_name).callback
    told = []
    for number in range(30 * 8):
        steady[0] = max(steady[0], S + number * S // 30)
        picture = np.full((48, 64, 3), number, np.uint8)  # no two are the same: the camera is not frozen
        see(image_message(picture, BEGIN + S + number * S // 30))
        told.append(node.condition())
    levels = [int(condition.values["load_level"]) for condition in told]
    assert levels == sorted(levels)
    assert levels[-1] == 2
    assert told[-1].level == WARN
    assert told[-1].message == f"the machine cannot keep up: {load.LEVELS[2]}"
    assert int(told[-1].values["frames_shed"]) > 100
    assert node._eye.options.window_frames == node.parameters["observer.window_frames"] // 2


def test_frames_without_a_stamp_are_as_old_as_their_arrival(make, steady, monkeypatch):
    node = make("camera")
    monkeypatch.setattr(node, "now_ns", lambda: BEGIN + steady[0])
    see = next(s for s in node.subscriptions if "image_raw" in s.topic_name).callback
    for number in range(10 * 20):
        steady[0] = S + number * S // 10
        see(image_message(np.zeros((48, 64, 3), np.uint8), 0))
    assert node.health.counts["refused"] == 0
    assert node.condition().values["load_level"] == 0


def busy(node, steady) -> None:
    """Two seconds in which the node did nothing else."""
    for _ in range(2):
        node.guarded.busy.add(steady[0], steady[0] + S)
        steady[0] += S
    assert node.is_overloaded
    assert node._whole_condition().values["busy_percent"] == 100


def test_words_are_not_told_before_their_end(make, steady, monkeypatch):
    node = make("speech_to_text")
    said = []
    monkeypatch.setattr(node._transcript, "publish", said.append)
    hear = next(s for s in node.subscriptions if "utterance" in s.topic_name).callback
    busy(node, steady)
    piece = np.full(16_000, 99, np.int16)
    for second in range(3):
        state = SpeechState.ONGOING if second else SpeechState.STARTED
        hear(utterance_message(Utterance(1, state, BEGIN, BEGIN + (second + 1) * S, piece, 16_000 * second)))
    hear(utterance_message(Utterance(1, SpeechState.ENDED, BEGIN, BEGIN + 3 * S, np.tile(piece, 3))))
    assert node.health.counts["left_out_under_load"] == 2
    assert said[-1].is_final
    assert said[-1].text == "48000"
    assert sum(not message.is_final for message in said) <= 1


def test_emotions_are_told_at_the_end_alone(make, steady, monkeypatch):
    node = make("fusion")
    final = []
    monkeypatch.setattr(node._emotion, "publish", final.append)
    busy(node, steady)
    node._on_tick()
    assert node.health.counts["left_out_under_load"] == 1
    noise = np.random.default_rng(1).integers(-3000, 3000, 16_000).astype(np.int16)
    hear = next(s for s in node.subscriptions if "utterance" in s.topic_name).callback
    now = node.now_ns()
    message = utterance_message(Utterance(1, SpeechState.ENDED, now - S, now, noise))
    assert message.state == UtteranceMsg.ENDED
    hear(message)
    until = time.monotonic() + 30
    while not final and time.monotonic() < until:
        node._on_tick()
        time.sleep(0.05)
    assert [emotion.utterance_id for emotion in final] == [1]
