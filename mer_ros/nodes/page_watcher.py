"""Watches the graph for the page in the browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from mer_msgs.msg import Emotion
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String

from mer_ros.nodes import qos
from mer_ros.nodes.conversions.emotions import estimate_of
from mer_ros.nodes.health import ERROR, OK, WARN
from mer_ros.nodes.watcher import WatcherNode
from mer_ros.view import ViewState, starting
from mer_ros.web.feed import Feed

LEVELS = {OK: "ok", WARN: "warn", ERROR: "error"}
PERIOD_S = 0.2
SILENT_S = 5.0  # a node that tells nothing for so long has gone, or hangs


class PageWatcher(WatcherNode):
    """Keeps a `Feed` up to date beside the `ViewState`. The picture is asked for while somebody looks."""

    def __init__(
        self,
        state: ViewState,
        feed: Feed,
        namespace: str = "",
        emotion_topic: str = "emotion",
        *,
        awaited: bool = True,
    ) -> None:
        super().__init__(state, namespace, emotion_topic)
        self._feed = feed
        self._awaited = awaited  # the graph starts together with us
        self._health: dict[str, dict[str, str]] = {}
        self._heard_s: dict[str, float] = {}
        self._image: Any = None
        self.create_timer(PERIOD_S, self._look_around, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _on_final(self, message: Emotion) -> None:
        super()._on_final(message)
        if self.arrived:
            self._feed.utterance(*self.arrived[-1], self.told_ns)

    def _on_forgotten(self, message: String) -> None:
        super()._on_forgotten(message)
        self._feed.forget(message.data, self.told_ns)

    def _on_live(self, message: Emotion) -> None:
        super()._on_live(message)
        self._feed.live(estimate_of(message))

    def _on_status(self, name: str, status: DiagnosticStatus) -> None:
        super()._on_status(name, status)
        level = LEVELS.get(status.level, "silent")
        self._health[status.name] = {"name": status.name, "level": level, "message": status.message}
        self._heard_s[status.name] = time.monotonic()

    def _on_image(self, message: CompressedImage) -> None:
        self.counts["images"] += 1
        if message.format == "jpeg":
            self._feed.image(bytes(message.data))

    def _look_around(self) -> None:
        if self._feed.watched and self._image is None:
            self._image = self.create_subscription(
                CompressedImage, "image_annotated/compressed", self._guarded(self._on_image), qos.images(depth=1)
            )
        elif not self._feed.watched and self._image is not None:
            self.destroy_subscription(self._image)
            self._image = None
        self.forget_stale()
        now_s = time.monotonic()
        silent = {name for name, heard_s in self._heard_s.items() if now_s - heard_s > SILENT_S}
        nothing = {"level": "silent", "message": f"has told nothing for more than {SILENT_S:.0f} s"}
        self._feed.nodes([it | nothing if name in silent else it for name, it in sorted(self._health.items())])
        gone = bool(silent) and len(silent) == len(self._health)
        self._feed.tell(
            status=self._status(gone),
            speaking=self.state.speaking and not gone,
            heard=max(self.state.utterances, self.state.answered),
        )

    def _status(self, gone: bool) -> str:
        if gone:
            return "Nothing is heard of the graph any more: it may have ended."
        if not self.all_active and not self.counts["finals"]:
            if self._awaited or self.state.nodes:
                return starting(self.state.nodes)
            return "" if self._health else "Nothing is heard of a graph yet: does it run, on this ROS_DOMAIN_ID?"
        return ""


def watch(feed: Feed, namespace: str, emotion_topic: str, ended: Callable[[], bool]) -> bool:
    """Keep a feed up to date until `ended`; return whether anything was heard of the graph."""
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        watcher = PageWatcher(ViewState(""), feed, namespace, emotion_topic, awaited=False)
        executor = SingleThreadedExecutor()
        executor.add_node(watcher)
        while not ended():
            executor.spin_once(timeout_sec=0.1)
            watcher.arrived.clear()
        heard = bool(watcher.conditions or watcher.counts)
        executor.shutdown(timeout_sec=0)
        watcher.destroy_node()
        return heard
    finally:
        rclpy.try_shutdown()
