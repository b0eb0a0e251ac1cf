"""Every transition that can be asked for in every state of every node, also while an utterance is open."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.logging import LoggingSeverity

from mer_ros import stages
from mer_ros.nodes import camera, fusion, microphone, speech_to_text
from mer_ros.nodes.conversions.audio import chunk_message, utterance_message
from mer_ros.speech.recogniser import Recognition, SpeechOptions
from mer_ros.speech.transcriber import Transcriber
from mer_ros.utterance import AudioChunk, SpeechState, Utterance

S = 1_000_000_000
BEGIN = 1_700_000_000 * S
T = Transition
TO = {
    "unconfigured": (),
    "inactive": (T.TRANSITION_CONFIGURE,),
    "active": (T.TRANSITION_CONFIGURE, T.TRANSITION_ACTIVATE),
    "finalized": (T.TRANSITION_UNCONFIGURED_SHUTDOWN,),
}
AFTER = {
    ("unconfigured", T.TRANSITION_CONFIGURE): "inactive",
    ("unconfigured", T.TRANSITION_UNCONFIGURED_SHUTDOWN): "finalized",
    ("inactive", T.TRANSITION_CLEANUP): "unconfigured",
    ("inactive", T.TRANSITION_ACTIVATE): "active",
    ("inactive", T.TRANSITION_INACTIVE_SHUTDOWN): "finalized",
    ("active", T.TRANSITION_DEACTIVATE): "inactive",
    ("active", T.TRANSITION_ACTIVE_SHUTDOWN): "finalized",
}
ASKED = (*range(9), 10, 30, 62, 97, 99, 254)  # all of lifecycle_msgs, some of them rclpy's own, and what there is not
NODES = {
    "camera": camera.CameraNode,
    "microphone": microphone.MicrophoneNode,
    "speech_to_text": speech_to_text.SpeechToTextNode,
    "fusion": fusion.FusionNode,
}


class Mute:
    """A recogniser without words."""

    name, language = "mute", "en"

    def accept(self, samples: np.ndarray) -> None: ...

    def partial(self) -> str:
        return ""

    def finish(self) -> Recognition:
        return Recognition("")

    def reset(self) -> None: ...


@pytest.fixture(params=NODES)
def make(request, monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    monkeypatch.setattr(stages, "transcriber", lambda options: Transcriber(Mute(), SpeechOptions()))
    arguments = ("vad:=webrtc", "detector:=none", "use_face:=false", "use_text:=false", "use_dialogue:=false")
    rclpy.init(args=["--ros-args", *(word for item in arguments for word in ("-p", item))])
    made = []

    def begin(state: str):
        node = NODES[request.param]()
        node.get_logger().set_level(LoggingSeverity.FATAL)
        made.append(node)
        for transition in TO[state]:
            assert ask(node, transition)
        assert node._label == state
        return node

    yield begin
    for node in made:
        assert node.health.counts["faults"] == 0
        node.destroy_node()
    rclpy.try_shutdown()


def ask(node, transition: int = 0, label: str = "") -> bool:
    """Ask as the service does."""
    request = ChangeState.Request(transition=Transition(id=transition, label=label))
    answer: ChangeState.Response = node._on_change_state(request, ChangeState.Response())
    return answer.success


def speak(node) -> None:
    """Begin an utterance that does not end."""
    noise = np.random.default_rng(1).integers(-8000, 8000, 8_000).astype(np.int16)
    for subscription in list(node._listening):
        if subscription.topic_name == "/utterance":
            for piece in range(3):
                state = SpeechState.ONGOING if piece else SpeechState.STARTED
                said = Utterance(1, state, BEGIN, BEGIN + (piece + 1) * S // 2, noise, 8_000 * piece)
                subscription.callback(utterance_message(said))
        elif subscription.topic_name == "/audio":
            for piece in range(6):
                subscription.callback(chunk_message(AudioChunk(BEGIN + piece * S // 2, noise, 16_000)))


@pytest.mark.parametrize("state", TO)
def test_what_the_state_has_is_done_and_all_else_refused(make, state):
    node = make(state)
    for transition in ASKED:
        wanted = AFTER.get((state, transition))
        speak(node)
        assert ask(node, transition) == (wanted is not None), transition
        assert node._label == (wanted or state), transition
        if wanted:
            if wanted != "finalized":
                back = next(t for (before, t), after in AFTER.items() if (before, after) == (wanted, state))
                assert ask(node, back)
            else:
                node = make(state)
    assert not ask(node, label="sing")
    assert node._label == state


def test_after_any_interruption_it_works_as_before(make):
    node = make("active")
    for down in ((T.TRANSITION_DEACTIVATE,), (T.TRANSITION_DEACTIVATE, T.TRANSITION_CLEANUP)):
        speak(node)
        for transition in down:
            assert ask(node, transition)
        for transition in TO["active"][-len(down) :]:
            assert ask(node, transition)
        speak(node)
        assert node._whole_condition().values["state"] == "active"
        assert len(node._listening) == len({s.topic_name for s in node._listening})  # none is there twice
