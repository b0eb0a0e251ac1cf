"""What the live page is told of the topics: by a node that listens, and asks for pictures only while somebody looks."""

from __future__ import annotations

import json
import os
import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from mer_msgs.msg import Emotion, ModalityEstimate
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String

from mer_ros.emotion import EmotionEstimate
from mer_ros.nodes import page_watcher, qos
from mer_ros.nodes.conversions.audio import utterance_message
from mer_ros.nodes.conversions.emotions import emotion_message
from mer_ros.nodes.page_watcher import PageWatcher
from mer_ros.utterance import SpeechState, Utterance
from mer_ros.view import ViewState
from mer_ros.web.feed import Feed, Seen

S = 1_000_000_000


@pytest.fixture
def watcher(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("ROS_DOMAIN_ID", str(1 + (os.getpid() * 5) % 100))
    rclpy.init(args=[])
    node = PageWatcher(ViewState("x"), Feed("x"), "head")
    yield node
    node.destroy_node()
    rclpy.shutdown()


def told(watcher, kind="state") -> list[dict]:
    blocks = watcher._feed.news(Seen(), 0.0).split("\n\n")
    return [json.loads(block.rsplit("data: ", 1)[1]) for block in blocks if block.startswith(f"event: {kind}\n")]


def state(watcher) -> dict:
    watcher._look_around()
    return told(watcher)[0]


def emotion(number: int, *, final=True, **changes) -> Emotion:
    even = np.full(7, 1 / 7)
    it = EmotionEstimate(
        *(number, number * S, number * S + S, final, even, np.full(3, 1 / 3), "joy", 0.3, "neutral"), 0, 0, ()
    )
    message = emotion_message(it)
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def utterance(number: int, state: SpeechState):
    return utterance_message(Utterance(number, state, number * S, number * S + S, np.zeros(160, np.int16)))


def health(watcher, name: str, level: bytes, message="all is well", hardware="mer_ros", **values) -> None:
    values_of = [KeyValue(key=key, value=value) for key, value in values.items()]
    status = DiagnosticStatus(name=name, level=level, message=message, hardware_id=hardware, values=values_of)
    watcher._on_diagnostics(DiagnosticArray(status=[status]))


def test_emotions_and_people_reach_the_page(watcher):
    watcher._on_utterance(utterance(3, SpeechState.STARTED))
    watcher._on_live(emotion(3, final=False, person_id="person-1"))
    watcher._on_final(emotion(2, person_id="person-2", transcript="try again"))
    (said,) = told(watcher, "said")
    assert (said["who"], said["words"]) == ("person-2", "try again")
    assert [(it["who"], it["speaks"]) for it in state(watcher)["people"]] == [("person-1", True)]
    assert watcher.arrived  # the terminal's view has its own


def test_utterances_are_counted_whatever_comes_first(watcher):
    watcher._on_utterance(utterance(1, SpeechState.STARTED))
    assert state(watcher)["speaking"]
    assert watcher.pending == 1
    watcher._spoken_at -= 60  # the microphone is gone
    assert not state(watcher)["speaking"]
    watcher._on_utterance(utterance(1, SpeechState.ENDED))
    watcher._on_utterance(utterance(1, SpeechState.ENDED))
    assert (state(watcher)["heard"], watcher.pending) == (1, 1)
    watcher._on_final(emotion(1))
    assert (state(watcher)["heard"], watcher.pending) == (1, 0)
    watcher._on_final(emotion(2))  # before the utterance itself, which comes on another topic
    watcher._on_utterance(utterance(2, SpeechState.ENDED))
    assert (state(watcher)["heard"], watcher.pending) == (2, 0)
    for number in range(3, 3_000):
        watcher._on_utterance(utterance(number, SpeechState.STARTED))
    assert watcher.pending < 100


def test_nodes_tell_how_they_are_and_when_they_tell_no_more(watcher, monkeypatch):
    clock = [time.monotonic()]
    monkeypatch.setattr(page_watcher.time, "monotonic", lambda: clock[0])
    health(watcher, "head/camera", DiagnosticStatus.OK)
    health(watcher, "head/fusion", DiagnosticStatus.WARN, "face often came too late")
    health(watcher, "battery", DiagnosticStatus.ERROR, "empty", hardware="robot")
    health(watcher, "camera", DiagnosticStatus.ERROR, "of another graph")
    health(watcher, "head/lifecycle_manager", DiagnosticStatus.OK, camera="active", fusion="unconfigured", faults="3")
    before = state(watcher)
    assert [(it["name"], it["level"]) for it in before["nodes"]] == [
        ("head/camera", "ok"),
        ("head/fusion", "warn"),
        ("head/lifecycle_manager", "ok"),
    ]
    assert (set(watcher.conditions), watcher.state.troubles) == ({"camera", "fusion", "lifecycle_manager"}, {})
    assert before["status"].startswith("starting, 1 of 2 nodes are active")
    health(watcher, "head/lifecycle_manager", DiagnosticStatus.OK, camera="active", fusion="active")
    assert state(watcher)["status"] == ""
    clock[0] += 60
    health(watcher, "head/camera", DiagnosticStatus.OK)
    assert [it["level"] for it in state(watcher)["nodes"]] == ["ok", "silent", "silent"]
    clock[0] += 60
    assert state(watcher)["status"].startswith("Nothing is heard of the graph any more")


def test_names_without_end_are_not_kept(watcher):
    for number in range(200):
        health(watcher, f"head/node{number}", DiagnosticStatus.ERROR)
    assert max(len(watcher.conditions), len(watcher.state.troubles), len(state(watcher)["nodes"])) < 100


def test_what_a_forgotten_person_said_leaves_the_page_whatever_comes_first(watcher):
    hear, forget = watcher._guarded(watcher._on_final), watcher._guarded(watcher._on_forgotten)
    hear(emotion(1, face_id=3, transcript="before I was known"), {"source_timestamp": 10})
    hear(emotion(2, person_id="person-2", face_id=4, transcript="stays"), {"source_timestamp": 20})
    hear(emotion(3, person_id="person-1", face_id=3, transcript="known"), {"source_timestamp": 30})
    watcher._on_live(emotion(4, final=False, person_id="person-1", face_id=3))
    forget(String(data="person-1"), {"source_timestamp": 50})
    hear(emotion(4, person_id="person-1", transcript="late"), {"source_timestamp": 45})
    hear(emotion(5, person_id="person-1", transcript="anew"), {"source_timestamp": 55})
    assert [it["words"] for it in told(watcher, "said")] == ["stays", "anew"]
    assert told(watcher, "forgotten") == [[1, 3]]
    assert state(watcher)["people"] == []
    assert (state(watcher)["heard"], [it.transcript for it in watcher.state.finals]) == (5, ["stays", "anew"])
    forget(String(), {"source_timestamp": 52})
    assert [it["words"] for it in told(watcher, "said")] == ["anew"]
    assert [it.transcript for it in watcher.state.finals] == ["anew"]
    assert "/head/people/renumbered" not in {it.topic_name for it in watcher.subscriptions}  # what was said stays


def test_emotions_under_another_topic_are_heard(watcher):
    other = PageWatcher(ViewState("x"), Feed("x"), "head", "mood")
    topics = {subscription.topic_name for subscription in other.subscriptions}
    assert {"/head/mood", "/head/mood/live", "/head/utterance"} <= topics
    assert "/head/emotion" not in topics
    other.destroy_node()


def test_what_cannot_be_read_is_counted(watcher):
    broken = emotion(1)
    broken.modalities = [ModalityEstimate(modality="smell", available=True)]
    for callback in (watcher._on_final, watcher._on_live):
        watcher._guarded(callback)(broken, {})
    assert watcher.counts["refused"] == 2
    assert told(watcher, "said") == []


def test_pictures_are_asked_for_while_somebody_looks(watcher):
    robot = rclpy.create_node("robot", namespace="head")
    camera = robot.create_publisher(CompressedImage, "image_annotated/compressed", qos.images())
    executor = SingleThreadedExecutor()
    executor.add_node(watcher)

    def until(holds) -> None:
        end = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < end
            camera.publish(CompressedImage(format="jpeg", data=b"picture"))
            executor.spin_once(timeout_sec=0.05)

    tries = iter(range(20))
    until(lambda: next(tries) == 19)
    assert watcher.counts["images"] == 0
    assert camera.get_subscription_count() == 0
    watcher._feed.watched = 1
    until(lambda: watcher._feed.picture() == b"picture")
    watcher._feed.watched = 0
    until(lambda: camera.get_subscription_count() == 0)
    executor.shutdown()
    robot.destroy_node()


def test_a_graph_that_is_not_awaited_and_not_there_is_told(watcher):
    watcher._awaited = False
    assert state(watcher)["status"].startswith("Nothing is heard of a graph yet")
    health(watcher, "head/camera", DiagnosticStatus.OK)
    assert state(watcher)["status"] == ""
