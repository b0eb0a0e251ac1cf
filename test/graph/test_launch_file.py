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
EXECUTABLES = ("camera", "microphone", "speech_to_text", "fusion", "file_player", "lifecycle_manager")
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
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mer_ros.nodes.{name} "$@"\n')
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
