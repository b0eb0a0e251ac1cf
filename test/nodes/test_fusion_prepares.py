"""At a pause the fusion node has the voice judged already, and faces as they come, for those who listen.

Not if it hardly keeps up; what it tells is the same.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy
from mer_msgs.msg import Emotion, EmotionEvent, VisualWindow

from mer_ros.emotion import Modality
from mer_ros.inference import Model
from mer_ros.nodes import qos
from mer_ros.nodes.conversions.audio import utterance_message
from mer_ros.nodes.fusion import FusionNode
from mer_ros.utterance import PAUSE, SpeechState, Utterance

S = 1_000_000_000
BEGIN = 1_700_000_000 * S


@pytest.fixture
def node(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    arguments = ("use_face:=false", "use_text:=false", "use_dialogue:=false")
    rclpy.init(args=["--ros-args", *(word for item in arguments for word in ("-p", item))])
    node = FusionNode()
    assert node.trigger_configure().name == "SUCCESS"
    assert node.trigger_activate().name == "SUCCESS"
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def piece(state: SpeechState, samples: np.ndarray, first: int = 0, ended_by: str = "") -> Utterance:
    end_ns = BEGIN + (first + len(samples)) * S // 16_000
    return Utterance(1, state, BEGIN, end_ns, samples, first, 20.0, ended_by=ended_by)


@pytest.mark.parametrize(
    ("overloaded", "heard", "runs"),
    [(False, True, [0, 1, 1]), (True, True, [0, 0, 1]), (False, False, [0, 0, 1])],
)
def test_the_voice_is_judged_at_the_pause_and_not_again(node, monkeypatch, overloaded, heard, runs):
    asked, told, counted = [], [], []
    run = Model.run

    def noted(self, **arrays):
        asked.append(self.entry.task)
        return run(self, **arrays)

    monkeypatch.setattr(Model, "run", noted)
    monkeypatch.setattr(node._emotion, "publish", told.append)
    monkeypatch.setattr(FusionNode, "is_overloaded", property(lambda self: overloaded))
    monkeypatch.setattr(FusionNode, "_is_heard", property(lambda self: heard))
    voice = np.random.default_rng(1).normal(0, 3000, 32_000).astype(np.int16)
    hear = next(s for s in node.subscriptions if "utterance" in s.topic_name).callback
    for said in (
        piece(SpeechState.STARTED, voice[:16_000]),
        piece(SpeechState.ONGOING, voice[16_000:], 16_000, PAUSE),
        piece(SpeechState.ENDED, voice),
    ):
        hear(utterance_message(said))
        counted.append(asked.count("speech"))
    assert counted == runs
    (emotion,) = told
    node._fusion.forget_person()  # the answer is not kept either
    alone = node._fusion._judge.ask(Modality.AUDIO, piece(SpeechState.ENDED, voice), "")
    assert asked.count("speech") == runs[-1] + 1
    audio = next(item for item in emotion.modalities if item.modality == "audio")
    assert np.allclose(audio.probabilities, alone.probabilities, atol=1e-6)


@pytest.mark.parametrize("overloaded", [False, True])
@pytest.mark.parametrize("topic", [None, "emotion", "emotion/live", "emotion/events"])
def test_faces_are_judged_as_they_come_only_for_those_who_listen(node, monkeypatch, topic, overloaded):
    wanted, kinds = [], {"emotion": (Emotion, qos.emotions()), "emotion/live": (Emotion, qos.interim())}
    kind, profile = kinds.get(topic, (EmotionEvent, qos.events()))
    if topic:
        node.create_subscription(kind, topic, lambda _: None, profile)
        deadline = time.monotonic() + 60
        while not node.count_subscribers(topic) or not node._is_heard:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    monkeypatch.setattr(FusionNode, "is_overloaded", property(lambda self: overloaded))
    monkeypatch.setattr(node._fusion, "look_ahead", wanted.append)
    see = next(s for s in node.subscriptions if "visual_window" in s.topic_name).callback
    for number in (0, 1):  # outside of an utterance nothing is judged before it is asked for
        see(VisualWindow(utterance_id=number))
    assert wanted == [bool(topic) and not overloaded]
    assert node.health.counts["looks_ahead_left_out"] == overloaded
    assert node.health.counts["left_out_under_load"] == 0  # that is interim emotions
