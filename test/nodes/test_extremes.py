"""More than anybody would send on purpose, and nothing of it wrong: what is kept stays bounded, nothing is lost.

A monologue of ten minutes, fifty utterances a minute, two utterances at once, twenty faces, large frames at 60 Hz.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy
from test_malformed_messages import kept

from mer_ros import stages
from mer_ros.nodes import camera, fusion, microphone
from mer_ros.nodes.conversions.audio import chunk_message, utterance_message
from mer_ros.nodes.conversions.stamps import to_time
from mer_ros.nodes.conversions.vision import image_message
from mer_ros.replay.sample import SampleDialogue
from mer_ros.utterance import SAMPLE_RATE, AudioChunk, Box, SpeechState, Utterance
from mer_ros.vision.detector import Detection

S, MS = 1_000_000_000, 1_000_000
BEGIN = 1_700_000_000 * S
MINUTES = 10
MOST_BYTES = 64_000_000


@pytest.fixture
def make(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    arguments = (
        "vad:=webrtc",
        "use_face:=false",
        "use_text:=false",
        "use_dialogue:=false",
        "live:=false",
        "observer.out_of_view:=1.0",
    )
    rclpy.init(args=["--ros-args", *(word for item in arguments for word in ("-p", item))])
    made = []

    def begin(kind):
        node = kind()
        made.append(node)
        assert node.trigger_configure().name == "SUCCESS"
        assert node.trigger_activate().name == "SUCCESS"
        return node

    yield begin
    for node in made:
        assert node.health.counts["faults"] == 0
        node.destroy_node()
    rclpy.try_shutdown()


def callback(node, topic: str):
    return next(s.callback for s in node.subscriptions if s.topic_name.endswith(topic))


@cache
def speech() -> np.ndarray:
    """The sample's voices without what is silent between them."""
    pieces = [event.samples[:, 0] for event in SampleDialogue().events(0) if isinstance(event, AudioChunk)]
    return np.concatenate([piece for piece in pieces if np.abs(piece.astype(np.int32)).mean() > 300])


def test_a_monologue_of_ten_minutes_is_cut_at_the_longest(make, monkeypatch):
    node = make(microphone.MicrophoneNode)
    said, most = [], 0
    monkeypatch.setattr(node._utterance, "publish", said.append)
    hear, voice, size = callback(node, "audio"), speech(), SAMPLE_RATE // 10
    for number in range(MINUTES * 600):
        samples = np.take(voice, range(number * size, (number + 1) * size), mode="wrap")
        hear(chunk_message(AudioChunk(BEGIN + number * 100 * MS, samples, SAMPLE_RATE)))
        if number % 500 == 0:
            most = max(most, kept(node)["bytes"])
    node.trigger_deactivate()
    ended = [u for u in said if u.state == SpeechState.ENDED.value]
    longest_s = node.parameters["segmenter.longest_ms"] / 1000
    assert len(ended) >= MINUTES * 60 / longest_s - 1
    assert max(len(u.samples) for u in ended) <= (longest_s + 1) * SAMPLE_RATE
    assert sum(len(u.samples) for u in ended) > 0.9 * MINUTES * 60 * SAMPLE_RATE
    assert sum(u.ended_by == "length" for u in ended) > len(ended) / 2
    assert most < 8_000_000


def test_fifty_utterances_a_minute_and_two_at_once_have_an_emotion_each(make, monkeypatch):
    node = make(fusion.FusionNode)
    now, told = [BEGIN], []
    monkeypatch.setattr(node, "now_ns", lambda: now[0])
    monkeypatch.setattr(node._emotion, "publish", told.append)
    hear, voice = callback(node, "/utterance"), speech()

    def say(number: int, start_ns: int, state: SpeechState) -> None:
        samples = np.take(voice, range(number * 16_000, number * 16_000 + 12_000), mode="wrap")
        hear(utterance_message(Utterance(number, state, start_ns, start_ns + 750 * MS, samples)))

    period_ns = 60 * S // 50
    for number in range(1, 51):
        now[0] = BEGIN + number * period_ns + 750 * MS
        say(number, BEGIN + number * period_ns, SpeechState.STARTED)
        say(number, BEGIN + number * period_ns, SpeechState.ENDED)
        node._on_tick()
    late = BEGIN + 51 * period_ns
    now[0] = late + S
    for number, state in ((51, SpeechState.STARTED), (52, SpeechState.STARTED)):
        say(number, late + number * MS, state)
    for number in (51, 52):  # two microphones, or somebody who talks over somebody else
        say(number, late + number * MS, SpeechState.ENDED)
    for _ in range(10):
        now[0] += S
        node._on_tick()
    assert [emotion.utterance_id for emotion in told] == list(range(1, 53))
    holds = kept(node)
    assert holds["bytes"] < MOST_BYTES
    assert holds["things"] < 20_000


class Crowd:
    """A detector that sees the same twenty faces in every frame."""

    name = "crowd"

    def detect(self, image: np.ndarray) -> list[Detection]:
        side = image.shape[1] // 12
        places = [(column, row) for row in range(4) for column in range(5)]
        return [
            Detection(Box(round((0.2 + 1.9 * x) * side), round((0.2 + 1.9 * y) * side), side, side), 0.9)
            for x, y in places
        ]


@pytest.mark.parametrize(("size", "rate_hz", "frames"), [((480, 640), 30, 60), ((2160, 3840), 60, 24)])
def test_twenty_faces_in_small_and_large_frames(make, monkeypatch, size, rate_hz, frames):
    monkeypatch.setattr(stages, "detector", lambda p: Crowd())
    node = make(camera.CameraNode)
    windows = []
    monkeypatch.setattr(node._window, "publish", windows.append)
    see, hear = callback(node, "image_raw"), callback(node, "/utterance")
    message = image_message(np.random.default_rng(1).integers(0, 255, (*size, 3)).astype(np.uint8), BEGIN)
    for number in range(frames):
        message.header.stamp = to_time(BEGIN + number * S // rate_hz)
        see(message)
    end_ns = BEGIN + (frames - 1) * S // rate_hz
    hear(utterance_message(Utterance(1, SpeechState.ENDED, BEGIN, end_ns, np.zeros(16_000, np.int16))))
    message.header.stamp = to_time(BEGIN + frames * S // rate_hz)
    see(message)  # looked at or not, it tells that no more of the utterance will come
    (final,) = (window for window in windows if window.is_final)
    assert 1 <= len(final.samples) <= node.parameters["observer.window_frames"]
    assert int(node.condition().values["frames"]) + int(node.condition().values.get("frames_shed", 0)) == frames + 1
    assert int(node.condition().values["faces_over_limit"]) > 0  # some are not followed, and it is said
    holds = kept(node)
    assert holds["bytes"] < MOST_BYTES + 3 * size[0] * size[1] * 3
    assert holds["things"] < 20_000
