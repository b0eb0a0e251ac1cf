"""Message types of packages that may not be installed, looked up by name when they are needed."""

from __future__ import annotations

import importlib
from typing import Any

from mer_ros.errors import MissingDependencyError


def message_type(name: str, asked_by: str) -> Any:
    """Return the class of a message type such as hri_msgs/msg/IdsList.

    asked_by: what wants it, for the sentence of the MissingDependencyError when it cannot be imported.
    """
    package, _, kind = name.replace("/msg/", "/").partition("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), kind)
    except (ImportError, AttributeError, ValueError) as error:
        raise MissingDependencyError(
            f"{asked_by} is '{name}', which cannot be imported; install its package, or correct the "
            "name, for instance std_msgs/msg/String"
        ) from error


def found_type(name: str) -> Any | None:
    """Return the class of a message type; None where its package, or a release that has it, is not installed."""
    try:
        return message_type(name, "")
    except MissingDependencyError:
        return None
