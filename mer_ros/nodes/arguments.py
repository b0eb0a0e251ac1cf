"""Arguments of one node where several live in a process: there the command line is that of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar

# Of the node that is being made, as `--ros-args ...`; None: those of the process alone.
NODE_ARGUMENTS: ContextVar[Sequence[str] | None] = ContextVar("node_arguments", default=None)


def own() -> list[str] | None:
    """Return what rclpy's Node takes as `cli_args`."""
    given = NODE_ARGUMENTS.get()
    return None if given is None else list(given)
