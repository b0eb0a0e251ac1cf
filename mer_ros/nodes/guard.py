"""Callbacks that bad input does not end."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from mer_ros.errors import MerError
from mer_ros.nodes.health import Health
from mer_ros.nodes.load import Busy, steady_ns
from mer_ros.nodes.watchdog import Watchdog

_COMPLAIN_EVERY_S = 5.0


class Guard:
    """Runs callbacks so that bad input is counted and said, and never ends the node."""

    def __init__(self, node: Node, health: Health, watchdog: Watchdog | None = None) -> None:
        self._node = node
        self._health = health
        self._watching = watchdog.watching if watchdog else lambda _: nullcontext()
        self.busy = Busy()

    def __call__(self, callback: Callable[..., None]) -> Callable[..., None]:
        """Return `callback`, guarded."""

        what = callback.__name__.removeprefix("_on").strip("_").replace("_", " ")

        def guarded(*arguments: Any) -> None:
            begun_ns = steady_ns()
            try:
                with self._watching(what):
                    callback(*arguments)
            except MerError as error:
                self._health.counts["refused"] += 1
                self._node.get_logger().warning(str(error), throttle_duration_sec=_COMPLAIN_EVERY_S)
            except ExternalShutdownException:
                raise
            except Exception:
                if not rclpy.ok():  # the middleware is going down under us
                    return
                # A fault of ours: the trace goes to the log and the count to the diagnostics; the senses go on.
                self._health.counts["faults"] += 1
                self._node.get_logger().error(traceback.format_exc(), throttle_duration_sec=_COMPLAIN_EVERY_S)
            finally:
                self.busy.add(begun_ns, steady_ns())

        return guarded
