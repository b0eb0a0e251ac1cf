"""Watches the graph for the live view: emotions, utterances, and how the nodes are. It publishes nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from mer_msgs.msg import Emotion
from mer_msgs.msg import Utterance as UtteranceMessage
from rclpy.node import Node
from std_msgs.msg import String

from mer_ros.emotion import EmotionEstimate
from mer_ros.errors import MerError
from mer_ros.nodes import qos
from mer_ros.nodes.conversions.emotions import estimate_of
from mer_ros.nodes.conversions.stamps import to_ns
from mer_ros.nodes.health import ERROR, OURS
from mer_ros.view import ViewState
from mer_ros.web.feed import MOST_NODES

STALE_S = 2.0
MANAGER = "lifecycle_manager"
MOST_OPEN = 64  # utterances that are waited for


class WatcherNode(Node):
    """Keeps a `ViewState` up to date.

    arrived: final estimates that nobody has taken yet, each with the seconds since its utterance ended.
    conditions: the last word of every node of this graph. counts: finals, live, utterances, refused.
    told_ns: when the message that is being read was published.
    """

    def __init__(self, state: ViewState, namespace: str = "", emotion_topic: str = "emotion") -> None:
        super().__init__(
            "mer_watcher", namespace=namespace or None, enable_rosout=False, start_parameter_services=False
        )
        self.state = state
        self.arrived: list[tuple[EmotionEstimate, float]] = []
        self._open: dict[tuple[int, int], bool] = {}  # utterances without an emotion: whether they have ended
        self._answered: list[tuple[int, int]] = []  # the last ones that have
        self.conditions: dict[str, str] = {}
        self.told_ns = 0
        self.counts: Counter[str] = Counter()
        self._live_at = self._spoken_at = 0.0
        self._listen(Emotion, emotion_topic, self._on_final, qos.emotions())
        self._listen(Emotion, f"{emotion_topic}/live", self._on_live, qos.interim())
        self._listen(UtteranceMessage, "utterance", self._on_utterance, qos.events())
        self._listen(String, "people/forgotten", self._on_forgotten, qos.forgotten())
        self._listen(DiagnosticArray, "/diagnostics", self._on_diagnostics, qos.events())

    @property
    def all_active(self) -> bool:
        """Whether the lifecycle manager has brought every node up."""
        nodes = self.state.nodes
        return bool(nodes) and all(label == "active" for label in nodes.values())

    @property
    def pending(self) -> int:
        """Utterances that have begun and have no emotion yet."""
        return len(self._open)

    def forget_stale(self) -> None:
        """What nothing follows, an interim estimate or a piece of an utterance, says nothing of the present."""
        now_s = time.monotonic()
        if now_s - self._live_at > STALE_S:
            self.state.live = None
        if now_s - self._spoken_at > STALE_S:
            self.state.speaking = False

    def _listen(self, kind: Any, topic: str, callback: Any, profile: Any) -> None:
        self.create_subscription(kind, topic, self._guarded(callback), profile)

    def _guarded(self, callback: Callable[[Any], None]) -> Callable[..., None]:
        """What cannot be read is counted: others may publish on these topics as well."""

        def guarded(message: Any, info: Mapping[str, int]) -> None:
            self.told_ns = info.get("source_timestamp", 0)
            try:
                callback(message)
            except (MerError, ValueError):
                self.counts["refused"] += 1

        return guarded

    def _on_final(self, message: Emotion) -> None:
        estimate = estimate_of(message)
        after_s = self.get_clock().now().nanoseconds / 1e9 - estimate.end_ns / 1e9
        self.counts["finals"] += 1
        key = estimate.utterance_id, estimate.start_ns
        self._answered = [*self._answered[1 - MOST_OPEN :], key]
        if self._open.pop(key, False) is False:
            self._count_ended()
        self.state.add_final(estimate, after_s, self.told_ns)
        self.arrived.append((estimate, after_s))

    def _on_forgotten(self, message: String) -> None:
        """A person, or everybody for an empty text, is to be forgotten."""
        self.state.forget(message.data, self.told_ns)

    def _on_live(self, message: Emotion) -> None:
        self.counts["live"] += 1
        self.state.live = estimate_of(message)
        self._live_at = time.monotonic()

    def _on_utterance(self, message: UtteranceMessage) -> None:
        key, over = (message.id, to_ns(message.start)), message.state == UtteranceMessage.ENDED
        self.state.speaking = not over
        self._spoken_at = time.monotonic()
        if key in self._answered:
            return
        if over and not self._open.get(key, False):
            self._count_ended()
        self._open[key] = over or self._open.get(key, False)
        while len(self._open) > MOST_OPEN:
            del self._open[next(iter(self._open))]

    def _count_ended(self) -> None:
        self.counts["utterances"] += 1
        self.state.utterances = self.counts["utterances"]

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        """Take what the nodes of this graph tell; the topic is that of all packages and of all graphs."""
        home = self.get_namespace().strip("/")
        for status in message.status:
            namespace, _, name = status.name.rpartition("/")
            is_new = name not in self.conditions
            if status.hardware_id == OURS and namespace == home and not (is_new and len(self.conditions) >= MOST_NODES):
                self._on_status(name, status)

    def _on_status(self, name: str, status: DiagnosticStatus) -> None:
        self.conditions[name] = status.message
        if name == MANAGER:  # states are words, and counts are not
            self.state.nodes = {item.key: item.value for item in status.values if not item.value.isdigit()}
        if status.level == ERROR:
            self.state.troubles[name] = status.message
        else:
            self.state.troubles.pop(name, None)
