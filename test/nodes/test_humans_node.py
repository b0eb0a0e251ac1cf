"""The humans node without a graph: which topics it makes and ends. Its messages are stand-ins of hri_msgs'."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import message_standins as standins
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from std_msgs.msg import Empty, String

from mer_ros.emotion import EmotionEstimate
from mer_ros.nodes import humans, told
from mer_ros.nodes.conversions.audio import utterance_message
from mer_ros.nodes.conversions.emotions import emotion_message
from mer_ros.nodes.conversions.vision import window_message
from mer_ros.nodes.conversions.words import transcript_message
from mer_ros.utterance import Box, FaceSample, SpeechState, Transcript, Utterance, VisualWindow
from mer_ros.vision.crops import CONTEXT_SHAPE, FACE_PX
from mer_ros.vision.told_faces import ToldFace

S = 1_000_000_000
HRI = {
    "hri_msgs/msg/IdsList": standins.IDS_LIST,
    "hri_msgs/msg/NormalizedRegionOfInterest2D": standins.NORMALIZED_REGION,
    "hri_msgs/msg/Expression": standins.EXPRESSION,
    "hri_msgs/msg/LiveSpeech": standins.LIVE_SPEECH["locale"],
    "hri_msgs/msg/IdsMatch": standins.IDS_MATCH,
    "std_msgs/msg/Bool": standins.BOOL,
    "std_msgs/msg/String": standins.STRING,
}
STAY = {"faces/tracked", "voices/tracked", "persons/tracked", "persons/known", "candidate_matches"}


class Channel(list):
    """What was published on a topic."""

    publish = list.append


@pytest.fixture
def made(monkeypatch):
    """Make the node where these types are installed; its publishers keep what they are given."""
    nodes = []

    def make(types=HRI, *arguments):
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
        monkeypatch.setattr(humans, "found_type", types.get)
        monkeypatch.setattr(told, "found_type", types.get)
        rclpy.init(args=["--ros-args", *arguments])
        node = humans.HumansNode()
        nodes.append(node)
        node.channels = {}

        def channel(kind, topic, profile, **_):
            assert topic not in node.channels
            node.channels[topic] = Channel()
            return node.channels[topic]

        def ended(publisher):
            node.channels = {topic: other for topic, other in node.channels.items() if other is not publisher}

        node.clock_ns = 10 * S
        monkeypatch.setattr(node, "now_ns", lambda: node.clock_ns)
        monkeypatch.setattr(node, "speak", channel)
        monkeypatch.setattr(node, "destroy_publisher", ended)
        if node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            monkeypatch.setattr(node, "create_publisher", channel)
            create = node.create_subscription
            monkeypatch.setattr(
                node,
                "create_subscription",
                lambda kind, topic, *how, **more: None if "/faces/" in topic else create(kind, topic, *how, **more),
            )
            node.trigger_activate()
        return node

    yield make
    for node in nodes:
        monkeypatch.undo()
        node.destroy_node()
    rclpy.try_shutdown()


def see(node, track, person):
    pixels = np.zeros((FACE_PX, FACE_PX, 3), np.uint8), np.zeros((*CONTEXT_SHAPE, 3), np.uint8)
    sample = FaceSample(node.clock_ns, Box(10, 20, 30, 40), 0.9, True, *pixels)
    window = VisualWindow(
        0, False, node.clock_ns - S, node.clock_ns, track, (sample,), 1, 5, 100, 100, person_id=person
    )
    node.guarded(node._on_window)(window_message(window, "eyes"))


def speak(node, number, person, face):
    start, nothing = node.clock_ns, np.zeros(0, np.int16)
    for state in (SpeechState.STARTED, SpeechState.ENDED):
        node.guarded(node._on_utterance)(utterance_message(Utterance(number, state, start, start + S, nothing)))
    node.guarded(node._on_transcript)(transcript_message(Transcript(number, start, start + S, "hello", True)))
    probabilities = np.full(7, 1 / 7)
    emotion = EmotionEstimate(
        number, start, start + S, True, probabilities, np.ones(3) / 3, "sadness", 0.5, "negative", -0.5, -0.25, (),
        person_id=person, face_id=face,
    )  # fmt: skip
    node.guarded(node._on_emotion)(emotion_message(emotion))


def topics(node):
    return {topic.removeprefix("/humans/") for topic in node.channels}


def test_ids_have_topics_as_long_as_they_are_tracked(made):
    node = made()
    assert topics(node) == STAY
    see(node, 1, "person-1")
    see(node, 2, "person-2")
    speak(node, 1, "person-1", 1)
    of_persons = {f"persons/person{n}/{name}" for n in (1, 2) for name in ("face_id", "anonymous")}
    assert topics(node) == STAY | of_persons | {
        "faces/face1/roi",
        "faces/face2/roi",
        "faces/face1/expression",
        "voices/voice1/is_speaking",
        "voices/voice1/speech",
        "persons/person1/voice_id",
    }
    assert node.channels["/humans/faces/tracked"][-1].ids == ["face1", "face2"]
    (expression,) = node.channels["/humans/faces/face1/expression"]
    assert (expression.expression, expression.valence, expression.arousal) == ("sad", -0.5, -0.25)
    (speech,) = node.channels["/humans/voices/voice1/speech"]
    assert speech.final == "hello"
    assert [spoken.data for spoken in node.channels["/humans/voices/voice1/is_speaking"]] == [True, False]
    assert node.channels["/humans/faces/face1/roi"][-1].header.frame_id == "eyes"
    assert [said.data for said in node.channels["/humans/persons/person1/voice_id"]] == ["voice1"]

    node.clock_ns += 5 * S
    node._on_tick()
    assert {topic.split("/")[1] for topic in topics(node) - STAY} == {"person1", "voice1"}  # spoke a while ago
    node.clock_ns += 50 * S
    node._on_tick()
    assert topics(node) == STAY
    assert node.health.counts == {}


def test_topics_are_not_made_again_while_an_id_is_tracked(made):
    node = made()
    for _ in range(3):
        see(node, 1, "person-1")
        node._on_tick()
    assert len(node.channels["/humans/faces/face1/roi"]) == 3


def test_persons_may_be_left_to_a_person_manager(made):
    node = made(HRI, "-p", "persons:=false")
    see(node, 1, "person-1")
    assert topics(node) == {"faces/tracked", "voices/tracked", "candidate_matches", "faces/face1/roi"}
    see(node, 2, "")  # of whom only a face is known: the manager names them
    assert [match.id2 for match in node.channels["/humans/candidate_matches"]] == ["person1"]


def test_what_faces_express_is_told_under_the_ids_that_another_node_gave_them(made):
    node = made(HRI, "-p", "faces_from:=humans")
    node._told.track(["f23bd"])
    node._told.tell("f23bd", ToldFace(node.clock_ns, (0.1, 0.2, 0.4, 0.6)))  # where `see` sees one
    see(node, 1, "person-1")
    speak(node, 1, "person-1", 1)
    assert "faces/f23bd/expression" in topics(node)
    assert not {"faces/tracked", "faces/f23bd/roi", "faces/face1/roi"} & topics(node)
    assert node.channels["/humans/persons/person1/face_id"][-1].data == "f23bd"


def test_a_hundred_faces_are_a_bounded_number_of_topics(made):
    node = made(HRI, "-p", "humans.max_tracked:=4")
    for n in range(1, 101):
        see(node, n, f"person-{n}")
    assert len(topics(node) - STAY) == 4 * 3  # roi, face_id, anonymous
    assert node.condition().values["faces_over_limit"] == 96
    assert node.condition().values["faces_tracked"] == 4


def test_who_is_forgotten_is_no_person_here(made):
    node = made()
    see(node, 1, "person-1")
    node._on_forgotten(String(data="person-1"))
    assert not any(topic.startswith("persons/person1") for topic in topics(node))
    assert node.channels["/humans/persons/known"][-1].ids == []
    see(node, 1, "person-2")
    node._on_renumbered(Empty())
    assert node.channels["/humans/persons/known"][-1].ids == []


def test_at_the_end_nobody_is_tracked(made):
    node = made()
    see(node, 1, "person-1")
    node.trigger_deactivate()
    assert topics(node) == STAY
    assert all(node.channels[f"/humans/{group}/tracked"][-1].ids == [] for group in ("faces", "voices", "persons"))


def test_without_hri_msgs_a_sentence_says_what_is_missing(made):
    node = made({name: kind for name, kind in HRI.items() if not name.startswith("hri_msgs")})
    assert "hri_msgs is not installed" in node.health._condition().message
    assert topics(node) == set()


def test_what_a_release_lacks_is_left_out_and_the_rest_goes_on(made):
    node = made({name: kind for name, kind in HRI.items() if not name.endswith(("Expression", "IdsMatch"))})
    see(node, 1, "person-1")
    speak(node, 1, "person-1", 1)
    assert "faces/face1/roi" in topics(node)
    assert not {"faces/face1/expression", "candidate_matches"} & topics(node)


def test_a_window_that_cannot_be_decoded_is_counted(made):
    node = made()
    pixels = np.zeros((8, 8, 3), np.uint8)
    sample = FaceSample(S, Box(0, 0, 8, 8), 0.9, True, pixels, pixels)
    window = VisualWindow(0, False, 0, S, 1, (sample,), 1, 5, 100, 100)
    node.guarded(node._on_window)(window_message(window))
    assert node.health.counts["refused"] == 1
    assert topics(node) == STAY
