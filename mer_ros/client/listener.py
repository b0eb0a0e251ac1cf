"""`EmotionListener`: people and their emotions for a behaviour, in its own node or in one of the listener's."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

import rclpy
from mer_msgs.msg import Emotion, EmotionEvent
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.node import Node

from mer_ros.emotion import EMOTIONS, EmotionEstimate
from mer_ros.errors import MerError, OptionError, UsageError
from mer_ros.fusion.events import Event, EventOptions, Happening, People
from mer_ros.nodes import qos
from mer_ros.nodes.conversions.emotions import estimate_of
from mer_ros.nodes.conversions.events import event_of

_POLL_S = 0.2  # how late a leaving may be told
_NOTICE_S = 0.1  # how late the end of the listener's own thread may be
# Of another publisher, or a graph of another version: no reason to end the executor of a behaviour.
_UNREADABLE = (MerError, ValueError)

OnPerson = Callable[[str], None]
OnUtterance = Callable[[str, EmotionEstimate], None]
OnChange = Callable[[str, EmotionEstimate, EmotionEstimate], None]


class EmotionListener:
    """Who is there, what they feel, and what has changed.

    `EmotionListener(node)` subscribes in your node, whatever executor spins it. `EmotionListener()` makes a node and
    a thread of its own; use it with `with`, or `close` it. Every method may be called from any thread.

    Callbacks run in the thread of the executor: keep them short. A person is known by the person's id, else by the
    voice's; all who have neither are "somebody". What is an arrival, a change or a leaving, the graph decides, on
    its topic of events; where it has none, or with `options`, the listener does, by the same rules: interim estimates
    change an emotion when they agree for `hold_ms`; a final one does at once; "unknown" never does; who is neither
    seen nor heard for `forget_after_s` of the node's clock has left.
    """

    def __init__(
        self,
        node: Node | None = None,
        *,
        on_utterance: OnUtterance | None = None,
        on_change: OnChange | None = None,
        on_arrival: OnPerson | None = None,
        on_leaving: OnPerson | None = None,
        options: EventOptions | None = None,
        topic: str = "emotion",
        live: bool = True,
    ) -> None:
        """node: yours, or None for one of the listener's own.

        on_utterance(person, estimate): once for each utterance. on_change(person, before, after): the estimates by
        which the old and the new emotion came. on_arrival(person), on_leaving(person).
        options: for this listener alone, whatever the graph decides by.
        topic: of final emotions; interim ones come below it on /live, events on /events; both are left out with
        live=False.
        """
        self._on_utterance, self._on_change = on_utterance, on_change
        self._on_arrival, self._on_leaving = on_arrival, on_leaving
        self._people = People(options)
        self._refused = 0
        self._events_topic = f"{topic}/events" if live and options is None else ""
        self._decides = True
        self._publishers: set[bytes] = set()  # of events
        self._told_since_ns = 0  # since when the newest of them is there
        self._news = threading.Condition()
        self._closing = threading.Event()
        self._context: Context | None = None
        self._thread: threading.Thread | None = None
        if node is None:
            self._context = Context()
            rclpy.init(context=self._context)
            node = rclpy.create_node("emotion_listener", context=self._context)
        self._node = node
        group = ReentrantCallbackGroup()
        subscribe = node.create_subscription
        take: Callable[..., None] = self._take
        self._subscriptions = [subscribe(Emotion, topic, take, qos.emotions(), callback_group=group)]
        if live:
            interim = subscribe(Emotion, f"{topic}/live", take, qos.interim(), callback_group=group)
            self._subscriptions.append(interim)
        if self._events_topic:
            events = subscribe(EmotionEvent, self._events_topic, self._hear, qos.events(), callback_group=group)
            self._subscriptions.append(events)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # goes on when the system's clock is set back
        self._timer = node.create_timer(_POLL_S, self._poll, callback_group=group, clock=steady)
        if self._context is not None:
            self._executor = SingleThreadedExecutor(context=self._context)
            self._executor.add_node(node)
            self._thread = threading.Thread(target=self._spin, name="emotion_listener", daemon=True)
            self._thread.start()

    @property
    def people(self) -> dict[str, EmotionEstimate]:
        """Everybody who was seen or heard lately, with the last estimate, final or interim."""
        with self._news:
            return self._people.all()

    @property
    def counts(self) -> dict[str, int]:
        """How many estimates came, how many of them told of people who were gone already, and what was refused."""
        with self._news:
            return {**self._people.counts, **({"refused": self._refused} if self._refused else {})}

    def current(self, person: str | None = None) -> EmotionEstimate | None:
        """Return the last estimate of a person, or of whoever was told of last; None when there is none."""
        with self._news:
            return self._people.current(person)

    def wait_for(self, emotion: str, timeout_s: float, person: str | None = None) -> EmotionEstimate | None:
        """Return the estimate by which a person, or anybody, has this emotion, as soon as one has; None if none does.

        timeout_s is real time, also in a simulation. Raises OptionError for an emotion that is none of the seven,
        UsageError where waiting would keep the listener itself from hearing, or when it is closed.
        """
        if emotion not in EMOTIONS:
            raise OptionError(f"emotion is {emotion!r}; choose one of {', '.join(EMOTIONS)}")
        if not 0 <= timeout_s <= threading.TIMEOUT_MAX:
            raise OptionError(f"timeout_s is {timeout_s}; give seconds from 0 to {threading.TIMEOUT_MAX:.0f}")
        self._check_thread()
        until = time.monotonic() + timeout_s
        with self._news:
            while True:
                if self._closing.is_set():
                    raise UsageError("wait_for on an EmotionListener that is closed: close it when nobody waits")
                if (found := self._people.feeling(emotion, person)) is not None:
                    return found
                if not self._news.wait(max(0.0, until - time.monotonic())) and time.monotonic() >= until:
                    break
        if self._node.executor is None:
            raise UsageError("nobody spins the node of this EmotionListener: spin it in a thread, or give no node")
        return None

    def close(self) -> None:
        """Stop to listen; the node goes on if it is yours."""
        if self._closing.is_set():
            return
        self._closing.set()
        with self._news:
            self._news.notify_all()
        if self._thread is None:
            for subscription in self._subscriptions:
                self._node.destroy_subscription(subscription)
            self._node.destroy_timer(self._timer)
        elif threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> EmotionListener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, message: Emotion, info: Any) -> None:
        # What is latched may be hours old when it comes; the middleware tells, whatever clock the stamps are of.
        age_ns = info["received_timestamp"] - info["source_timestamp"] if info["source_timestamp"] else 0
        try:
            estimate = estimate_of(message)
        except _UNREADABLE:
            self._refused += 1
            return
        with self._news:
            events = self._people.take(estimate, self._now_ns(), age_ns, decide=self._decides)
            self._news.notify_all()
        self._tell(events)

    def _hear(self, message: EmotionEvent) -> None:
        try:
            event = event_of(message)
        except _UNREADABLE:
            self._refused += 1
            return
        with self._news:
            self._decides = False
            events = self._people.hear(event, self._now_ns())
            self._news.notify_all()
        self._tell(events)

    def _poll(self) -> None:
        topic = self._events_topic and self._node.resolve_topic_name(self._events_topic)
        found = self._node.get_publishers_info_by_topic(topic) if topic else []
        publishers = {bytes(publisher.endpoint_gid) for publisher in found}
        with self._news:
            self._decides = not publishers
            if publishers - self._publishers:  # a graph that was started again knows nobody
                self._told_since_ns = self._now_ns()
            self._publishers = publishers
            events = self._people.poll(self._now_ns(), None if self._decides else self._told_since_ns)
        self._tell(events)

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            if event.kind is Happening.UTTERANCE and self._on_utterance:
                self._on_utterance(event.person, event.after)
            elif event.kind is Happening.CHANGE and self._on_change and event.before is not None:
                self._on_change(event.person, event.before, event.after)
            elif event.kind is Happening.ARRIVAL and self._on_arrival:
                self._on_arrival(event.person)
            elif event.kind is Happening.LEAVING and self._on_leaving:
                self._on_leaving(event.person)

    def _check_thread(self) -> None:
        """Refuse to wait within a callback of the one thread that would bring what is waited for."""
        executor = self._node.executor
        if executor is None or isinstance(executor, MultiThreadedExecutor):
            return
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            if frame.f_locals.get("self") is executor:
                raise UsageError(
                    "wait_for in a callback of the executor that hears for this EmotionListener would wait for itself: "
                    "call it in another thread, or use on_change"
                )

    def _spin(self) -> None:
        try:
            while not self._closing.is_set():
                try:
                    self._executor.spin_once(timeout_sec=_NOTICE_S)
                except ExternalShutdownException:
                    return
                except Exception:  # a fault of a callback is told, and the others still come
                    self._node.get_logger().error(traceback.format_exc())
        finally:
            self._executor.shutdown()
            self._node.destroy_node()
            assert self._context is not None
            self._context.try_shutdown()
