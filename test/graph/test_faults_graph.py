"""Rubbish on every topic, nodes that die, models that are not there: the graph goes on, and says what was wrong."""

from __future__ import annotations

import os
import signal

import pytest
from ear import Ear
from mer_msgs.msg import AudioChunk, FaceSample, Transcript, Utterance, VisualWindow
from mouth import Mouth
from sensor_msgs.msg import Image

from mer_ros.nodes import qos
from mer_ros.nodes.conversions.stamps import to_time

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(480)]
ALL = ("fusion", "speech_to_text", "camera", "microphone")


def bad_images():
    return [
        Image(),
        Image(height=2, width=2, encoding="sixteen_colours", step=6, data=[0] * 12),
        Image(height=2, width=2, encoding="rgb8", step=1, data=[0] * 12),
        Image(height=4_000_000_000, width=4_000_000_000, encoding="rgb8", step=12, data=[0] * 12),
    ]


def bad_sound():
    return [
        AudioChunk(),
        AudioChunk(sample_rate=16000, channels=0, samples=[1, 2]),
        AudioChunk(sample_rate=16000, channels=3, samples=[1, 2]),
        AudioChunk(sample_rate=1, channels=1, samples=[1, 2]),
        AudioChunk(sample_rate=4_000_000_000, channels=1, samples=[1, 2]),
    ]


def test_rubbish_is_counted_and_speech_after_it_is_understood(start, ear, tmp_path):
    # With best effort an image may be lost before it is refused, and on a busy machine words come late.
    file = tmp_path / "patient.yaml"
    file.write_text(
        "/**/camera:\n  ros__parameters:\n    reliability: reliable\n"
        "/**/fusion:\n  ros__parameters:\n    fusion.deadline_ms: 45000.0\n"
    )
    processes = start(params_file=str(file))
    assert ear.wait_active(*ALL)
    mouth = Mouth(ear.node)
    assert mouth.wait_for_listeners()
    publishers = {
        kind: ear.node.create_publisher(kind, topic, qos.events())
        for kind, topic in ((Utterance, "utterance"), (Transcript, "transcript"), (VisualWindow, "visual_window"))
    }
    heard_by = {Utterance: 4, Transcript: 2, VisualWindow: 2}  # with the ear
    assert ear.wait(lambda: all(publishers[kind].get_subscription_count() == n for kind, n in heard_by.items()))
    for message in bad_images():
        mouth.images.publish(message)
    for message in bad_sound():
        mouth.sound.publish(message)
    publishers[Utterance].publish(Utterance(id=1, state=77, sample_rate=16000))
    publishers[Utterance].publish(Utterance(id=1, state=2, sample_rate=8000))
    publishers[Utterance].publish(Utterance(id=1, state=2, sample_rate=16000, start=to_time(10**10)))
    publishers[Transcript].publish(Transcript(text="a" * 20_000, is_final=True))
    publishers[VisualWindow].publish(VisualWindow(is_final=True, samples=[FaceSample()]))

    assert ear.wait(lambda: int(ear.value("camera", "refused") or 0) >= 4 + 3)
    assert ear.wait(lambda: int(ear.value("microphone", "refused") or 0) >= 4)
    assert ear.wait(lambda: int(ear.value("speech_to_text", "refused") or 0) >= 3)
    assert ear.wait(lambda: int(ear.value("fusion", "refused") or 0) >= 5)
    assert ear.heard["emotion"] == []

    mouth.say()
    assert ear.wait(lambda: ear.heard["emotion"]), ear.diagnostics
    assert "best of times" in ear.heard["emotion"][0].transcript.lower()
    assert ear.heard["emotion"][0].modalities[0].available
    assert all(ear.value(node, "faults") == "" for node in ALL)
    assert processes.poll()
    assert processes.stop() == []
    assert processes.restarts == {}


@pytest.mark.parametrize("victim", ["speech_to_text", "camera"])
def test_a_killed_node_costs_its_modality_and_comes_back(start, ear, victim):
    processes = start()
    assert ear.wait_active(*ALL)
    mouth = Mouth(ear.node)
    assert mouth.wait_for_listeners()
    os.kill(processes.pid_of(victim), signal.SIGKILL)
    mouth.say()
    assert ear.wait(lambda: len(ear.heard["emotion"]) == 1), ear.diagnostics
    missing = {"speech_to_text": 2, "camera": 0}[victim]
    assert not ear.heard["emotion"][0].modalities[missing].available
    assert ear.heard["emotion"][0].modalities[missing].reason

    ear.diagnostics.pop(victim, None)
    assert ear.wait(lambda: processes.poll() and ear.value(victim, "state") == "active", 60)
    assert processes.restarts == {victim: 1}
    # Nothing tells when the others have found the fresh node: what is said before is not understood by it.
    for spoken in range(2, 6):
        mouth.say()
        assert ear.wait(lambda n=spoken: len(ear.heard["emotion"]) == n), ear.diagnostics
        if ear.heard["emotion"][-1].modalities[missing].available:
            break
    assert ear.heard["emotion"][-1].modalities[missing].available
    assert ear.nothing_twice()
    assert processes.stop() == []


def test_without_its_models_fusion_says_so_and_the_others_go_on(start, ear, tmp_path):
    processes = start(models=str(tmp_path))
    assert ear.wait(lambda: "manifest" in ear.message("fusion"))
    assert ear.value("fusion", "state") == "unconfigured"
    assert processes.poll()
    assert processes.stop() == []


def test_two_graphs_in_two_namespaces_do_not_hear_each_other(start, ear):
    there = Ear("right")
    here = Ear("left")
    try:
        start(namespace="left", camera=False, speech_to_text=False)
        start(namespace="right", camera=False, speech_to_text=False)
        assert ear.wait_active("left/fusion", "left/microphone", "right/fusion", "right/microphone")
        assert "fusion" not in ear.diagnostics
        mouth = Mouth(here.node)
        assert here.wait(lambda: mouth.sound.get_subscription_count() == 1)
        mouth.say()
        assert here.wait(lambda: len(here.heard["emotion"]) == 1), ear.diagnostics
        assert ear.value("right/microphone", "received_audio") == ""
        assert not there.heard["utterance"]
        assert not there.heard["emotion"]
    finally:
        here.close()
        there.close()
