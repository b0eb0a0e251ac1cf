"""Faults while somebody speaks, one after the other in one running graph: nothing is told twice, and all is well after.

The tests build on each other's graph, not on each other: each begins with all nodes active.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from types import SimpleNamespace

import cv2
import pytest
import soxr
from ear import Ear
from lifecycle_msgs.msg import State, Transition
from mouth import SPEED, Mouth, sentence
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters

from mer_ros.graph import GraphSettings, describe
from mer_ros.nodes.conversions.audio import chunk_message
from mer_ros.nodes.conversions.stamps import to_ns
from mer_ros.nodes.conversions.vision import image_message
from mer_ros.run import GraphProcesses
from mer_ros.utterance import AudioChunk, Frame

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(480)]
ALL = ("fusion", "speech_to_text", "camera", "microphone")
FACE, AUDIO, TEXT = range(3)
TRIES = 4  # nothing tells when the others have found a fresh node: what is said before is not understood by it
SETTINGS = """\
/**/camera:
  ros__parameters:
    reliability: reliable
    load.shed: false
/**/fusion:
  ros__parameters:
    fusion.deadline_ms: 3000.0
"""


class Graph(SimpleNamespace):
    """A running graph with an ear and a mouth."""

    ear: Ear
    mouth: Mouth
    processes: GraphProcesses

    def all_active(self) -> bool:
        def active() -> bool:
            states = {self.ear.value(node, "state") for node in ALL}
            manager = self.ear.message("lifecycle_manager")
            return self.processes.poll() and states == {"active"} and manager == "all nodes are active"

        return self.ear.wait(active, 90)

    def speak(self, **changed) -> threading.Thread:
        """Begin to speak, and return when the utterance is open."""
        before = {to_ns(u.start) for u in self.ear.heard["utterance"]}  # ids begin again with the microphone
        speaking = threading.Thread(target=say, args=(self.mouth,), kwargs=changed)
        speaking.start()
        assert self.ear.wait(lambda: any(to_ns(u.start) not in before for u in list(self.ear.heard["utterance"])))
        return speaking

    def one_more(self, count: int) -> bool:
        """Wait until there are more emotions than `count`."""
        return self.ear.wait(lambda: self.processes.poll() and len(self.ear.heard["emotion"]) > count)

    def understood(self, *senses: int) -> bool:
        """Speak, more than once if need be, until these senses take part."""
        for _ in range(TRIES):
            count = len(self.ear.heard["emotion"])
            say(self.mouth)
            came = self.ear.wait(lambda n=count: len(self.ear.heard["emotion"]) > n, 20)
            if came and all(self.ear.heard["emotion"][-1].modalities[sense].available for sense in senses):
                return True
        return False

    def nothing_twice(self) -> bool:
        told = Counter((e.utterance_id, to_ns(e.start)) for e in self.ear.heard["emotion"])
        ended = Counter((u.id, to_ns(u.start)) for u in self.ear.ended())
        return max(told.values(), default=1) == max(ended.values(), default=1) == 1


def say(mouth: Mouth, rate: int = 16_000, width: int = 0, until_s: float = 60.0) -> None:
    """Speak as Mouth does: at another rate, with images of another width, or only the first seconds."""
    start_ns = mouth.node.get_clock().now().nanoseconds
    begun = time.monotonic()
    for event in sentence():
        at_s = event.stamp_ns / 1e9
        if at_s > until_s:
            return
        time.sleep(max(0.0, at_s / SPEED - (time.monotonic() - begun)))
        stamp_ns = start_ns + event.stamp_ns
        if isinstance(event, Frame):
            image = event.image
            if width:
                image = cv2.resize(image, (width, image.shape[0] * width // image.shape[1]))
            mouth.images.publish(image_message(image, stamp_ns))
        else:
            samples = event.samples
            if rate != event.sample_rate:
                samples = soxr.resample(samples, event.sample_rate, rate)
            mouth.sound.publish(chunk_message(AudioChunk(stamp_ns, samples, rate)))


@pytest.fixture(scope="module")
def graph(own_domain, patient_end, tmp_path_factory):
    ear = Ear()
    mouth = Mouth(ear.node)
    file = tmp_path_factory.mktemp("settings") / "settings.yaml"
    file.write_text(SETTINGS)
    logs = tmp_path_factory.mktemp("logs")
    with GraphProcesses(describe(GraphSettings(params_file=str(file))), logs) as processes:
        made = Graph(ear=ear, mouth=mouth, processes=processes)
        assert mouth.wait_for_listeners()
        yield made
    ear.close()
    for log in sorted(logs.glob("*.log")):
        print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")


@pytest.mark.parametrize(
    ("victims", "lost"),
    [
        (("camera", "speech_to_text"), (FACE, TEXT)),
        (("fusion",), ()),
        (("microphone", "lifecycle_manager"), ()),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_nodes_that_are_killed_while_somebody_speaks(graph, victims, lost):
    assert graph.all_active()
    count = len(graph.ear.heard["emotion"])
    speaking = graph.speak()
    for victim in victims:
        os.kill(graph.processes.pid_of(victim), signal.SIGKILL)
        graph.ear.diagnostics.pop(victim, None)
    speaking.join()
    if lost:  # the others tell what they know of this very utterance
        assert graph.one_more(count), graph.ear.diagnostics
        emotion = graph.ear.heard["emotion"][count]
        assert emotion.modalities[AUDIO].available
        assert all(emotion.modalities[sense].reason for sense in lost)
    assert graph.ear.wait(lambda: graph.processes.poll() and all(v in graph.ear.diagnostics for v in victims), 90)
    assert graph.all_active()
    assert graph.understood(FACE, AUDIO, TEXT)
    assert graph.nothing_twice()
    assert {victim: graph.processes.restarts[victim] for victim in victims} == dict.fromkeys(victims, 1)


def test_nodes_that_are_killed_when_speech_ends_and_again_while_they_come_up(graph):
    victims = ("fusion", "speech_to_text")
    assert graph.all_active()
    count, restarts = len(graph.ear.ended()), dict(graph.processes.restarts)

    def kill(times: int) -> bool:
        """Kill them all, and wait until each is there again."""
        for victim in victims:
            os.kill(graph.processes.pid_of(victim), signal.SIGKILL)
            graph.ear.diagnostics.pop(victim, None)
        wanted = {victim: restarts.get(victim, 0) + times for victim in victims}
        return graph.ear.wait(
            lambda: (
                graph.processes.poll()
                and {victim: graph.processes.restarts.get(victim, 0) for victim in victims} == wanted
                and all(victim in graph.ear.diagnostics for victim in victims)
            ),
            90,
        )

    speaking = graph.speak()
    assert graph.ear.wait(lambda: len(graph.ear.ended()) > count)
    assert kill(1)
    speaking.join()
    assert kill(2)
    assert graph.all_active()
    assert graph.understood(FACE, AUDIO, TEXT)
    assert graph.nothing_twice()


def test_a_camera_of_another_size_and_a_microphone_of_another_rate(graph):
    """Both stop in the middle of a word, and come back as other devices would."""
    assert graph.all_active()
    say(graph.mouth, until_s=2.5)
    assert graph.ear.wait(lambda: "no image for" in graph.ear.message("camera"))
    assert graph.ear.wait(lambda: "no audio for" in graph.ear.message("microphone"))
    for _ in range(TRIES):
        count = len(graph.ear.heard["emotion"])
        say(graph.mouth, rate=44_100, width=480)
        assert graph.ear.wait(lambda n=count: len(graph.ear.heard["emotion"]) > n)
        emotion = graph.ear.heard["emotion"][-1]
        if emotion.modalities[FACE].available and "worst of times" in emotion.transcript.lower():
            break
    assert emotion.modalities[FACE].available
    assert "worst of times" in emotion.transcript.lower()
    assert int(graph.ear.value("camera", "size_changes")) >= 1
    assert graph.nothing_twice()


def test_transitions_while_somebody_speaks(graph):
    assert graph.all_active()
    assert graph.understood(AUDIO)
    count = len(graph.ear.heard["emotion"])
    speaking = graph.speak()
    assert graph.ear.change("microphone", Transition.TRANSITION_DEACTIVATE)
    speaking.join()
    assert graph.one_more(count)
    assert graph.ear.ended()[-1].ended_by == "stop"
    assert (
        graph.ear.state_of("microphone") == State.PRIMARY_STATE_INACTIVE
    )  # the manager leaves it as it was told to be
    assert graph.ear.change("microphone", Transition.TRANSITION_ACTIVATE)

    assert graph.all_active()
    for node in ("camera", "speech_to_text", "fusion"):
        assert graph.ear.change(node, Transition.TRANSITION_DEACTIVATE)
        assert graph.ear.change(node, Transition.TRANSITION_CLEANUP)
    speaking = graph.speak()
    for node in ("camera", "speech_to_text", "fusion"):  # what was brought down by hand is left alone
        assert graph.ear.change(node, Transition.TRANSITION_CONFIGURE)
        assert graph.ear.change(node, Transition.TRANSITION_ACTIVATE)
    assert graph.all_active()
    speaking.join()
    assert graph.understood(FACE, AUDIO, TEXT)
    assert graph.nothing_twice()


@pytest.mark.parametrize(
    ("node", "name", "number"),
    [
        ("camera", "observer.window_frames", 4),
        ("microphone", "webrtc_aggressiveness", 1),
        ("speech_to_text", "partial_period_ms", 0),
        ("fusion", "dialogue.context_turns", 1),
    ],
)
def test_parameters_of_a_running_node_are_refused_with_a_sentence(graph, node, name, number):
    assert graph.all_active()
    value = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=number)
    request = SetParameters.Request(parameters=[Parameter(name=name, value=value)])
    (result,) = graph.ear.ask(SetParameters, f"{node}/set_parameters", request).results
    assert not result.successful
    assert result.reason == f"{name} is read when the node is configured: clean the node up first"


def test_it_ends_cleanly_after_all_that(graph):
    assert graph.all_active()
    assert all(graph.ear.value(node, "faults") == "" for node in ALL)
    assert graph.processes.stop() == []
