"""The microphone's node without a graph: what its diagnostics say."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

import rclpy
from mer_msgs.msg import AudioChunk as AudioChunkMsg
from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from mer_ros.nodes import microphone
from mer_ros.nodes.conversions.audio import chunk_message
from mer_ros.nodes.health import OK, WARN
from mer_ros.utterance import AudioChunk

SECOND = 1_000_000_000


@pytest.fixture
def steady(monkeypatch):
    """Steady time, set by hand."""
    clock = [100.0]
    monkeypatch.setattr(microphone.time, "monotonic", lambda: clock[0])
    return clock


@pytest.fixture
def node(monkeypatch, steady):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    rclpy.init(args=["--ros-args", "-p", "vad:=webrtc", "-p", "use_sim_time:=true"])
    made = microphone.MicrophoneNode()
    made.trigger_configure()
    made.trigger_activate()
    yield made
    made.destroy_node()
    rclpy.try_shutdown()


def hear(node, number, channels=1):
    """Give the node 0.1 s of sound as its subscription would."""
    message = chunk_message(AudioChunk(SECOND + number * SECOND // 10, np.zeros(1600, np.int16), 16_000))
    node.guarded(node._on_audio)(
        AudioChunkMsg(header=message.header, samples=message.samples, sample_rate=16_000, channels=channels)
    )


def test_refused_chunks_are_no_sound_and_are_told(node, steady):
    for number in range(30):
        steady[0] += 0.1
        hear(node, number, channels=0)
    condition = node.condition()
    assert condition.level == WARN
    assert "30 audio chunks were refused" in condition.message
    condition = node.condition()  # none more since
    assert condition.level == WARN
    assert "no audio for 3 s" in condition.message
    hear(node, 30)
    assert node.condition().level == OK


def test_silence_is_measured_in_steady_time_while_the_simulation_stands_still(node, steady):
    hear(node, 0)
    assert node.condition().level == OK
    steady[0] += 5
    assert node.now_ns() == 0
    assert "no audio for 5 s" in node.condition().message


def test_the_robots_own_voice_and_muting_are_told(node):
    assert node.condition().values["robot_speaking"] is False
    node._on_robot_speaking(Bool(data=True))
    assert node.condition().values["robot_speaking"] is True
    hear(node, 0)
    assert node.condition().values["gated_ms"] == 100
    node._on_robot_speaking(Bool(data=False))
    assert node.condition().values["robot_speaking"] is False
    answer = node._on_mute(SetBool.Request(data=True), SetBool.Response())
    assert (answer.success, answer.message) == (True, "muted")
    node.trigger_deactivate()
    node.trigger_cleanup()
    node.trigger_configure()
    node.trigger_activate()
    hear(node, 1)
    assert node.condition().values["muted"] is True  # a restart of the senses is no leave to listen
    assert node.condition().values["gated_ms"] == 100
    node._on_mute(SetBool.Request(data=False), SetBool.Response())
    hear(node, 2)
    assert node.condition().values["muted"] is False
    assert node.condition().values["gated_ms"] == 100


def test_a_robot_that_never_ends_to_speak_is_released(node, monkeypatch):
    now = [10 * SECOND]
    monkeypatch.setattr(node, "now_ns", lambda: now[0])
    node._on_robot_speaking(Bool(data=True))
    now[0] += 59 * SECOND
    node._check_gate()
    assert node.condition().values["robot_speaking"] is True
    now[0] += 2 * SECOND
    node._check_gate()
    assert node.condition().values["robot_speaking"] is False
    assert node.condition().values["robot_speaking_overdue"] == 1
