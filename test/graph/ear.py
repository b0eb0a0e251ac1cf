"""An ear on all topics of the graph."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from mer_msgs.msg import Emotion, EmotionEvent, Transcript, Utterance, VisualWindow
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from mer_ros.nodes import qos
from mer_ros.nodes.conversions.stamps import to_ns

# A server that has not matched our reply reader yet loses its answer, and nothing tells when it has.
_ASK_AGAIN_S = 10.0
_AFTER = {
    Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
    Transition.TRANSITION_DEACTIVATE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_CLEANUP: State.PRIMARY_STATE_UNCONFIGURED,
    Transition.TRANSITION_ACTIVE_SHUTDOWN: State.PRIMARY_STATE_FINALIZED,
}


class Ear:
    """Hears all topics of the graph in a thread, and keeps what it heard."""

    TOPICS = (
        (Utterance, "utterance", qos.events()),
        (Transcript, "transcript", qos.events()),
        (VisualWindow, "visual_window", qos.events()),
        (Emotion, "emotion", qos.emotions()),
        (Emotion, "emotion/live", qos.interim()),
        (EmotionEvent, "emotion/events", qos.events()),
    )

    def __init__(self, namespace: str = "") -> None:
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("ear", context=self.context, namespace=namespace)
        self.heard: dict[str, list[Any]] = defaultdict(list)
        self.diagnostics: dict[str, Any] = {}
        self.said: dict[str, set[str]] = defaultdict(set)  # every sentence of a node's diagnostics
        self._clients: dict[str, Any] = {}
        for kind, topic, profile in self.TOPICS:
            self.node.create_subscription(kind, topic, self.heard[topic].append, profile)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._diagnose, 50)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):
            while not self._closing.is_set():
                self._executor.spin_once(timeout_sec=0.1)

    def _diagnose(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.diagnostics[status.name] = status
            self.said[status.name].add(status.message)

    def value(self, node: str, key: str) -> str:
        """Return a value of a node's last diagnostics, or an empty text."""
        status = self.diagnostics.get(node)
        return next((item.value for item in status.values if item.key == key), "") if status else ""

    def message(self, node: str) -> str:
        """Return the sentence of a node's last diagnostics, or an empty text."""
        status = self.diagnostics.get(node)
        return status.message if status else ""

    def ask(self, kind: Any, service: str, request: Any, tries: int = 6) -> Any:
        """Call a service, again when no answer comes; return its answer. For what is harmless when done twice."""
        client = self._client(kind, service)
        asked: list[Any] = []
        for _ in range(tries):
            asked.append(client.call_async(request))
            if self.wait(lambda: any(future.done() for future in asked), _ASK_AGAIN_S):
                return next(future for future in asked if future.done()).result()
        raise AssertionError(f"no answer from {service} to {tries} requests")

    def state_of(self, node: str) -> int:
        """Return the state of a lifecycle node."""
        return int(self.ask(GetState, f"{node}/get_state", GetState.Request()).current_state.id)

    def change(self, node: str, transition: int, tries: int = 6) -> bool:
        """Ask a lifecycle node for a transition; return whether it made it.

        When no answer comes, its state tells: in a new one, it has done what it was asked; in the old one, it is asked
        again.
        """
        client = self._client(ChangeState, f"{node}/change_state")
        before = self.state_of(node)
        for number in range(tries):
            future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
            answered = self.wait(future.done, _ASK_AGAIN_S)
            if answered and (number == 0 or future.result().success):
                return bool(future.result().success)
            state = self.state_of(node)
            if state != before:
                return state == _AFTER[transition]
            if answered:
                return False
        raise AssertionError(f"no answer from {node}/change_state to {tries} requests")

    def _client(self, kind: Any, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.node.create_client(kind, service)
        assert self.wait(self._clients[service].service_is_ready), f"no service {service}"
        return self._clients[service]

    def wait(self, condition: Callable[[], bool], timeout_s: float = 60.0) -> bool:
        """Wait until `condition` holds; return whether it did in time."""
        until = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    def wait_active(self, *nodes: str, timeout_s: float = 120.0) -> bool:
        """Wait until the diagnostics say that these nodes are active."""
        return self.wait(lambda: all(self.value(node, "state") == "active" for node in nodes), timeout_s)

    def settle(self, quiet_s: float = 3.0, timeout_s: float = 60.0) -> bool:
        """Wait until every complete utterance has its emotion, and nothing new has come for a while."""
        told, since = -1, time.monotonic()

        def settled() -> bool:
            nonlocal told, since
            ended, emotions = len(self.ended()), len(self.heard["emotion"])
            if ended + emotions != told:
                told, since = ended + emotions, time.monotonic()
            return emotions >= ended and time.monotonic() - since > quiet_s

        return self.wait(settled, timeout_s)

    def ended(self) -> list[Utterance]:
        """Return the complete utterances."""
        return [u for u in list(self.heard["utterance"]) if u.state == Utterance.ENDED]

    def nothing_twice(self) -> bool:
        """Return whether each utterance has ended once, and has at most one emotion, and no emotion is of another."""
        told = Counter((e.utterance_id, to_ns(e.start)) for e in list(self.heard["emotion"]))
        ended = Counter((u.id, to_ns(u.start)) for u in self.ended())
        return max(ended.values(), default=1) == 1 and told <= ended

    def close(self) -> None:
        """Stop to listen."""
        self._closing.set()
        self._thread.join(timeout=30)
        self._executor.shutdown()
        self.node.destroy_node()  # nobody listens on: the next test's nodes need not find this one
        self.context.try_shutdown()
