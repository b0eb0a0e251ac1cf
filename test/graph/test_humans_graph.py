"""The topics of REP-155 over DDS, with the real hri_msgs: who is there, what they express and say."""

from __future__ import annotations

import pytest
from ear import Ear
from mouth import Mouth
from std_msgs.msg import Bool, String

from mer_ros.messages.image import pixels_of
from mer_ros.nodes import qos
from mer_ros.vision.detector import make_detector

hri = pytest.importorskip("hri_msgs.msg", reason="hri_msgs is not installed")

TOPICS = {
    "faces": {"roi": hri.NormalizedRegionOfInterest2D, "expression": hri.Expression},
    "voices": {"is_speaking": Bool, "speech": hri.LiveSpeech},
    "persons": {"face_id": String, "voice_id": String, "anonymous": Bool},
}
EXPRESSIONS = {"angry", "disgusted", "scared", "happy", "neutral", "sad", "surprised"}
pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(360)]


class Listener:
    """Subscribes as libhri does: to the lists, then to the topics of each id on them."""

    def __init__(self, node) -> None:
        self.node = node
        self.heard: dict[str, list] = {}
        self.subscribe("candidate_matches", hri.IdsMatch, qos.humans())
        for group in TOPICS:
            self.subscribe(f"{group}/tracked", hri.IdsList, qos.humans(), self.follow(group))

    def subscribe(self, topic, kind, profile, callback=None) -> None:
        kept = self.heard.setdefault(topic, [])

        def take(message) -> None:
            kept.append(message)
            if callback:
                callback(message)

        self.node.create_subscription(kind, f"/humans/{topic}", take, profile)

    def follow(self, group):
        def tracked(message) -> None:
            for name in message.ids:
                for part, kind in TOPICS[group].items():
                    if f"{group}/{name}/{part}" not in self.heard:
                        profile = qos.latched() if group == "persons" else qos.humans()
                        self.subscribe(f"{group}/{name}/{part}", kind, profile)

        return tracked

    def of(self, group, part):
        """All that was heard on a topic of any id."""
        ends = [
            messages for topic, messages in list(self.heard.items()) if topic.startswith(group) and topic.endswith(part)
        ]
        return [message for messages in ends for message in list(messages)]


def test_who_speaks_is_told_below_humans(ear: Ear, start):
    start(humans=True)
    listener, mouth = Listener(ear.node), Mouth(ear.node)
    assert ear.wait_active("humans", "fusion", "speech_to_text", "camera", "microphone", timeout_s=200)
    assert mouth.wait_for_listeners()
    end = mouth.say()
    mouth.say(end)
    assert ear.wait(lambda: len(ear.heard["emotion"]) >= 1, 120)
    assert ear.wait(lambda: any(match.id1_type == match.VOICE for match in list(listener.heard["candidate_matches"])))
    assert ear.wait(lambda: listener.of("voices", "/speech") and listener.of("faces", "/expression"))
    assert ear.wait(lambda: any(said.data for said in listener.of("persons", "/voice_id")))

    assert any(said.final for said in listener.of("voices", "/speech"))
    assert any(said.data for said in listener.of("voices", "/is_speaking"))
    assert {e.expression for e in listener.of("faces", "/expression")} <= EXPRESSIONS
    roi = listener.of("faces", "/roi")[-1]
    assert 0 <= roi.xmin < roi.xmax <= 1
    assert 0 <= roi.ymin < roi.ymax <= 1
    face = listener.heard["faces/tracked"][-1]
    assert face.header.stamp.sec > 0

    # Ids that leave take their topics with them.
    assert ear.wait(lambda: listener.heard["faces/tracked"][-1].ids == [], 60)
    assert ear.wait(lambda: listener.heard["voices/tracked"][-1].ids == [], 60)
    assert ear.wait(lambda: int(ear.value("humans", "topics")) == 5)
    assert ear.value("humans", "faults") == ""


class FaceTracker:
    """Another node's face detector: it finds the faces in each picture that is published, and tells of them."""

    def __init__(self, node, images) -> None:
        self._images = images
        self._detector = make_detector()
        self._lists = node.create_publisher(hri.IdsList, "/humans/faces/tracked", qos.humans())
        self._places = {
            name: node.create_publisher(hri.NormalizedRegionOfInterest2D, f"/humans/faces/{name}/roi", qos.humans())
            for name in ("left", "right")
        }
        self.rest()

    def rest(self) -> None:
        self._lists.publish(hri.IdsList(ids=list(self._places)))

    def publish(self, message) -> None:
        """In place of the publisher of the pictures."""
        self._images.publish(message)
        self._lists.publish(hri.IdsList(header=message.header, ids=list(self._places)))
        width, height = message.width, message.height
        for found in self._detector.detect(pixels_of(message)):
            box = found.box
            name = "left" if box.x + box.width / 2 < width / 2 else "right"
            region = hri.NormalizedRegionOfInterest2D(
                header=message.header,
                xmin=box.x / width,
                ymin=box.y / height,
                xmax=(box.x + box.width) / width,
                ymax=(box.y + box.height) / height,
                c=found.score,
            )
            self._places[name].publish(region)


def test_faces_that_another_node_finds_are_seen_and_told_of_by_its_names(ear: Ear, start, tmp_path):
    params = tmp_path / "blind.yaml"
    params.write_text("/**/camera:\n  ros__parameters:\n    detector: none\n")
    start(humans=True, faces_from="humans", params_file=str(params), speech_to_text=False)
    listener, mouth = Listener(ear.node), Mouth(ear.node)
    assert ear.wait_active("humans", "fusion", "camera", "microphone", timeout_s=200)
    assert mouth.wait_for_listeners()
    others = mouth.images = FaceTracker(ear.node, mouth.images)
    assert ear.wait(lambda: others.rest() or ear.node.count_subscribers("/humans/faces/left/roi") >= 3)
    end = mouth.say()
    mouth.say(end)
    assert ear.wait(lambda: len(ear.heard["emotion"]) >= 1, 120)
    assert any(window.track_id for window in list(ear.heard["visual_window"]))
    assert int(ear.value("camera", "frames_with_told_faces")) > 0
    names = {topic.split("/")[1] for topic, heard in listener.heard.items() if topic.endswith("/expression") and heard}
    assert names
    assert names <= {"left", "right"}
    assert {face.data for face in listener.of("persons", "/face_id")} & names
    assert ear.node.count_publishers("/humans/faces/tracked") == 1  # it keeps to itself what that node tells


def test_words_of_a_ros4hri_recogniser_and_all_nodes_in_one_process(ear: Ear, start):
    topic = "/humans/voices/anonymousspeaker/speech"
    outside = {"recogniser": "outside", "words_topic": topic, "words_type": "hri_msgs/msg/LiveSpeech"}
    start(humans=True, composed=True, camera=False, **outside)
    speech, mouth = ear.node.create_publisher(hri.LiveSpeech, topic, qos.humans()), Mouth(ear.node)
    assert ear.wait_active("humans", "fusion", "speech_to_text", "microphone", timeout_s=200)
    assert ear.wait(lambda: speech.get_subscription_count() and mouth.sound.get_subscription_count())
    mouth.say()
    assert ear.wait(lambda: len(ear.ended()) == 1)
    said = hri.LiveSpeech(final="it was the best of times", confidence=0.75)
    for field, value in (("locale", "en_GB"), ("language", "en-GB")):
        if hasattr(said, field):
            setattr(said, field, value)
    speech.publish(said)
    assert ear.wait(lambda: len(ear.heard["emotion"]) == 1, 120)
    (transcript,) = ear.heard["transcript"]
    assert (transcript.utterance_id, transcript.text) == (ear.ended()[0].id, "it was the best of times")
    assert (transcript.language, transcript.confidence, transcript.source) == ("en-GB", 0.75, "outside")
    assert ear.heard["emotion"][0].transcript == "it was the best of times"
    speech.publish(said)  # once more, for nothing
    assert ear.wait(lambda: ear.value("speech_to_text", "late") == "1")
