"""The client over DDS, in every kind of executor, and the examples as processes: fed by a publisher of /emotion."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from domains import own_domain_id

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy
from mer_msgs.msg import Emotion, EmotionEvent
from rclpy.context import Context
from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor

from mer_ros import resources
from mer_ros.client import EmotionListener, EventOptions
from mer_ros.errors import OptionError, UsageError
from mer_ros.nodes import qos

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PATIENCE_S = 60.0

pytestmark = [pytest.mark.graph, pytest.mark.timeout(180)]


@pytest.fixture(scope="module", autouse=True)
def own_domain():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", own_domain_id())
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        for name, value in resources.dds_environment().items():
            patch.setenv(name, value)
        yield


class Mouth:
    """Publishes emotions by hand."""

    def __init__(self):
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("fake_fusion", context=self.context)
        self.final = self.node.create_publisher(Emotion, "emotion", qos.emotions())
        self.live = self.node.create_publisher(Emotion, "emotion/live", qos.interim())
        self.events = None

    def tell(self, emotion, person="ann", final=True):
        message = Emotion(emotion=emotion, person_id=person, is_final=final, confidence=0.7)
        message.header.stamp = message.end = self.node.get_clock().now().to_msg()
        (self.final if final else self.live).publish(message)

    def tells_events(self):
        """As the fusion node does."""
        self.events = self.node.create_publisher(EmotionEvent, "emotion/events", qos.events())
        wait(lambda: self.events.get_subscription_count())

    def notice(self, kind, emotion, person="ann", before=""):
        event = EmotionEvent(kind=kind, person_id=person, emotion=emotion, before=before, confidence=0.6)
        event.probabilities = np.full(7, 1 / 7, np.float32)
        event.header.stamp = self.node.get_clock().now().to_msg()
        self.events.publish(event)

    def heard_by(self, number=1):
        wait(lambda: self.final.get_subscription_count() >= number)

    def close(self):
        self.node.destroy_node()
        self.context.try_shutdown()


@pytest.fixture
def mouth():
    made = Mouth()
    yield made
    made.close()


def wait(condition, timeout_s=PATIENCE_S):
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.02)


def test_a_listener_of_its_own(mouth):
    said = []
    with EmotionListener(
        on_utterance=lambda person, estimate: said.append(("utterance", person, estimate.emotion)),
        on_change=lambda person, before, after: said.append(("change", person, before.emotion, after.emotion)),
        on_arrival=lambda person: said.append(("arrival", person)),
        on_leaving=lambda person: said.append(("leaving", person)),
        options=EventOptions(forget_after_s=3.0),
    ) as listener:
        mouth.heard_by()
        assert listener.wait_for("joy", 0.0) is None
        mouth.tell("joy")
        assert listener.wait_for("joy", PATIENCE_S).person_id == "ann"
        mouth.tell("anger")
        assert listener.wait_for("anger", PATIENCE_S, "ann").emotion == "anger"
        assert listener.wait_for("anger", 0.1, "bob") is None
        assert listener.current("ann").emotion == "anger"
        assert list(listener.people) == ["ann"]
        wait(lambda: ("leaving", "ann") in said)
        assert listener.people == {}
    assert said == [
        ("arrival", "ann"),
        ("utterance", "ann", "joy"),
        ("utterance", "ann", "anger"),
        ("change", "ann", "joy", "anger"),
        ("leaving", "ann"),
    ]
    with pytest.raises(UsageError, match="closed"):
        listener.wait_for("joy", 1.0)


def test_where_the_graph_tells_events_it_decides(mouth):
    said = []
    with EmotionListener(
        on_change=lambda person, before, after: said.append(("change", person, before.emotion, after.emotion)),
        on_arrival=lambda person: said.append(("arrival", person)),
        on_leaving=lambda person: said.append(("leaving", person)),
    ) as listener:
        mouth.heard_by()
        mouth.tells_events()
        wait(lambda: not listener._decides)
        mouth.tell("joy")
        assert listener.wait_for("joy", PATIENCE_S).emotion == "joy"
        mouth.tell("anger")
        wait(lambda: listener.current("ann").emotion == "anger")
        assert listener.wait_for("anger", 0.5) is None  # not before the graph says so
        mouth.notice(EmotionEvent.CHANGE, "anger", before="joy")
        assert listener.wait_for("anger", PATIENCE_S).is_final  # with all that the utterance brought
        mouth.notice(EmotionEvent.ARRIVAL, "fear", "bob")
        mouth.notice(9, "fear", "eve")
        mouth.notice(EmotionEvent.LEAVING, "anger")
        wait(lambda: len(said) == 4)
        assert list(listener.people) == ["bob"]
        assert listener.counts["refused"] == 1
    assert said == [("arrival", "ann"), ("change", "ann", "joy", "anger"), ("arrival", "bob"), ("leaving", "ann")]


def test_a_graph_that_was_started_again_tells_nothing_of_those_it_knew(mouth, monkeypatch):
    left = []
    with EmotionListener(on_leaving=left.append) as listener:
        mouth.heard_by()
        mouth.tells_events()
        wait(lambda: not listener._decides)
        mouth.tell("joy", "ann")
        mouth.tell("joy", "", final=False)
        wait(lambda: set(listener.people) == {"ann", "somebody"})
        later = listener._now_ns() + 3600 * 10**9
        monkeypatch.setattr(listener, "_now_ns", lambda: later)
        wait(lambda: set(listener.people) == {"ann"})  # who never came leaves unnoticed
        first = mouth.events
        mouth.events = mouth.node.create_publisher(EmotionEvent, "emotion/events", qos.events())
        mouth.node.destroy_publisher(first)
        wait(lambda: left == ["ann"])


@pytest.mark.parametrize("executor_type", [SingleThreadedExecutor, MultiThreadedExecutor])
def test_in_a_node_of_yours(mouth, executor_type):
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node("behaviour", context=context)
    asked = []

    def on_arrival(person):
        try:
            asked.append(listener.wait_for("fear", PATIENCE_S))
        except UsageError as error:
            asked.append(str(error))

    listener = EmotionListener(node, on_arrival=on_arrival)
    with pytest.raises(UsageError, match="nobody spins"):
        listener.wait_for("joy", 0.0)
    threads = {"num_threads": 2} if executor_type is MultiThreadedExecutor else {}  # whatever the machine has
    executor = executor_type(context=context, **threads)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    try:
        mouth.heard_by()
        mouth.tell("joy")
        assert listener.wait_for("joy", PATIENCE_S) is not None
        mouth.tell("fear")
        wait(lambda: asked)
        if executor_type is MultiThreadedExecutor:
            assert asked[0].emotion == "fear"
        else:
            assert "wait for itself" in asked[0]
        listener.close()
        assert not list(node.subscriptions)
    finally:
        executor.shutdown()
        thread.join(PATIENCE_S)
        node.destroy_node()
        context.try_shutdown()


def test_a_fault_in_a_callback_does_not_deafen(mouth):
    with EmotionListener(on_utterance=lambda *_: 1 / 0) as listener:
        mouth.heard_by()
        mouth.tell("joy")
        assert listener.wait_for("joy", PATIENCE_S)
        mouth.tell("fear")
        assert listener.wait_for("fear", PATIENCE_S)


@pytest.mark.parametrize(("emotion", "timeout_s"), [("happy", 1.0), ("unknown", 1.0), ("joy", -1.0), ("joy", 1e300)])
def test_what_cannot_be_waited_for(emotion, timeout_s):
    with EmotionListener() as listener, pytest.raises(OptionError):
        listener.wait_for(emotion, timeout_s)


@pytest.mark.parametrize(
    ("example", "emotions", "lines"),
    [
        ("mood_face.py", ["joy", "sadness", "unknown", "surprise"], ["-_- zzz", ":-D", ":'-(", ":-O"]),
        (
            "mood_words.py",
            ["joy", "sadness", "sadness", "neutral"],
            ["Hello, ann.", "I am sorry. Do you want to talk about it?", "Good to see you better, ann."],
        ),
    ],
)
def test_the_examples(mouth, example, emotions, lines, tmp_path):
    file = EXAMPLES / example
    assert len(file.read_text().splitlines()) < 60
    with (tmp_path / "said").open("w") as out:
        process = subprocess.Popen([sys.executable, file], stdout=out, stderr=subprocess.STDOUT)
    said = (tmp_path / "said").read_text
    try:
        mouth.heard_by()
        for number, emotion in enumerate(emotions, 1):
            mouth.tell(emotion)
            if number < len(emotions):
                time.sleep(1.0)
        wait(lambda: len(said().splitlines()) >= len(lines))
    finally:
        process.send_signal(2)
        assert process.wait(PATIENCE_S) == 0, said()
    assert [line.strip() for line in said().splitlines()] == lines
