"""An ear on all topics of the graph."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from mer_msgs.msg import Emotion, Transcript, Utterance, VisualWindow
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from mer_ros.nodes import qos


class Ear:
    """Hears all topics of the graph in a thread, and keeps what it heard."""

    TOPICS = (
        (Utterance, "utterance", qos.events()),
        (Transcript, "transcript", qos.events()),
        (VisualWindow, "visual_window", qos.events()),
        (Emotion, "emotion", qos.emotions()),
        (Emotion, "emotion/live", qos.interim()),
    )

    def __init__(self, namespace: str = "") -> None:
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("ear", context=self.context, namespace=namespace)
        self.heard: dict[str, list[Any]] = defaultdict(list)
        self.diagnostics: dict[str, Any] = {}
        self._clients: dict[str, Any] = {}
        for kind, topic, profile in self.TOPICS:
            self.node.create_subscription(kind, topic, self.heard[topic].append, profile)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._diagnose, 50)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):
            while self.context.ok():
                self._executor.spin_once(timeout_sec=0.1)

    def _diagnose(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.diagnostics[status.name] = status

    def value(self, node: str, key: str) -> str:
        """Return a value of a node's last diagnostics, or an empty text."""
        status = self.diagnostics.get(node)
        return next((item.value for item in status.values if item.key == key), "") if status else ""

    def message(self, node: str) -> str:
        """Return the sentence of a node's last diagnostics, or an empty text."""
        status = self.diagnostics.get(node)
        return status.message if status else ""

    def ask(self, kind: Any, service: str, request: Any, timeout_s: float = 60.0) -> Any:
        """Call a service; return its answer."""
        if service not in self._clients:
            self._clients[service] = self.node.create_client(kind, service)
            assert self.wait(self._clients[service].service_is_ready), f"no service {service}"
            time.sleep(0.5)  # the way back is matched a little later, and nothing tells when
        future = self._clients[service].call_async(request)
        assert self.wait(future.done, timeout_s), f"no answer from {service}"
        return future.result()

    def wait(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> bool:
        """Wait until `condition` holds; return whether it did in time."""
        until = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    def wait_active(self, *nodes: str, timeout_s: float = 60.0) -> bool:
        """Wait until the diagnostics say that these nodes are active."""
        return self.wait(lambda: all(self.value(node, "state") == "active" for node in nodes), timeout_s)

    def ended(self) -> list[Utterance]:
        """Return the complete utterances."""
        return [u for u in list(self.heard["utterance"]) if u.state == Utterance.ENDED]

    def close(self) -> None:
        """Stop to listen."""
        self.context.try_shutdown()
        self._thread.join(timeout=5)
