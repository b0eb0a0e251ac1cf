"""Starts the graph: ros2 launch mer_ros mer.launch.py. `ros2 launch mer_ros mer.launch.py -s` lists the arguments."""

from __future__ import annotations

import time
from dataclasses import Field, fields
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    LogInfo,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
    TimerAction,
)
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from mer_ros.checks import check_settings
from mer_ros.graph import Graph, GraphSettings, NodeSpec, describe, is_flag
from mer_ros.respawn import Respawn, sentence

FLAGS = {"true": True, "false": False, "": None}


def generate_launch_description() -> LaunchDescription:
    """Return one argument for each setting of the graph, and its nodes."""
    arguments = [
        DeclareLaunchArgument(
            item.name,
            default_value=_text(item.default),
            description=item.metadata["text"],
            choices=_choices(item),
        )
        for item in fields(GraphSettings)
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_start)])


def _start(context: LaunchContext) -> list[Any]:
    given = {}
    for item in fields(GraphSettings):
        text = LaunchConfiguration(item.name).perform(context)
        given[item.name] = FLAGS[text] if is_flag(item) else text
    settings = GraphSettings(**given)
    check_settings(settings)
    graph = describe(settings)
    environment = [SetEnvironmentVariable(name, value) for name, value in graph.environment.items()]
    return environment + [_node(spec, graph, Respawn()) for spec in graph.nodes]


def _node(spec: NodeSpec, graph: Graph, respawn: Respawn) -> Node:
    begun = time.monotonic()

    def ended(event: ProcessExited, context: LaunchContext) -> list[Any]:
        if context.is_shutdown:
            return []
        if spec.ends_graph and event.returncode:  # launch itself ends with an exit code for what is raised
            raise RuntimeError(f"{spec.name} ended with exit code {event.returncode}; see what it says")
        if spec.ends_graph:
            return [Shutdown(reason=f"{spec.name} has ended")]
        if not spec.respawn:
            return []
        wait_s = respawn.after(event.returncode, time.monotonic() - begun)
        said = LogInfo(msg=sentence(spec.name, event.returncode, wait_s))
        if wait_s is None:
            return [said]
        again = OpaqueFunction(function=lambda _: [_node(spec.again, graph, respawn)])
        return [said, TimerAction(period=wait_s, actions=[again])]

    return Node(
        package="mer_ros",
        executable=spec.executable,
        name=None if spec.parts else spec.name,  # it would be the name of every part
        namespace=graph.namespace,
        parameters=[str(graph.params_file), dict(spec.parameters)],
        remappings=list(spec.remappings),
        arguments=[*spec.part_arguments, "--ros-args", "--log-level", graph.log_level],
        additional_env=spec.environment,
        output="screen",
        on_exit=ended,
    )


def _choices(item: Field[Any]) -> list[str] | None:
    choices = ["true", "false"] if is_flag(item) else list(item.metadata["choices"])
    return [*choices, ""] if choices and item.default in ("", None) else choices or None


def _text(value: Any) -> str:
    return next((text for text, flag in FLAGS.items() if flag is value), str(value))
