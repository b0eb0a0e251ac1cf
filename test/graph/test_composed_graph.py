"""All nodes in one process: the sample dialogue gives the same words, and neither a fault nor a signal is lost."""

from __future__ import annotations

import os
import signal
import time
from types import SimpleNamespace

import pytest
from ear import Ear

from mer_ros.audio.listener import SpeechListener
from mer_ros.graph import GraphSettings, describe
from mer_ros.nodes.conversions.stamps import to_ns
from mer_ros.replay.sample import SampleDialogue
from mer_ros.run import GraphProcesses
from mer_ros.speech.recogniser import SpeechOptions, make_recogniser
from mer_ros.speech.transcriber import Transcriber
from mer_ros.utterance import AudioChunk, SpeechState

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(360)]
NODES = ("camera", "microphone", "speech_to_text", "fusion")
# A busy machine is given time and room, so that what is told does not hang on it.
PATIENT = """\
/**/fusion:
  ros__parameters:
    fusion.deadline_ms: 60000.0
/**/camera:
  ros__parameters:
    load.shed: false
/**/microphone:
  ros__parameters:
    qos_overrides./audio.subscription.depth: 5000
/**/file_player:
  ros__parameters:
    tail_s: 10.0
    qos_overrides./audio.publisher.depth: 5000
"""


@pytest.fixture(scope="module")
def played(own_domain, tmp_path_factory) -> SimpleNamespace:
    ear = Ear()
    logs = tmp_path_factory.mktemp("logs")
    file = tmp_path_factory.mktemp("settings") / "patient.yaml"  # on a busy machine words come late
    file.write_text(PATIENT)
    settings = GraphSettings(play="sample", composed=True, params_file=str(file))
    with GraphProcesses(describe(settings), logs) as processes:
        until = time.monotonic() + 180
        while processes.poll() and time.monotonic() < until:
            time.sleep(0.1)
        ear.settle()
    ear.close()
    said = {log.stem: log.read_text(errors="replace") for log in logs.glob("*.log")}
    for name, text in sorted(said.items()):
        print(f"--- {name}\n{text[-3000:]}")
    return SimpleNamespace(ear=ear, processes=processes, said=said)


def test_utterances_words_and_senses_are_those_of_the_stages_alone(played):
    listener, transcriber = SpeechListener(), Transcriber(make_recogniser(options := SpeechOptions()), options)
    sound = (event for event in SampleDialogue().events(1_000_000_000) if isinstance(event, AudioChunk))
    pieces = [piece for chunk in sound for piece in listener.push(chunk)] + listener.flush()
    wanted = [piece for piece in pieces if piece.state is SpeechState.ENDED]
    words = [said.text for piece in wanted for said in transcriber.push(piece) if said.is_final]
    emotions = played.ear.heard["emotion"]
    assert [e.utterance_id for e in emotions] == [u.id for u in played.ear.ended()] == [u.id for u in wanted]
    assert [to_ns(e.end) - to_ns(e.start) for e in emotions] == [u.end_ns - u.start_ns for u in wanted]
    assert [e.transcript for e in emotions] == words
    for index, modality in enumerate(("face", "audio", "text")):
        assert any(e.modalities[index].available for e in emotions), modality


def test_it_was_one_process_that_ended_cleanly(played):
    assert played.processes.exit_codes == {"composed": 0}
    assert played.processes.restarts == {}
    assert all(played.ear.value(node, "state") == "active" for node in NODES)
    assert all(played.ear.value(node, "faults") == "" for node in NODES)


def test_each_node_has_its_log(played):
    assert "faces are found by" in played.said["camera"]
    assert "words come from" in played.said["speech_to_text"]
    assert "fusion is active" in played.said["lifecycle_manager"]
    assert "finished" in played.said["file_player"]
    for name, said in played.said.items():
        assert not [
            line for line in said.splitlines() if any(f"[{other}]" in line for other in played.said if other != name)
        ]


def test_wrong_settings_of_one_node_and_a_killed_process(start, ear, tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text("/**/microphone:\n  ros__parameters:\n    gate.longest_s: 1.0e+9\n")
    others = ("head/fusion", "head/speech_to_text", "head/camera")
    processes = start(composed=True, namespace="head", params_file=str(file), image_topic="/eye/image")
    assert ear.wait_active(*others)
    assert ear.wait(lambda: ear.node.count_subscribers("/eye/image") == 1)
    assert processes.poll()
    assert ear.wait(lambda: ear.message("head/lifecycle_manager") == "not active: microphone")
    said = (tmp_path / "logs" / "microphone.log").read_text()
    assert "gate.longest_s" in said
    assert said.count("it is not started again") == 1

    first = processes.pid_of("fusion")
    assert first == processes.pid_of("camera")
    os.kill(first, signal.SIGKILL)
    ear.diagnostics.clear()
    assert ear.wait(lambda: processes.poll() and processes.restarts == {"composed": 1})
    assert ear.wait_active(*others)
    assert processes.pid_of("fusion") != first
    os.kill(processes.pid_of("fusion"), signal.SIGTERM)  # it ends as it is told to, and says that a node could not run
    assert ear.wait(lambda: processes.poll() and processes.given_up == ["composed"])
    assert processes.stop() == ["composed"]
    assert processes.exit_codes == {"composed": 2}
