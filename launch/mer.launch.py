"""Starts the graph: ros2 launch mer_ros mer.launch.py. `ros2 launch mer_ros mer.launch.py -s` lists the arguments."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from mer_ros.graph import GraphSettings, NodeSpec, describe, is_flag

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
    graph = describe(GraphSettings(**given))
    environment = [SetEnvironmentVariable(name, value) for name, value in graph.environment.items()]
    nodes = [_node(spec, graph.namespace, str(graph.params_file), graph.log_level) for spec in graph.nodes]
    return environment + nodes


def _node(spec: NodeSpec, namespace: str, params_file: str, log_level: str) -> Node:
    return Node(
        package="mer_ros",
        executable=spec.executable,
        name=spec.name,
        namespace=namespace,
        parameters=[params_file, dict(spec.parameters)],
        remappings=list(spec.remappings),
        arguments=["--ros-args", "--log-level", log_level],
        output="screen",
        respawn=spec.respawn,
        respawn_delay=1.0,
        on_exit=Shutdown(reason=f"{spec.name} has ended") if spec.ends_graph else None,
    )


def _choices(item: Field[Any]) -> list[str] | None:
    choices = ["true", "false"] if is_flag(item) else list(item.metadata["choices"])
    return [*choices, ""] if choices and item.default in ("", None) else choices or None


def _text(value: Any) -> str:
    return next((text for text, flag in FLAGS.items() if flag is value), str(value))
