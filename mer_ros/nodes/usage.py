"""What the program of a node says when it is asked for help."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from mer_ros import resources
from mer_ros.nodes.watchdog import HUNG

_ARGUMENTS = "[--ros-args -p NAME:=VALUE --params-file FILE -r FROM:=TO ...]"


def is_help_wanted(arguments: Sequence[str]) -> bool:
    """Whether --help or -h stands outside of the arguments for ROS 2, which `--` ends."""
    ours = True
    for word in arguments:
        if word in ("--ros-args", "--"):
            ours = word == "--"
        elif ours and word in ("--help", "-h"):
            return True
    return False


def usage(module: ModuleType, arguments: str = _ARGUMENTS) -> str:
    """What a module's program is, how it is called, and where its parameters are told. module: with a `main`."""
    name = Path(module.__file__ or "").stem
    try:
        parameters = str(resources.config_dir() / "mer.yaml")
    except resources.ResourceError:
        parameters = "config/mer.yaml of this package"
    return (
        f"usage: ros2 run mer_ros {name} {arguments}\n"
        f"   or: python -m mer_ros.nodes.start {name} {arguments}\n\n"
        f"{inspect.getdoc(module)}\n\n"
        f"Parameters, with text, range and default: {parameters}, or `ros2 param describe` while it runs.\n"
        "It ends on Ctrl-C. Exit codes: 0 well, 1 it failed, as its log tells, 2 its settings are wrong, "
        f"{HUNG} it hung and was ended."
    )
