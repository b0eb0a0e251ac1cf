"""Every transition of every lifecycle node, and a clean end on Ctrl-C in every state."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import rclpy
from lifecycle_msgs.msg import State, Transition
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters

from mer_ros.nodes import parameter_file

pytestmark = [pytest.mark.graph, pytest.mark.timeout(300)]
NODES = ("camera", "microphone", "speech_to_text", "fusion")
PATH = (
    (Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_INACTIVE),
    (Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE),
    (Transition.TRANSITION_DEACTIVATE, State.PRIMARY_STATE_INACTIVE),
    (Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE),
    (Transition.TRANSITION_DEACTIVATE, State.PRIMARY_STATE_INACTIVE),
    (Transition.TRANSITION_CLEANUP, State.PRIMARY_STATE_UNCONFIGURED),
    (Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_INACTIVE),
    (Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE),
)


@pytest.fixture
def launched(ear):
    """Start one node alone, and end it with Ctrl-C."""
    running = []

    def begin(node: str, *arguments: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", f"mer_ros.nodes.{node}", *arguments], stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.wait()


@pytest.mark.parametrize("node", NODES)
def test_all_transitions_and_a_clean_end(ear, launched, node):
    process = launched(node)
    assert ear.state_of(node) == State.PRIMARY_STATE_UNCONFIGURED
    for transition, expected in PATH:
        assert ear.change(node, transition)
        assert ear.state_of(node) == expected
    assert not ear.change(node, Transition.TRANSITION_CONFIGURE)  # not from active
    assert ear.state_of(node) == State.PRIMARY_STATE_ACTIVE
    assert ear.change(node, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert ear.state_of(node) == State.PRIMARY_STATE_FINALIZED
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


@pytest.mark.parametrize("node", [*NODES, "lifecycle_manager"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_a_node_that_was_never_configured(ear, launched, node, number):
    process = launched(node)
    assert ear.wait(lambda: node in ear.diagnostics)
    process.send_signal(number)
    assert process.wait(60) == 0
    assert "Traceback" not in process.stderr.read()


def test_parameters_are_described_checked_and_only_read_when_configured(ear, launched):
    launched("camera")
    names = [item.name for item in parameter_file.table("camera")]
    described = ear.ask(DescribeParameters, "camera/describe_parameters", DescribeParameters.Request(names=names))
    assert all(item.description for item in described.descriptors)

    def put(value: str):
        parameter = Parameter(
            name="detector", value=ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)
        )
        return ear.ask(SetParameters, "camera/set_parameters", SetParameters.Request(parameters=[parameter])).results[0]

    refused = put("eyes")
    assert not refused.successful
    assert "centerface" in refused.reason
    assert put("none").successful
    assert ear.change("camera", Transition.TRANSITION_CONFIGURE)
    refused = put("centerface")
    assert not refused.successful
    assert "clean" in refused.reason


@pytest.mark.parametrize(
    "arguments",
    [
        ("-p", "detector:=eyes"),
        ("-p", "observer.window_frames:=0"),
        ("-p", "observer.window_frames:=many"),
    ],
)
def test_bad_parameters_are_one_sentence(ear, launched, arguments):
    process = launched("camera", "--ros-args", *arguments)
    if arguments[1] == "detector:=eyes":  # known only when it is configured, as choices are ours, not ROS's
        assert not ear.change("camera", Transition.TRANSITION_CONFIGURE)
        assert ear.wait(lambda: "eyes" in ear.message("camera"))
        return
    assert process.wait(60) == 2
    output = process.stderr.read()
    assert "error:" in output
    assert "window_frames" in output
    assert "Traceback" not in output


def test_a_qos_override_is_taken(ear, launched):
    launched(
        "camera",
        "--ros-args",
        "-p",
        "detector:=none",
        "-p",
        "qos_overrides./image_raw.subscription.reliability:=reliable",
    )
    assert ear.change("camera", Transition.TRANSITION_CONFIGURE)
    assert ear.change("camera", Transition.TRANSITION_ACTIVATE)
    infos = []
    assert ear.wait(lambda: infos.extend(ear.node.get_subscriptions_info_by_topic("/image_raw")) or infos)
    assert infos[0].qos_profile.reliability == rclpy.qos.ReliabilityPolicy.RELIABLE


def test_what_is_brought_down_by_hand_stays_so_and_what_refuses_says_it_once(ear, start, tmp_path):
    processes = start(fusion=False, camera=False, recogniser="vosk")  # whose model is not named
    assert ear.wait_active("microphone")
    assert ear.change("microphone", Transition.TRANSITION_DEACTIVATE)
    assert ear.change("microphone", Transition.TRANSITION_CLEANUP)
    refused = "speech_to_text (refuses, see its log)"
    left = f"not active: {refused}, microphone (brought down by hand)"
    assert ear.wait(lambda: ear.message("lifecycle_manager") == left)
    assert ear.wait(lambda: int(ear.value("lifecycle_manager", "refused_transitions")) >= 3)
    assert ear.state_of("microphone") == State.PRIMARY_STATE_UNCONFIGURED
    assert (tmp_path / "logs" / "speech_to_text.log").read_text().count("[ERROR]") == 1
    assert "[ERROR]" not in (tmp_path / "logs" / "lifecycle_manager.log").read_text()
    os.kill(processes.pid_of("microphone"), signal.SIGKILL)
    assert ear.wait(lambda: processes.poll() and ear.message("lifecycle_manager") == f"not active: {refused}")
    assert ear.state_of("microphone") == State.PRIMARY_STATE_ACTIVE
