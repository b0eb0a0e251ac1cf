"""The launch file with the real `launch` and `launch_ros`, where they are installed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("launch", reason="ros2 launch is not installed (the ROS 2 wheels do not have it)")
pytest.importorskip("launch_ros", reason="launch_ros is not installed (the ROS 2 wheels do not have it)")

from dataclasses import fields

from mer_ros.graph import GraphSettings

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(180)]
LAUNCH_FILE = Path(__file__).resolve().parents[2] / "launch" / "mer.launch.py"
EXECUTABLES = ("camera", "microphone", "speech_to_text", "fusion", "file_player", "lifecycle_manager", "composed")
LAUNCH = (
    "import sys\n"
    "from launch import LaunchDescription, LaunchService\n"
    "from launch.actions import IncludeLaunchDescription as Include\n"
    "from launch.launch_description_sources import PythonLaunchDescriptionSource as Source\n"
    "service = LaunchService(argv=[])\n"
    "given = [tuple(word.split(':=', 1)) for word in sys.argv[2:]]\n"
    "service.include_launch_description(LaunchDescription([Include(Source(sys.argv[1]), launch_arguments=given)]))\n"
    "sys.exit(service.run())\n"
)


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Path:
    """A prefix as colcon makes one, whose executables run this checkout."""
    prefix = tmp_path / "prefix"
    (prefix / "share/ament_index/resource_index/packages").mkdir(parents=True)
    (prefix / "share/ament_index/resource_index/packages/mer_ros").touch()
    (prefix / "lib/mer_ros").mkdir(parents=True)
    for name in EXECUTABLES:
        script = prefix / "lib/mer_ros" / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mer_ros.nodes.start {name} "$@"\n')
        script.chmod(0o755)
    before = os.environ.get("AMENT_PREFIX_PATH")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{prefix}{os.pathsep}{before}" if before else str(prefix))
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    return prefix


def launch(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(LAUNCH_FILE), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_every_setting_is_an_argument_with_a_text():
    from launch import LaunchContext
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    description = PythonLaunchDescriptionSource(str(LAUNCH_FILE)).get_launch_description(LaunchContext())
    arguments = {argument.name: argument for argument in description.get_launch_arguments()}
    assert set(arguments) == {item.name for item in fields(GraphSettings)}
    assert all(argument.description for argument in arguments.values())


def test_the_graph_comes_up_in_a_namespace_and_ends_cleanly(installed, ear):
    process = launch("namespace:=head", "fusion:=false", "image_topic:=/eye/image", "log_level:=warn")
    try:
        assert ear.wait_active("head/speech_to_text", "head/camera", "head/microphone", timeout_s=90)
        assert ear.wait(lambda: ear.node.count_subscribers("/eye/image") == 1)
        assert "fusion" not in {name.split("/")[-1] for name in ear.diagnostics}
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    assert output.count("process has finished cleanly") == 4, output


def test_a_played_file_ends_the_launch(installed, ear):
    process = launch("play:=sample", "fusion:=false", "camera:=false", "speech_to_text:=false")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert len(ear.ended()) >= 4


def test_all_nodes_in_one_process(installed, ear):
    process = launch("composed:=true", "namespace:=head", "fusion:=false", "image_topic:=/eye/image")
    try:
        assert ear.wait_active("head/speech_to_text", "head/camera", "head/microphone", timeout_s=90)
        assert ear.wait(lambda: ear.node.count_subscribers("/eye/image") == 1)
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert output.count("process has finished cleanly") == 1, output


def test_a_file_that_cannot_be_decoded_ends_the_launch_with_an_exit_code(installed, tmp_path):
    file = tmp_path / "empty.wav"
    file.write_bytes(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\0\0\0\0")
    process = launch(f"play:={file}", "fusion:=false", "camera:=false", "speech_to_text:=false")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1, output
    assert "file_player ended with exit code 2" in output
    assert f"nothing in {file} can be decoded" in output


def test_a_node_with_wrong_parameters_is_not_started_again_and_a_killed_one_is(installed, ear, tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text("/**/camera:\n  ros__parameters:\n    observer.window_frames: 100000\n")
    process = launch(f"params_file:={file}", "fusion:=false", "speech_to_text:=false")
    try:
        assert ear.wait_active("microphone", timeout_s=90)
        victims = subprocess.run(
            ["pgrep", "-P", str(process.pid), "-f", "start microphone"], capture_output=True, text=True, check=True
        )
        for pid in victims.stdout.split():
            os.kill(int(pid), signal.SIGKILL)
        ear.diagnostics.pop("microphone")
        assert ear.wait_active("microphone", timeout_s=60)
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert output.count("camera ended with exit code 2") == 1, output
    assert output.count("microphone ended with exit code -9; it is started again at once") == 1, output
    assert process.returncode == 0, output
