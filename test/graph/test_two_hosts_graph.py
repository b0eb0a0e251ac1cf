"""One graph of two `mer run`s, as on two machines: senses here, recogniser and fusion there."""

from __future__ import annotations

import pytest
from ear import Ear
from mouth import Mouth

from mer_ros.graph import LIFECYCLE, GraphSettings, describe
from mer_ros.run import GraphProcesses

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(600)]
PARTS = {"desk": ("fusion", "speech_to_text"), "robot": ("camera", "microphone")}
PATIENT = "/**/fusion:\n  ros__parameters:\n    fusion.deadline_ms: 30000.0\n"  # a busy machine is late with words


@pytest.fixture
def half(tmp_path):
    """Start a part of the graph under a name; its logs are shown when the test fails."""
    running = []
    params = tmp_path / "patient.yaml"
    params.write_text(PATIENT)

    def begin(name, **settings):
        graph = describe(GraphSettings(lifecycle_manager=f"{name}_manager", params_file=str(params), **settings))
        processes = GraphProcesses(graph, tmp_path / name)
        running.append(processes.__enter__())
        return processes

    yield begin
    for processes in running:
        processes.stop()
    for log in sorted(tmp_path.glob("*/*.log")):
        print(f"--- {log.parent.name} {log.name}\n{log.read_text(errors='replace')[-2000:]}")


def test_two_halves_are_one_graph_and_their_managers_keep_to_their_own(half, ear: Ear):
    mouth = Mouth(ear.node)
    half("desk", camera=False, microphone=False)
    assert ear.wait(lambda: ear.message("desk_manager") == "all nodes are active", 200)
    robot = half("robot", speech_to_text=False, fusion=False)
    assert ear.wait(lambda: ear.message("robot_manager") == "all nodes are active", 200)
    told = {name: {v.key for v in ear.diagnostics[f"{name}_manager"].values} & set(LIFECYCLE) for name in PARTS}
    assert told == {name: set(nodes) for name, nodes in PARTS.items()}

    def speak() -> None:
        assert mouth.wait_for_listeners()
        before = len(ear.heard["emotion"])
        mouth.say()
        assert ear.wait(lambda: len(ear.heard["emotion"]) > before, 120)
        (emotion,) = ear.heard["emotion"][before:]
        assert all(modality.available for modality in emotion.modalities), emotion.modalities

    speak()
    # The robot goes away and comes back; the desk goes on, and nobody brings up what is another's.
    assert robot.stop() == []
    assert ear.wait(lambda: ear.node.count_publishers("/utterance") == 0)
    assert ear.value("fusion", "state") == "active"
    again = half("robot", speech_to_text=False, fusion=False)
    ear.diagnostics.pop("camera", None)
    ear.diagnostics.pop("microphone", None)
    assert ear.wait_active("camera", "microphone")
    speak()
    assert ear.value("desk_manager", "brought_up_again") == ""
    assert ear.value("robot_manager", "brought_up_again") == ""
    assert (again.restarts, again.given_up) == ({}, [])
