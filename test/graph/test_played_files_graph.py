"""Files through the graph: a talking face from a corpus, and the sample in simulated time, faster than life."""

from __future__ import annotations

import time

import pytest

from mer_ros.nodes.conversions.stamps import to_ns

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(300)]


def play_out(processes, ear, timeout_s: float = 120) -> None:
    until = time.monotonic() + timeout_s
    while processes.poll() and time.monotonic() < until:
        time.sleep(0.1)
    ear.settle()


def test_a_talking_face(start, ear, shared):
    processes = start(play=str(shared / "clips" / "lwbsza.mpg"))
    play_out(processes, ear)
    (emotion,) = ear.heard["emotion"]
    assert [m.available for m in emotion.modalities] == [True, True, True]
    assert emotion.face_id
    assert "white" in emotion.transcript.lower()
    assert 1.0 < (to_ns(emotion.end) - to_ns(emotion.start)) / 1e9 < 3.0
    assert processes.stop() == []


def test_simulated_time_at_three_times_the_speed(start, ear, tmp_path):
    file = tmp_path / "fast.yaml"
    file.write_text("/**/file_player:\n  ros__parameters:\n    rate: 3.0\n    subscriber_timeout_s: 15.0\n")
    processes = start(play="sample", use_sim_time=True, params_file=str(file), camera=False, speech_to_text=False)
    play_out(processes, ear)
    assert len(ear.ended()) == 6
    assert [e.utterance_id for e in ear.heard["emotion"]] == [1, 2, 3, 4, 5, 6]
    # Missing senses are not waited for; what is told of latency is in the simulated time.
    for emotion in ear.heard["emotion"]:
        assert [m.available for m in emotion.modalities] == [False, True, False]
        assert 0 < {item.stage: item.milliseconds for item in emotion.latency}["since_end"] < 3000
