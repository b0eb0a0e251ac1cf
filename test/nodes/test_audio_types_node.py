"""The microphone's node hears the same utterance in sound of every package, and subscribes with the chosen type."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy
from rclpy.lifecycle import TransitionCallbackReturn

from mer_ros.nodes import microphone
from mer_ros.nodes.conversions.audio import chunk_message
from mer_ros.nodes.conversions.stamps import header
from mer_ros.replay.sample import SampleDialogue
from mer_ros.utterance import AudioChunk

S = 1_000_000_000


@cache
def sentence() -> tuple[AudioChunk, ...]:
    """The first sentence of the sample dialogue, and the silence that ends it."""
    events = (event for event in SampleDialogue().events(S) if isinstance(event, AudioChunk))
    chunks = []
    for chunk in events:
        if chunk.stamp_ns > 7 * S:
            break
        chunks.append(chunk)
    return tuple(chunks)


def audio_data(chunk):  # ros-drivers/audio_common: neither stamp nor rate
    return SimpleNamespace(data=np.asarray(chunk.samples, "<i2").tobytes())


def audio_data_stamped(chunk):
    return SimpleNamespace(header=header(chunk.stamp_ns), audio=audio_data(chunk))


def audio_stamped(chunk):  # mgonzs13/audio_common: PortAudio's samples
    arrays = dict.fromkeys(("float32_data", "int32_data", "int8_data", "uint8_data"), ())
    info = SimpleNamespace(format=8, channels=1, rate=chunk.sample_rate, chunk=len(chunk.samples))
    audio = SimpleNamespace(audio_data=SimpleNamespace(int16_data=chunk.samples, **arrays), info=info)
    return SimpleNamespace(header=header(chunk.stamp_ns), audio=audio)


@pytest.fixture
def made(monkeypatch):
    """Make an active node; `node.ended` are the utterances that it has told."""
    nodes = []

    def make(*arguments):
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
        rclpy.init(args=["--ros-args", "-p", "vad:=webrtc", *arguments])
        node = microphone.MicrophoneNode()
        nodes.append(node)
        node.ended = []
        if node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            node.trigger_activate()
            monkeypatch.setattr(
                node._utterance, "publish", lambda m: node.ended.append(m) if m.state == m.ENDED else None
            )
        return node

    yield make
    for node in nodes:
        monkeypatch.undo()
        node.destroy_node()
    rclpy.try_shutdown()


@pytest.mark.parametrize("message", [chunk_message, audio_data, audio_data_stamped, audio_stamped])
def test_the_same_is_heard_in_sound_of_every_package(made, monkeypatch, message):
    node = made("-p", f"sample_rate:={sentence()[0].sample_rate}")
    for chunk in sentence():
        end_ns = chunk.stamp_ns + len(chunk.samples) * S // chunk.sample_rate
        monkeypatch.setattr(node, "now_ns", lambda end_ns=end_ns: end_ns)  # it comes when it ends
        node.guarded(node._on_audio)(message(chunk))
    (said,) = node.ended
    assert 2 * 16_000 < len(said.samples) < 6 * 16_000
    assert S < said.start.sec * S + said.start.nanosec < 3 * S
    assert node.health.counts["refused"] == 0


@pytest.mark.parametrize("kind", ["AudioData", "AudioDataStamped", "AudioStamped"])
def test_the_topic_has_the_chosen_type(made, kind):
    types = pytest.importorskip("audio_common_msgs.msg", reason="audio_common_msgs is not installed")
    if not hasattr(types, kind):
        pytest.skip(f"this audio_common_msgs is the one without {kind}")
    node = made("-p", f"audio_type:=audio_common_msgs/msg/{kind}")
    assert dict(node.get_subscriber_names_and_types_by_node("microphone", ""))["/audio"] == [
        f"audio_common_msgs/msg/{kind}"
    ]


def test_a_type_that_is_not_installed_is_told_in_a_sentence(made):
    node = made("-p", "audio_type:=no_such_msgs/msg/Sound")
    assert "audio_type is 'no_such_msgs/msg/Sound'" in node.health._condition().message
