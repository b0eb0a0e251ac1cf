"""Sensors that change, jump in time or freeze while somebody speaks, one after the other in one running graph.

A camera and a microphone play the first sentence of the sample dialogue, twice as fast as life: only stamps count.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
import soxr
from ear import Ear
from mouth import SENTENCE_NS, SPEED, Mouth, sentence

from mer_ros.graph import GraphSettings, describe
from mer_ros.nodes.conversions.audio import chunk_message
from mer_ros.nodes.conversions.stamps import to_ns
from mer_ros.nodes.conversions.vision import image_message
from mer_ros.run import GraphProcesses
from mer_ros.utterance import AudioChunk, Frame

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(300)]
ALL = ("fusion", "speech_to_text", "camera", "microphone")
FACE, AUDIO, TEXT = range(3)
TRIES = 4  # nothing tells when all nodes have found each other
S = 1_000_000_000
HOUR = 3_600 * S
SETTINGS = """\
/**/camera:
  ros__parameters:
    reliability: reliable
    load.shed: false
/**/fusion:
  ros__parameters:
    fusion.deadline_ms: 3000.0
"""
Event = AudioChunk | Frame


@dataclass
class Sensors:
    """A camera and a microphone with a clock of their own, which goes on from one sentence to the next."""

    mouth: Mouth
    clock_ns: int

    def play(self, fault: Callable[[Event, float], Event] = lambda event, _: event, until_s: float = 6.0) -> int:
        """Say the sentence with what a fault makes of each event, given the second it comes at; return its start."""
        begun, start_ns = time.monotonic(), self.clock_ns
        for event in sentence():
            at_s = event.stamp_ns / S
            if at_s >= until_s:
                break
            time.sleep(max(0.0, at_s / SPEED - (time.monotonic() - begun)))
            self._publish(fault(replace(event, stamp_ns=start_ns + event.stamp_ns), at_s))
        self.clock_ns = start_ns + round(until_s * S)
        return start_ns

    def _publish(self, event: Event) -> None:
        if isinstance(event, Frame):
            self.mouth.images.publish(image_message(event.image, event.stamp_ns))
        else:
            self.mouth.sound.publish(chunk_message(event))


def of_other_devices(event: Event, at_s: float) -> Event:
    """In the middle of a word the camera has another size, and the microphone another rate."""
    if at_s < 2.5:
        return event
    if isinstance(event, Frame):
        return replace(event, image=cv2.resize(event.image, (480, 360)))
    return replace(event, samples=soxr.resample(event.samples, event.sample_rate, 44_100), sample_rate=44_100)


def an_hour_ahead(event: Event, at_s: float) -> Event:
    """For two seconds."""
    return replace(event, stamp_ns=event.stamp_ns + HOUR * (2.0 <= at_s < 4.0))


def one_then_the_other_back(event: Event, at_s: float) -> Event:
    """The camera's clock alone, then the microphone's."""
    begin_s, end_s = (1.0, 2.5) if isinstance(event, Frame) else (3.0, 4.5)
    return replace(event, stamp_ns=event.stamp_ns - 10 * S * (begin_s <= at_s < end_s))


class Stuck:
    """The camera shows one picture from the beginning, the microphone gives one chunk over and over after a second."""

    def __init__(self) -> None:
        self.image: np.ndarray | None = None
        self.samples: np.ndarray | None = None

    def __call__(self, event: Event, at_s: float) -> Event:
        if isinstance(event, Frame):
            self.image = event.image if self.image is None else self.image
            return replace(event, image=self.image)
        self.samples = event.samples if at_s < 1.0 else self.samples
        return replace(event, samples=self.samples) if at_s >= 1.0 else event


def one_picture() -> Callable[[Event, float], Event]:
    """The camera alone is stuck."""
    stuck = Stuck()
    return lambda event, at_s: stuck(event, at_s) if isinstance(event, Frame) else event


def stamps_that_stand_still() -> Callable[[Event, float], Event]:
    """Both go on, their clock does not."""
    still: dict[type, int] = {}
    return lambda event, _: replace(event, stamp_ns=still.setdefault(type(event), event.stamp_ns))


@pytest.fixture(scope="module")
def graph(own_domain, patient_end, tmp_path_factory):
    """Play all faults, one after the other, and a sentence without any; yield what was heard."""
    ear = Ear()
    mouth = Mouth(ear.node)
    file = tmp_path_factory.mktemp("settings") / "settings.yaml"
    file.write_text(SETTINGS)
    logs = tmp_path_factory.mktemp("logs")
    with GraphProcesses(describe(GraphSettings(params_file=str(file))), logs) as processes:
        assert mouth.wait_for_listeners()
        assert ear.wait_active(*ALL)
        sensors = Sensors(mouth, ear.node.get_clock().now().nanoseconds)
        starts = {}
        starts["devices"] = sensors.play(of_other_devices)
        starts["ahead"] = sensors.play(an_hour_ahead)
        starts["back"] = sensors.play(one_then_the_other_back)
        starts["picture"] = sensors.play(one_picture())
        starts["stuck"] = sensors.play(Stuck(), until_s=4.0)
        still = stamps_that_stand_still()
        starts["still"] = sensors.play(still)
        sensors.play(still, until_s=3.0)  # diagnostics come once a second
        understood = []
        for _ in range(TRIES):
            start_ns = sensors.play()
            ear.settle(quiet_s=1.0)
            understood = [e for e in ear.heard["emotion"] if to_ns(e.start) >= start_ns]
            if understood and all(sense.available for sense in understood[-1].modalities):
                break
        processes.poll()
        yield ear, starts, understood, {log.stem: log.read_text() for log in logs.glob("*.log")}, processes
    ear.close()
    for log in sorted(logs.glob("*.log")):
        print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")


def within(ear: Ear, start_ns: int) -> list:
    """The emotions of what was said in a sentence by its own clock."""
    return [e for e in ear.heard["emotion"] if start_ns <= to_ns(e.start) < start_ns + SENTENCE_NS]


def test_after_all_that_an_utterance_has_all_its_senses(graph):
    ear, _, understood, _, processes = graph
    assert understood
    assert [sense.reason for sense in understood[-1].modalities if not sense.available] == []
    assert "best of times" in understood[-1].transcript.lower()
    assert all(ear.value(node, "faults") == "" for node in ALL)
    assert processes.restarts == {}


def test_each_utterance_has_one_emotion_in_its_order(graph):
    ear, *_ = graph
    assert ear.nothing_twice()
    assert len(ear.heard["emotion"]) == len(ear.ended()) >= 8
    ids = [e.utterance_id for e in ear.heard["emotion"]]
    assert ids == sorted(set(ids))


def test_another_size_and_another_rate_are_counted(graph):
    ear, *_ = graph
    assert int(ear.value("camera", "size_changes")) == 2
    assert int(ear.value("microphone", "rate_changes")) == 2


@pytest.mark.parametrize(("node", "what"), [("camera", "images"), ("microphone", "audio chunks")])
def test_a_clock_that_jumps_is_told_and_logged_once_each_time(graph, node, what):
    ear, _, _, logs, _ = graph
    jumped = re.compile(rf"stamps of {what} jumped [0-9.]+ s (ahead|back)")
    assert any(jumped.match(sentence) for sentence in ear.said[node])
    logged = [found[1] for found in jumped.finditer(logs[node])]
    assert logged.count("ahead") >= 2
    assert logged.count("back") >= 2
    assert len(logged) == int(ear.value(node, "clock_jumps"))


def test_what_was_said_an_hour_ahead_is_understood_there(graph):
    ear, starts, *_ = graph
    ahead = [e for e in ear.heard["emotion"] if to_ns(e.start) >= starts["ahead"] + HOUR // 2]
    assert len(ahead) >= 1
    assert all(e.modalities[AUDIO].available for e in ahead)
    assert int(ear.value("fusion", "time_went_back")) >= 1


def test_a_frozen_camera_is_told_and_nothing_is_seen_on_it(graph):
    ear, starts, *_ = graph
    assert "frozen: the same image comes again and again, and is left out" in ear.said["camera"]
    (emotion,) = within(ear, starts["picture"])
    assert not emotion.modalities[FACE].available
    assert "best of times" in emotion.transcript.lower()
    assert int(ear.value("camera", "frozen_frames")) >= 60


def test_a_frozen_microphone_is_told(graph):
    ear, *_ = graph
    assert "frozen: the same audio comes again and again, and is left out" in ear.said["microphone"]
    assert int(ear.value("microphone", "frozen_chunks")) >= 90


def test_stamps_that_stand_still_are_told_and_the_sound_is_counted_on(graph):
    ear, starts, *_ = graph
    for node in ("camera", "microphone"):
        assert any("their stamps stand still" in sentence for sentence in ear.said[node]), ear.said[node]
    words = [emotion.transcript.lower() for emotion in within(ear, starts["still"])]
    assert any("times" in said for said in words), words
