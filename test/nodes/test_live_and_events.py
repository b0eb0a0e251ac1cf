"""The fusion node's part of the moment, with publishers that only keep: live messages, events, counts."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

from mer_msgs.msg import EmotionEvent

from mer_ros.emotion import EMOTIONS, UNKNOWN, EmotionEstimate, Modality, ModalityEstimate
from mer_ros.errors import InputError
from mer_ros.fusion.events import SOMEBODY, Event, Happening
from mer_ros.fusion.experts import Expert, Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.fusion.options import FusionOptions
from mer_ros.nodes.conversions.events import event_message, event_of
from mer_ros.nodes.conversions.stamps import to_ns
from mer_ros.nodes.live import Live
from mer_ros.settings.files import Settings
from mer_ros.utterance import SpeechState, Utterance, VisualWindow

MS = 1_000_000
START = 1_700_000_000_000_000_000
UNIFORM = np.full(7, 1 / 7)


class Publisher:
    def __init__(self, topic):
        self.topic, self.said, self.listeners = topic, [], 1

    def publish(self, message):
        self.said.append(message)

    def get_subscription_count(self):
        return self.listeners


class Stage:
    """A fusion whose face model says what it is told; its node; and what that published."""

    def __init__(self, **parameters):
        self.feels, self.asked, self.now_ms = "joy", 0, 0
        self.publishers = {}
        node = SimpleNamespace(parameters=Settings("fusion", parameters), speak=self._speak)
        self.live = Live(node)
        face, audio = (Expert(self._answer(m), UNIFORM, 0.8) for m in (Modality.FACE, Modality.AUDIO))
        self.fuser = EmotionFuser(Experts(face=face, audio=audio), FusionOptions(target_prior=tuple(UNIFORM)))
        self.fuser.expect([Modality.AUDIO])

    def _speak(self, kind, topic, profile):
        self.publishers[topic] = Publisher(topic)
        return self.publishers[topic]

    def _answer(self, modality):
        def estimate(*_part, **_how):
            self.asked += 1
            row = np.full(7, 0.05)
            row[EMOTIONS.index(self.feels)] = 0.7
            return ModalityEstimate(modality, row, quality=0.8, model="told")

        return estimate

    def look(self, until_ms, people=("ann",)):
        """Windows of these persons each half second, and a tick each twentieth."""
        while self.now_ms < until_ms:
            self.now_ms += 50
            now_ns = START + self.now_ms * MS
            if self.now_ms % 500 == 0:
                for track, person in enumerate(people, 1):
                    self.fuser.window(
                        VisualWindow(0, False, now_ns - 500 * MS, now_ns, track, (), 1, 5, 640, 480, person_id=person),
                        now_ns,
                    )
            self.live.tick(self.fuser, now_ns, "head")

    def say(self):
        now_ns = START + self.now_ms * MS
        spoken = Utterance(1, SpeechState.ENDED, now_ns - 10**9, now_ns, np.zeros(16_000, np.int16))
        for estimate in self.fuser.utterance(spoken, now_ns):
            self.live.take(estimate, now_ns, "head")

    def told(self, topic):
        return self.publishers[topic].said

    def events(self):
        return [(e.kind, e.person_id, e.before, e.emotion) for e in self.told("emotion/events")]


def test_everybody_in_view_is_told_of_at_the_rate_and_one_change_is_one_event():
    stage = Stage()
    stage.look(5000, ("ann", "bob", "eve"))
    live = stage.told("emotion/live")
    assert [m.person_id for m in live[:3]] == ["ann", "bob", "eve"]
    assert len(live) == 30
    assert {(m.is_final, m.utterance_id, m.header.frame_id) for m in live} == {(False, 0, "head")}
    arrivals = [(EmotionEvent.ARRIVAL, name, "", "joy") for name in ("ann", "bob", "eve")]
    assert stage.events() == arrivals
    stage.feels = "anger"
    stage.look(12_000)
    assert stage.events() == [*arrivals, (EmotionEvent.CHANGE, "ann", "joy", "anger")]
    stage.look(40_000, ())
    left = [(EmotionEvent.LEAVING, "bob", "", "joy"), (EmotionEvent.LEAVING, "eve", "", "joy")]
    assert stage.events()[4:] == [*left, (EmotionEvent.LEAVING, "ann", "", "anger")]
    assert stage.live.counts == {"live_messages": len(live), "events": 7}
    change = stage.told("emotion/events")[3]
    assert START + 5500 * MS <= to_ns(change.since) < to_ns(change.header.stamp) <= START + 8500 * MS
    assert change.probabilities[EMOTIONS.index("anger")] == max(change.probabilities)


def test_final_emotions_are_events_too_and_of_somebody_where_nobody_is_seen():
    stage = Stage()
    stage.say()
    assert stage.events() == [(EmotionEvent.ARRIVAL, "", "", "joy")]


def test_without_a_listener_no_model_is_asked_and_events_alone_are_reason_enough():
    stage = Stage()
    for publisher in stage.publishers.values():
        publisher.listeners = 0
    stage.look(5000)
    assert stage.asked == 0
    stage.publishers["emotion/events"].listeners = 1
    stage.look(6000)
    assert stage.asked > 0
    assert stage.events() == [(EmotionEvent.ARRIVAL, "ann", "", "joy")]


def test_live_switched_off_leaves_events_of_final_emotions():
    stage = Stage(live=False)
    stage.look(5000)
    assert stage.asked == 0
    stage.say()
    assert stage.told("emotion/live") == []
    assert len(stage.events()) == 1


def test_parameters_say_when_somebody_has_left_and_who_is_forgotten_has():
    stage = Stage(**{"events.forget_after_s": 3.0})
    stage.look(1000, ("ann", "bob"))
    stage.fuser.forget_person("bob")
    stage.live.forget("bob", START + 1000 * MS, "")
    assert stage.events()[2:] == [(EmotionEvent.LEAVING, "bob", "", "joy")]
    stage.look(3900, ())
    assert len(stage.events()) == 3
    stage.look(6500, ())
    assert [event[:2] for event in stage.events()[3:]] == [(EmotionEvent.LEAVING, "ann")]


def estimate(emotion="anger", person="ann") -> EmotionEstimate:
    return EmotionEstimate(
        utterance_id=3,
        start_ns=START,
        end_ns=START + 10**9,
        is_final=True,
        probabilities=UNIFORM,
        sentiment_probabilities=np.full(3, 1 / 3),
        emotion=emotion,
        confidence=0.5,
        sentiment="negative",
        valence=-0.5,
        arousal=0.25,
        modalities=(),
        person_id=person,
        face_id=4,
    )


@pytest.mark.parametrize("kind", [Happening.ARRIVAL, Happening.CHANGE, Happening.LEAVING])
@pytest.mark.parametrize(("emotion", "person"), [("anger", "ann"), (UNKNOWN, ""), ("fear", "")])
def test_an_event_survives_both_ways(kind, emotion, person):
    before = estimate("joy") if kind is Happening.CHANGE else None
    message = event_message(Event(kind, person or SOMEBODY, estimate(emotion, person), before, START + 5), START + 9)
    assert (message.person_id, message.before) == (person, "joy" if before else "")
    back = event_of(message)
    assert (back.kind, back.person, back.since_ns) == (kind, person or SOMEBODY, START + 5)
    assert (back.after.emotion, back.after.face_id, back.after.end_ns) == (emotion, 4, START + 9)
    assert back.after.probabilities == pytest.approx(UNIFORM, abs=1e-6)
    assert (back.after.valence, back.after.arousal, back.after.confidence) == (-0.5, 0.25, 0.5)


def test_an_event_of_another_kind_is_refused():
    with pytest.raises(InputError, match="kind 7"):
        event_of(EmotionEvent(kind=7))
