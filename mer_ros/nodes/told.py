"""Listens to the faces that another node tracks as REP-155 has it: `/humans/faces/tracked`, and each one's topics."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from mer_ros.errors import MissingDependencyError
from mer_ros.messages.faces import landmarks_of, told_face
from mer_ros.messages.stamps import stamp_of
from mer_ros.nodes import qos
from mer_ros.nodes.base import PipelineNode
from mer_ros.nodes.message_types import found_type
from mer_ros.vision.told_faces import ToldFaces

_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)  # what may be part of a topic's name
_REGIONS = ("hri_msgs/msg/NormalizedRegionOfInterest2D", "sensor_msgs/msg/RegionOfInterest")


class FaceListener:
    """Tells `ToldFaces` what comes, while `node` is active; each face has subscriptions as long as it is tracked.

    counts: told_ids_refused (no part of a topic's name).
    """

    def __init__(self, node: PipelineNode, told: ToldFaces, root: str = "/humans") -> None:
        """Raises MissingDependencyError where hri_msgs is not installed."""
        self.counts: Counter[str] = Counter()
        self._node = node
        self._told = told
        self._root = root
        self._ids = found_type("hri_msgs/msg/IdsList")
        self._region = next(filter(None, map(found_type, _REGIONS)), None)
        self._landmarks = found_type("hri_msgs/msg/FacialLandmarks")
        if self._ids is None:
            raise MissingDependencyError(
                "faces_from is 'humans', but the package hri_msgs is not installed: install ros-$ROS_DISTRO-hri-msgs, "
                "or let the detector find them"
            )
        self._listening: dict[str, list[Any]] = {}

    def start(self) -> None:
        """Subscribe."""
        self._node.listen(self._ids, f"{self._root}/faces/tracked", self._on_tracked, qos.told())

    def rest(self) -> None:
        """Listen no more."""
        self._follow(())

    def _on_tracked(self, message: Any) -> None:
        names = [name for name in message.ids if _ID.fullmatch(name)]
        self.counts["told_ids_refused"] += len(message.ids) - len(names)
        self._follow(names)

    def _follow(self, names: Any) -> None:
        self._told.track(names)
        for gone in self._listening.keys() - set(self._told.names):
            for subscription in self._listening.pop(gone):
                self._node.destroy_subscription(subscription)
        for name in self._told.names:
            if name not in self._listening:
                self._listening[name] = [*self._subscribed(name)]

    def _subscribed(self, name: str) -> Any:
        def placed(message: Any) -> None:
            self._told.tell(name, told_face(message, self._node.now_ns()))

        def marked(message: Any) -> None:
            points = landmarks_of(message)
            if points is not None:
                self._told.mark(name, stamp_of(message), points)

        for kind, part, take in ((self._region, "roi", placed), (self._landmarks, "landmarks", marked)):
            if kind is not None:
                topic = f"{self._root}/faces/{name}/{part}"
                yield self._node.create_subscription(kind, topic, self._node.guarded(take), qos.told())
