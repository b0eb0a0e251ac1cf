"""Starts a node by its name: `python -m mer_ros.nodes.start camera --ros-args ...`; also all executables.

It loads in no time, and sees to Ctrl-C and SIGTERM before the node's module is loaded, which takes a second or more.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from functools import partial

from mer_ros.orphans import end_with_parent

NODES = (
    "camera",
    "microphone",
    "speech_to_text",
    "fusion",
    "humans",
    "webcam",
    "audio_device",
    "file_player",
    "lifecycle_manager",
    "composed",
)


def start(name: str) -> int:
    """Run a node; return the exit code of the process."""
    ending = (signal.SIGINT, signal.SIGTERM)
    for number in ending:  # until the node takes them itself, there is nothing to end but this process
        signal.signal(number, lambda *_: os._exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ending)  # those that came before this line come now
    end_with_parent()
    code: int = importlib.import_module(f"mer_ros.nodes.{name}").main()
    return code


camera, microphone, speech_to_text, fusion, humans, webcam, audio_device, file_player, lifecycle_manager, composed = (
    partial(start, name) for name in NODES
)


if __name__ == "__main__":
    if sys.argv[1:2] in (["--help"], ["-h"]):
        sys.exit(print(f"{__doc__}\nNodes: {', '.join(NODES)}"))
    if len(sys.argv) < 2 or sys.argv[1] not in NODES:
        sys.exit(f"error: name a node: {', '.join(NODES)}")
    sys.exit(start(sys.argv.pop(1)))
