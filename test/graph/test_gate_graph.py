"""The robot's own voice over DDS: what the microphone hears while it speaks, or while it is muted."""

from __future__ import annotations

import pytest
from ear import Ear
from mouth import Mouth
from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from mer_ros.nodes import qos

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_robots_own_voice_is_no_utterance(ear: Ear, start):
    start(camera=False, fusion=False, speech_to_text=False, robot_speaking_topic="speech/active")
    speaking = ear.node.create_publisher(Bool, "speech/active", qos.events())
    mouth = Mouth(ear.node)
    assert ear.wait_active("microphone")
    assert ear.wait(lambda: speaking.get_subscription_count() and mouth.sound.get_subscription_count())

    def state(key: str) -> str:
        return ear.value("microphone", key)

    speaking.publish(Bool(data=True))
    assert ear.wait(lambda: state("robot_speaking") == "True")
    mouth.say()
    speaking.publish(Bool(data=False))
    assert ear.wait(lambda: state("robot_speaking") == "False")
    assert int(state("gated_ms")) > 3000
    assert not ear.heard["utterance"]

    assert ear.ask(SetBool, "microphone/mute", SetBool.Request(data=True)).message == "muted"
    mouth.say(ear.node.get_clock().now().nanoseconds + 4_000_000_000)
    assert ear.wait(lambda: state("muted") == "True")
    assert not ear.heard["utterance"]

    assert ear.ask(SetBool, "microphone/mute", SetBool.Request(data=False)).message == "not muted"
    mouth.say(ear.node.get_clock().now().nanoseconds + 12_000_000_000)
    assert ear.wait(lambda: len(ear.ended()) >= 1)
