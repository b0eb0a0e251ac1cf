"""Words from outside in the speech-to-text node, without a graph: late ones, and those of no utterance."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy
from message_standins import LIVE_SPEECH, TRANSCRIPTION, kind
from rclpy.lifecycle import TransitionCallbackReturn
from std_msgs.msg import String

from mer_ros.nodes.conversions.audio import utterance_message
from mer_ros.nodes.speech_to_text import SpeechToTextNode
from mer_ros.utterance import SpeechState, Utterance

S = 1_000_000_000
NOW = 100 * S


@pytest.fixture
def configured(monkeypatch):
    """Make the node with words of a type, and with what it publishes kept."""
    made = []

    def make(words_type="std_msgs/msg/String"):
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
        rclpy.init(args=["--ros-args", "-p", "recogniser:=outside", "-p", f"words_type:={words_type}"])
        node = SpeechToTextNode()
        made.append(node)
        monkeypatch.setattr(node, "now_ns", lambda: NOW)
        node.told = []
        if node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            node.trigger_activate()
            monkeypatch.setattr(node._transcript, "publish", node.told.append)
        return node

    yield make
    for node in made:
        node.destroy_node()
    rclpy.try_shutdown()


def hear(node, number, start_s, end_s):
    said = Utterance(number, SpeechState.ENDED, start_s * S, end_s * S, np.zeros(0, np.int16))
    node.guarded(node._on_utterance)(utterance_message(said))


def tell(node, message):
    node.guarded(node._on_words)(message)


@pytest.mark.parametrize(
    "message",
    [
        String(data="hello"),
        LIVE_SPEECH["language"](final="hello"),
        LIVE_SPEECH["locale"](final="hello"),
        TRANSCRIPTION(text="hello", audio_time=2.0, transcription_time=1.0),
    ],
    ids=["String", "LiveSpeech 2.0", "LiveSpeech 2.2", "Transcription"],
)
def test_words_of_each_type_find_their_utterance(configured, message):
    node = configured()
    hear(node, 1, 93, 95)
    hear(node, 2, 97, 99)
    tell(node, message)
    (transcript,) = node.told
    assert (transcript.utterance_id, transcript.text, transcript.is_final) == (2, "hello", True)
    assert transcript.source == "outside"


def test_what_comes_late_or_for_no_utterance_is_counted(configured):
    node = configured()
    tell(node, String(data="before anybody spoke"))
    hear(node, 1, 97, 99)
    for text in ("hello", "hello again", "  "):
        tell(node, String(data=text))
    assert [transcript.text for transcript in node.told] == ["hello"]
    counts = node.condition().values
    assert (counts["unknown"], counts["late"], counts["empty"]) == (1, 1, 1)


def test_words_that_cannot_be_are_counted_and_the_node_goes_on(configured):
    node = configured()
    hear(node, 1, 97, 99)
    tell(node, TRANSCRIPTION(text="hello", audio_time=-1.0))
    tell(node, kind("Pose", x=0.0)())
    assert node.health.counts["refused"] == 2
    tell(node, String(data="hello"))
    assert len(node.told) == 1


def test_a_type_that_is_not_installed_is_told_in_a_sentence(configured):
    node = configured("no_such_msgs/msg/Words")
    condition = node.health._condition()
    assert "words_type is 'no_such_msgs/msg/Words'" in condition.message
    assert "install its package" in condition.message


@pytest.mark.parametrize("name", ["std_msgs/msg/String", "hri_msgs/msg/LiveSpeech", "whisper_msgs/msg/Transcription"])
def test_the_topic_words_has_the_chosen_type(configured, name):
    pytest.importorskip(f"{name.split('/')[0]}.msg", reason=f"{name.split('/')[0]} is not installed")
    node = configured(name)
    topics = dict(node.get_subscriber_names_and_types_by_node("speech_to_text", ""))
    assert topics["/words"] == [name]
