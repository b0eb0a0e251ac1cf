"""Each node is given what nobody should send it, as its subscriptions would: it neither ends nor grows, and counts it.

MER_MESSAGES says how many messages each node gets (a few hundred here; `make soak` gives 100,000, by
benchmarks/malformed.py). Half of them hold any value in every field; the others are good ones, as a running graph has
them, with some fields spoilt.
"""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import cv2
import rclpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mer_msgs.msg import AudioChunk as AudioChunkMsg
from mer_msgs.msg import Transcript as TranscriptMsg
from mer_msgs.msg import Utterance as UtteranceMsg
from mer_msgs.msg import VisualWindow as VisualWindowMsg
from rclpy.logging import LoggingSeverity
from rubbish import rubbish, spoilt
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Bool, String

from mer_ros import stages
from mer_ros.nodes import camera, fusion, humans, microphone, speech_to_text
from mer_ros.nodes.conversions.audio import chunk_message, utterance_message
from mer_ros.nodes.conversions.stamps import header
from mer_ros.nodes.conversions.vision import image_message, window_message
from mer_ros.nodes.conversions.words import transcript_message
from mer_ros.speech.recogniser import Recognition, SpeechOptions
from mer_ros.speech.transcriber import Transcriber
from mer_ros.utterance import AudioChunk, Box, FaceSample, SpeechState, Transcript, Utterance, VisualWindow
from mer_ros.vision.crops import CONTEXT_SHAPE, FACE_PX

pytestmark = [pytest.mark.timeout(7200)]
MESSAGES = int(os.environ.get("MER_MESSAGES", "400"))
S = 1_000_000_000
BEGIN = 1_700_000_000 * S
STEP = S // 10  # of the node's clock, from message to message
MOST_KEPT, MOST_BYTES = 20_000, 64_000_000
GROWTH_MB = 96

NODES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "camera": (camera.CameraNode, ("detector:=none",)),
    "camera, compressed": (camera.CameraNode, ("detector:=none", "compressed:=true")),
    "camera, faces": (camera.CameraNode, ()),
    "microphone": (microphone.MicrophoneNode, ("vad:=webrtc",)),
    "microphone, silero": (microphone.MicrophoneNode, ()),
    "speech_to_text": (speech_to_text.SpeechToTextNode, ()),
    "speech_to_text, outside": (speech_to_text.SpeechToTextNode, ("recogniser:=outside",)),
    "fusion": (fusion.FusionNode, ()),
}
if importlib.util.find_spec("hri_msgs"):
    NODES["humans"] = humans.HumansNode, ()
    NODES["camera, told"] = camera.CameraNode, ("detector:=none", "faces_from:=humans")


class Parrot:
    """A recogniser that costs nothing, and fails now and then."""

    name, language = "parrot", "en"

    def __init__(self) -> None:
        self.heard = 0

    def accept(self, samples: np.ndarray) -> None:
        self.heard += len(samples)

    def partial(self) -> str:
        return f"{self.heard} samples"

    def finish(self) -> Recognition:
        if self.heard % 7 == 3:
            raise RuntimeError("the parrot is asleep")
        return Recognition(self.partial())

    def reset(self) -> None:
        self.heard = 0


@pytest.fixture(params=NODES)
def node(request, monkeypatch):
    kind, arguments = NODES[request.param]
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    monkeypatch.setattr(stages, "transcriber", lambda options: Transcriber(Parrot(), SpeechOptions()))
    rclpy.init(args=["--ros-args", *(word for item in arguments for word in ("-p", item))])
    made = kind()
    made.get_logger().set_level(LoggingSeverity.FATAL)
    now = [BEGIN]
    monkeypatch.setattr(made, "now_ns", lambda: now[0])
    made.pass_time = lambda ns: now.__setitem__(0, now[0] + ns)
    assert made.trigger_configure().name == "SUCCESS"
    assert made.trigger_activate().name == "SUCCESS"
    yield made
    made.destroy_node()
    rclpy.try_shutdown()


def subscriptions(node) -> list[Any]:
    return [subscription for subscription in node.subscriptions if subscription.topic_name != "/parameter_events"]


# Good messages, number by number: what a running graph would bring at that time.


def utterance(number: int) -> Any:
    """Five pieces, the last of which ends it."""
    turn, piece = divmod(number, 5)
    start = BEGIN + turn * 5 * STEP
    sound = np.random.default_rng(number).integers(-3000, 3000, 1600 * (5 if piece == 4 else 1)).astype(np.int16)
    state = (SpeechState.STARTED, *[SpeechState.ONGOING] * 3, SpeechState.ENDED)[piece]
    first = 0 if piece == 4 else 1600 * piece
    return utterance_message(Utterance(turn + 1, state, start, start + (piece + 1) * STEP, sound, first), "ear")


def chunk(number: int) -> Any:
    loud = 6000 if number % 20 < 10 else 10
    noise = np.random.default_rng(number).integers(-loud, loud, 1600).astype(np.int16)
    return chunk_message(AudioChunk(BEGIN + number * STEP, noise, 16_000))


def window(number: int) -> Any:
    turn = number // 5
    start = BEGIN + turn * 5 * STEP
    face, context = np.full((FACE_PX, FACE_PX, 3), 90, np.uint8), np.full(CONTEXT_SHAPE, 60, np.uint8)
    samples = tuple(FaceSample(start + n, Box(9, 9, 60, 60), 0.9, True, face, context) for n in range(2))
    final = number % 5 == 4
    return window_message(VisualWindow(turn + 1, final, start, start + 5 * STEP, 1, samples, 1, 2, 640, 480))


def words(number: int) -> Any:
    turn = number // 5
    start = BEGIN + turn * 5 * STEP
    return transcript_message(Transcript(turn + 1, start, start + 5 * STEP, "so it goes", number % 5 == 4))


def image(number: int) -> Any:
    pixels = np.random.default_rng(number % 7).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    return image_message(pixels, BEGIN + number * STEP)


def compressed(number: int) -> Any:
    _, data = cv2.imencode(".png" if number % 2 else ".jpg", np.full((48, 64, 3), number % 255, np.uint8))
    return CompressedImage(header=header(BEGIN + number * STEP), format="jpeg", data=data.tobytes())


GOOD: dict[Any, Callable[[int], Any]] = {
    UtteranceMsg: utterance,
    AudioChunkMsg: chunk,
    VisualWindowMsg: window,
    TranscriptMsg: words,
    Image: image,
    CompressedImage: compressed,
    Bool: lambda number: Bool(data=number % 2 == 0),
    String: lambda number: String(data=f"so it goes {number}"),
}


def message(kind: Any, number: int, random: Random) -> Any:
    if random.random() < 0.5 or kind not in GOOD:
        return rubbish(kind, random)
    return spoilt(GOOD[kind](number), random) if random.random() < 0.8 else GOOD[kind](number)


def kept(thing: Any, seen: set[int] | None = None) -> Counter[str]:
    """Return how many things, and how many bytes of arrays and texts, our own objects hold."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return Counter()
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return Counter(bytes=thing.nbytes)
    if isinstance(thing, (str, bytes)):
        return Counter(bytes=len(thing))
    inner: list[Any] = []
    if isinstance(thing, dict):
        inner = [*thing.keys(), *thing.values()]
    elif isinstance(thing, (list, tuple, set, frozenset)) or type(thing).__name__ == "deque":
        inner = list(thing)
    elif type(thing).__module__.startswith("mer_ros"):
        inner = list(getattr(thing, "__dict__", {}).values())
        inner += [getattr(thing, name) for name in getattr(type(thing), "__slots__", ()) if hasattr(thing, name)]
    total = Counter(things=len(inner))
    for item in inner:
        total += kept(item, seen)
    return total


def resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def look_well(node, sent: int) -> None:
    assert node.health.counts["faults"] == 0
    received = sum(count for name, count in node.health.counts.items() if name.startswith("received_"))
    assert received == sent  # each shows in the diagnostics, as used or as refused
    assert len(node._whole_condition().values) < 200
    holds = kept(node)
    assert holds["things"] < MOST_KEPT, holds
    assert holds["bytes"] < MOST_BYTES, holds


def test_rubbish_neither_ends_a_node_nor_makes_it_grow(node, record_property):
    random, listening = Random(6), subscriptions(node)
    assert listening
    warm_mb, counted = 0.0, 0
    for turn in range(MESSAGES):
        subscription = listening[turn % len(listening)]
        sent = message(subscription.msg_type, turn // len(listening), random)
        subscription.callback(sent)
        counted += subscription in node._listening  # others are there in every state
        node.pass_time(STEP // len(listening))
        if turn % 5 == 0:
            for timer in node._ticking:
                timer.callback()
        if turn % 500 == 0:
            look_well(node, counted)
        if turn == MESSAGES // 3:
            warm_mb = resident_mb()
    look_well(node, counted)
    grown_mb = resident_mb() - warm_mb
    print(dict(node.health.counts), dict(node.condition().values))
    for name, value in {"messages": MESSAGES, "refused": node.health.counts["refused"], "grown_mb": grown_mb}.items():
        record_property(name, value)
    assert node.health.counts["refused"] > MESSAGES // 50 or isinstance(node, speech_to_text.SpeechToTextNode)
    assert grown_mb < GROWTH_MB
    assert node.trigger_deactivate().name == "SUCCESS"  # what it still holds it can publish
    assert node.health.counts["faults"] == 0
    assert node.trigger_cleanup().name == "SUCCESS"
    assert node.trigger_configure().name == "SUCCESS"


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(random=st.randoms(use_true_random=False))
def test_what_hypothesis_finds_is_no_fault(node, random):
    for subscription in subscriptions(node):
        for number in range(2):
            subscription.callback(message(subscription.msg_type, number, random))
    assert node.health.counts["faults"] == 0


@pytest.mark.parametrize("node", ["microphone"], indirect=True)
def test_sound_of_other_packages(node):
    """Their types need not be installed: a subscription hands over an object with their fields."""
    random = Random(5)
    (subscription,) = [s for s in subscriptions(node) if s.msg_type is AudioChunkMsg]
    for turn in range(100):
        data = random.randbytes(random.choice((0, 1, 2, 3, 640, 4097)))
        info = SimpleNamespace(
            format=random.choice((0, 1, 2, 4, 8, 16, 32, 64, -1)),
            channels=random.choice((-1, 0, 1, 2, 2**31 - 1)),
            rate=random.choice((-1, 0, 1, 8000, 16000, 2**31 - 1)),
            chunk=random.choice((-1, 0, 320)),
        )
        values = {
            "float32_data": np.frombuffer(data[: len(data) // 4 * 4], np.float32).tolist(),
            "int32_data": np.frombuffer(data[: len(data) // 4 * 4], np.int32).tolist(),
            "int16_data": np.frombuffer(data[: len(data) // 2 * 2], np.int16).tolist(),
            "int8_data": np.frombuffer(data, np.int8).tolist(),
            "uint8_data": list(data),
        }
        head = header(BEGIN + turn * STEP)
        for sent in (
            SimpleNamespace(data=list(data)),
            SimpleNamespace(header=head, audio=SimpleNamespace(data=list(data))),
            SimpleNamespace(header=head, audio=SimpleNamespace(audio_data=SimpleNamespace(**values), info=info)),
        ):
            subscription.callback(sent)
    assert node.health.counts["faults"] == 0
    assert node.health.counts["refused"] > 10
    assert kept(node)["bytes"] < MOST_BYTES
