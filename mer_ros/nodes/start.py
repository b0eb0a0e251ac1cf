"""Starts a node by its name: `python -m mer_ros.nodes.start camera --ros-args ...`; also all executables.

It loads in no time, and sees to signals before the node's module, which takes a second or more, is loaded.
"""

from __future__ import annotations

import importlib
import sys
from functools import partial

from mer_ros.nodes import signals

NODES = (
    "camera",
    "microphone",
    "speech_to_text",
    "fusion",
    "webcam",
    "audio_device",
    "file_player",
    "lifecycle_manager",
)


def start(name: str) -> int:
    """Run a node; return the exit code of the process."""
    signals.end_early()
    code: int = importlib.import_module(f"mer_ros.nodes.{name}").main()
    return code


camera, microphone, speech_to_text, fusion, webcam, audio_device, file_player, lifecycle_manager = (
    partial(start, name) for name in NODES
)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in NODES:
        sys.exit(f"error: name a node: {', '.join(NODES)}")
    sys.exit(start(sys.argv.pop(1)))
