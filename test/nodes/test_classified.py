"""The choice of vision_msgs/Classification as an output of the fusion node, with and without that package."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import message_standins as standins
import rclpy

from mer_ros.nodes import classified, fusion
from mer_ros.nodes.classified import TOPIC, Classified
from mer_ros.utterance import SpeechState, Utterance

S = 1_000_000_000
TYPES = {
    "vision_msgs/msg/Classification": standins.CLASSIFICATION,
    "vision_msgs/msg/ObjectHypothesis": standins.HYPOTHESES["class_id"],
}


@pytest.fixture
def made(monkeypatch):
    """Make an active fusion node where these types are installed; `node.told` is what it tells, by topic."""
    nodes = []

    def make(types, *arguments):
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
        monkeypatch.setattr(classified, "found_type", types.get)
        off = [word for name in ("face", "text", "dialogue") for word in ("-p", f"use_{name}:=false")]
        rclpy.init(args=["--ros-args", *off, *arguments])
        node = fusion.FusionNode()
        nodes.append(node)
        node.told = {}
        speak = node.speak

        def heard(kind, topic, profile):
            if topic == TOPIC and issubclass(kind, standins.StandIn):
                node.told[topic] = []
                return type("Publisher", (), {"publish": staticmethod(node.told[topic].append)})
            return speak(kind, topic, profile)

        monkeypatch.setattr(node, "speak", heard)
        node.trigger_configure()
        node.trigger_activate()
        return node

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown()


def say(node):
    noise = np.random.default_rng(1).integers(-3000, 3000, 16_000).astype(np.int16)
    node._publish(node._fusion.utterance(Utterance(1, SpeechState.ENDED, S, 2 * S, noise), 2 * S))
    node._publish(node._fusion.flush(3 * S))


def test_each_emotion_is_a_classification_too(made):
    node = made(TYPES, "-p", "classification:=true")
    say(node)
    (message,) = node.told[TOPIC]
    assert len(message.results) == 7
    assert sum(result.score for result in message.results) == pytest.approx(1.0)
    assert message.header.stamp.sec == 1
    assert node.condition().values["classification"] == "published"


def test_without_the_package_the_rest_goes_on(made):
    node = made({}, "-p", "classification:=true")
    say(node)
    assert node._fusion.counts["emotions"] == 1
    assert node.condition().values["classification"] == "vision_msgs is not installed"


def test_it_is_a_choice(made):
    node = made(TYPES)
    say(node)
    assert node.told == {}
    assert "classification" not in node.condition().values


def test_the_topic_has_the_real_type(made):
    types = pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed")
    real = {
        "vision_msgs/msg/Classification": types.Classification,
        "vision_msgs/msg/ObjectHypothesis": types.ObjectHypothesis,
    }
    node = made(real, "-p", "classification:=true")
    assert isinstance(node._classified, Classified)
    say(node)
    topics = dict(node.get_publisher_names_and_types_by_node("fusion", ""))
    assert topics[f"/{TOPIC}"] == ["vision_msgs/msg/Classification"]
