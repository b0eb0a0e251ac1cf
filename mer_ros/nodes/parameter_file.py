"""Writes config/mer.yaml from the nodes' own tables: `python -m mer_ros.nodes.parameter_file > config/mer.yaml`."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence

from mer_ros.nodes.parameters import Parameter

NODES = {
    "camera": "CameraNode",
    "microphone": "MicrophoneNode",
    "speech_to_text": "SpeechToTextNode",
    "fusion": "FusionNode",
    "humans": "HumansNode",
    "webcam": "WebcamNode",
    "audio_device": "AudioDeviceNode",
    "file_player": "FilePlayerNode",
    "lifecycle_manager": "LifecycleManager",
}
_HEAD = """\
# Every parameter of every node, with its default. Give your own file with params_file:=FILE; what it leaves out
# keeps its default. QoS of a topic: qos_overrides.<topic>.<publisher|subscription>.<policy>.
"""


def table(node: str) -> Sequence[Parameter]:
    """Return the parameters of a node by its name."""
    module = importlib.import_module(f"mer_ros.nodes.{node}")
    parameters: Sequence[Parameter] = getattr(module, NODES[node]).table
    return parameters


def render() -> str:
    """Return the file."""
    parts = [_HEAD]
    for node in NODES:
        lines = [f"/**/{node}:", "  ros__parameters:"]
        for item in sorted(table(node), key=lambda item: item.name.count(".")):
            lines += [f"    # {item.text}{_accepted(item)}", f"    {item.name}: {json.dumps(item.default)}"]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _accepted(item: Parameter) -> str:
    if item.choices:
        return f" ({', '.join(item.choices)})"
    if item.low is not None and item.high is not None:
        return f" ({item.low:g} to {item.high:g})"
    return ""


if __name__ == "__main__":
    sys.stdout.write(render())
