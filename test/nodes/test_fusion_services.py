"""The fusion's services without a graph, also where they are called too early."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

import rclpy
from mer_msgs.srv import GetTurns, ResetDialogue

from mer_ros.nodes import fusion
from mer_ros.nodes.conversions.audio import utterance_message
from mer_ros.nodes.health import WARN
from mer_ros.utterance import SpeechState, Utterance

SECOND = 1_000_000_000


@pytest.fixture
def node(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    rclpy.init(args=["--ros-args", "-p", "use_face:=false", "-p", "use_text:=false", "-p", "use_dialogue:=false"])
    made = fusion.FusionNode()
    yield made
    made.destroy_node()
    rclpy.try_shutdown()


def turns(node, count=0):
    answer = node._get_turns(GetTurns.Request(count=count), GetTurns.Response())
    return answer.dialogue_id, [turn.turn for turn in answer.turns]


def test_the_last_turns_are_told_until_the_dialogue_is_reset(node):
    assert turns(node) == ("", [])  # not configured
    node.trigger_configure()
    node.trigger_activate()
    assert turns(node) == ("", [])
    noise = np.random.default_rng(1).integers(-3000, 3000, 16_000).astype(np.int16)
    for number in (1, 2, 3):
        begin = number * 3 * SECOND
        node._fusion.utterance(Utterance(number, SpeechState.ENDED, begin, begin + SECOND, noise), begin + SECOND)
        node._fusion.flush(begin + SECOND)
    assert turns(node) == ("dialogue-3000000000", [1, 2, 3])
    assert turns(node, 2) == ("dialogue-3000000000", [2, 3])
    told = node._get_turns(GetTurns.Request(count=1), GetTurns.Response()).turns[0]
    assert (told.start.sec, told.end.sec) == (9, 10)
    assert told.emotion
    ended = node._reset_dialogue(ResetDialogue.Request(), ResetDialogue.Response())
    assert (ended.dialogue_id, ended.turns) == ("dialogue-3000000000", 3)
    assert turns(node) == ("", [])


def test_all_that_is_wrong_is_told_at_once(node, monkeypatch):
    node.trigger_configure()
    node._contact.silent["camera"] = 7.0
    monkeypatch.setattr(node._fusion, "missed_lately", lambda modality: float(modality == "face"))
    said = "not heard: camera for 7 s; is the link to it down?; face often came too late or not at all"
    assert (node.condition().level, node.condition().message) == (WARN, said)


def test_utterances_that_never_came_are_told(node, monkeypatch):
    node.trigger_configure()
    node.trigger_activate()
    said = []
    monkeypatch.setattr(node, "get_logger", lambda: SimpleNamespace(warning=said.append))
    for number in (1, 2, 3, 5):
        begin = number * 3 * SECOND
        pcm = np.zeros(16_000, np.int16)
        node._on_utterance(utterance_message(Utterance(number, SpeechState.ENDED, begin, begin + SECOND, pcm)))
    assert said == ["utterances before number 5 that never came: 1"]
