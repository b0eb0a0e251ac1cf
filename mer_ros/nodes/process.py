"""The process of a node: its signals, its exit code, and a clean end."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from mer_ros.errors import MerError
from mer_ros.nodes.usage import is_help_wanted, usage

_NOTICE_S = 0.1  # how soon a signal is noticed while nothing comes in

RCLError = rclpy_implementation.RCLError


def spin(make: type[Node]) -> int:
    """Run one node until SIGINT or SIGTERM, or say what it is where --help is asked for; return the exit code.

    The signals are only noted, and looked at between callbacks: rclpy's own handlers would take the context down
    in the middle of one, and Python's would break off an import.
    """
    if is_help_wanted(sys.argv[1:]):
        print(usage(sys.modules[make.__module__]))
        return 0
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    except RCLError as error:  # a name or an argument that ROS 2 does not take
        print(f"error: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    try:
        live(make, ended)
    except ExternalShutdownException:
        pass
    except (MerError, ParameterException) as error:
        print(f"error: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    except SystemExit as end:  # a player that has come to its end
        return int(end.code or 0)
    finally:
        rclpy.try_shutdown()
    return 0


def live(make: Callable[[], Node], ended: threading.Event) -> None:
    """Make a node and spin it in this thread until `ended` is set, or something is raised."""
    node: Node | None = None
    executor: SingleThreadedExecutor | None = None
    try:
        node = _made(make)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not ended.is_set():
            executor.spin_once(timeout_sec=_NOTICE_S)
    finally:
        if executor is not None:
            executor.shutdown(timeout_sec=0)
        if node is not None:
            node.destroy_node()


def _made(make: Callable[[], Node]) -> Node:
    """Make a node. What the middleware cannot do for want of security is no fault that another try would mend."""
    try:
        return make()
    except RCLError as error:
        if "security" in str(error).lower():
            raise MerError(f"ROS_SECURITY_ENABLE is set, and no secure node can be made: {error}") from error
        raise
