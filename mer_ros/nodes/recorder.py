"""Records topics as they appear, undecoded, with the quality of service that their publishers offer."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import NameValidationException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, HistoryPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription

from mer_ros.errors import OptionError
from mer_ros.replay.bag_metadata import qos_profile
from mer_ros.replay.bag_recorder import BagRecorder
from mer_ros.replay.definitions import find_definition

LOOK_S = 0.2  # how often new topics are looked for
_NOTICE_S = 0.1  # how soon an end is noticed while nothing comes in
_QUIET_S, _PATIENCE_S = 0.2, 3.0  # what is under way at the end is waited for until nothing came for so long
_IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_DEPTH, _DEPTH_IMAGES = 512, 64  # some seconds in which this process gets no time


@dataclass
class _Ear:
    """A topic that is listened to."""

    subscription: Subscription
    reliability: ReliabilityPolicy
    durability: DurabilityPolicy


class RecorderNode(Node):
    """Listens to topics and hands what comes to a `BagRecorder`.

    wanted: names of topics, relative to the namespace or absolute; None: all but hidden ones.
    say: takes a sentence for the user.
    """

    def __init__(
        self,
        recorder: BagRecorder,
        wanted: Sequence[str] | None,
        say: Callable[[str], None],
        *,
        namespace: str = "",
        use_sim_time: bool = False,
    ) -> None:
        super().__init__(
            "mer_recorder",
            namespace=namespace,
            enable_rosout=False,
            start_parameter_services=False,
            parameter_overrides=[Parameter("use_sim_time", value=use_sim_time)],
        )
        self._recorder = recorder
        self._wanted = None if wanted is None else {self.resolve_topic_name(name) for name in wanted}
        self._say = say
        self._ears: dict[str, _Ear] = {}
        self._refused: set[tuple[str, str]] = set()
        self._last_ns = 0
        self.heard = 0
        self.look()
        self._looker = self.create_timer(LOOK_S, self.look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def look(self) -> None:
        """Listen to what is wanted and has a publisher; listen again where the publishers now offer less."""
        for topic, types in self.get_topic_names_and_types():
            if "/_" in topic if self._wanted is None else topic not in self._wanted:
                continue
            publishers = self.get_publishers_info_by_topic(topic)
            known = self._ears.get(topic)
            if not publishers:
                continue
            profile = _profile(publishers, _DEPTH_IMAGES if types[0] in _IMAGES else _DEPTH)
            if known is None:
                self._begin(topic, types, publishers, profile)
            elif _is_weaker(profile, known):
                self._listen(topic, known.subscription.msg_type, profile)

    def unheard(self) -> list[str]:
        """The wanted topics that nobody publishes."""
        return sorted((self._wanted or set()) - set(self._ears))

    def _begin(self, topic: str, types: list[str], publishers: list[Any], profile: QoSProfile) -> None:
        name = types[0]
        if (topic, name) in self._refused:
            return
        kind, definition = _class_of(name), find_definition(name)
        if kind is None or definition is None:
            self._refused.add((topic, name))
            self._say(f"{topic} is left out: its type {name} is not installed here")
            return
        if len(types) > 1:
            self._say(f"{topic} has several types, of which {name} is recorded: {', '.join(types)}")
        digest = str(getattr(publishers[0], "topic_type_hash", "") or "")
        qos = [_told(publisher.qos_profile) for publisher in publishers]
        self._recorder.add_topic(topic, name, definition, digest=digest, qos=qos)
        self._listen(topic, kind, profile)
        self._say(f"recording {topic} ({name})")

    def _listen(self, topic: str, kind: Any, profile: QoSProfile) -> None:
        def take(data: Any, info: Any) -> None:
            self.heard += 1
            # Messages of a queue are taken one after another: never before the one that was taken before it.
            self._last_ns = max(self._last_ns, self.get_clock().now().nanoseconds)
            self._recorder.put(topic, self._last_ns, data, sent_ns=int(info["source_timestamp"]))

        if topic in self._ears:
            self.destroy_subscription(self._ears.pop(topic).subscription)
        listening: Any = self.create_subscription  # its annotation knows no callback that takes the message's times
        subscription = listening(kind, topic, take, profile, raw=True)
        self._ears[topic] = _Ear(subscription, profile.reliability, profile.durability)


def record(
    recorder: BagRecorder,
    wanted: Sequence[str] | None,
    ended: Callable[[], bool],
    say: Callable[[str], None],
    *,
    namespace: str = "",
    use_sim_time: bool = False,
) -> list[str]:
    """Record until `ended()`, or until nothing can be written; return the topics that nobody published.

    Raises OptionError for a name that no topic or namespace can have.
    """
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = RecorderNode(recorder, wanted, say, namespace=namespace, use_sim_time=use_sim_time)
    except NameValidationException as error:
        rclpy.try_shutdown()
        raise OptionError(f"no topic or namespace can be named so: {' '.join(str(error).split()[:-1])}") from error
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not (ended() or recorder.error):
            executor.spin_once(timeout_sec=_NOTICE_S)
        until = time.monotonic() + _PATIENCE_S
        quiet = time.monotonic()
        while not recorder.error and time.monotonic() < min(until, quiet + _QUIET_S):
            heard = node.heard
            executor.spin_once(timeout_sec=_QUIET_S / 4)
            if node.heard != heard:
                quiet = time.monotonic()
        return node.unheard()
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()


def _profile(publishers: list[Any], depth: int) -> QoSProfile:
    """The strongest profile that all publishers can serve."""
    reliable = all(p.qos_profile.reliability == ReliabilityPolicy.RELIABLE for p in publishers)
    lasting = all(p.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in publishers)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if lasting else DurabilityPolicy.VOLATILE,
    )


def _is_weaker(profile: QoSProfile, ear: _Ear) -> bool:
    return (
        profile.reliability == ReliabilityPolicy.BEST_EFFORT != ear.reliability
        or profile.durability == DurabilityPolicy.VOLATILE != ear.durability
    )


def _told(profile: QoSProfile) -> dict[str, Any]:
    """A publisher's profile as bags carry it; what discovery does not tell is as most have it."""
    told = qos_profile(
        profile.depth or 10,
        reliability=profile.reliability.name.lower(),
        durability=profile.durability.name.lower(),
        history="keep_all" if profile.history == HistoryPolicy.KEEP_ALL else "keep_last",
    )
    if profile.liveliness == LivelinessPolicy.MANUAL_BY_TOPIC:
        told["liveliness"] = "manual_by_topic"
    return told


def _class_of(type_name: str) -> Any:
    """The Python class of a type; None where it is not installed."""
    package, _, name = type_name.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name, None)
    except ImportError:
        return None
