"""Humans node: what the graph knows of people as ROS4HRI (REP-155) has it, below `/humans`.

Subscribes `utterance`, `transcript`, `visual_window`, `emotion`, `emotion/live`, `people/forgotten`; publishes the
lists of ids that are tracked, and for each id topics of its own, which end when it leaves. Where another node tracks
the faces, it listens to `/humans/faces` instead, and tells what they express under the ids that they have there.
Needs hri_msgs.
"""

from __future__ import annotations

import sys
from typing import Any

from mer_msgs.msg import Emotion, Transcript, Utterance, VisualWindow
from std_msgs.msg import Empty, String

from mer_ros import stages
from mer_ros.errors import MissingDependencyError
from mer_ros.messages.humans import TYPES, human_message
from mer_ros.nodes import qos
from mer_ros.nodes.base import PipelineNode
from mer_ros.nodes.conversions.audio import utterance_of
from mer_ros.nodes.conversions.emotions import estimate_of
from mer_ros.nodes.conversions.vision import window_of
from mer_ros.nodes.conversions.words import transcript_of
from mer_ros.nodes.health import Condition
from mer_ros.nodes.message_types import found_type
from mer_ros.nodes.process import spin
from mer_ros.nodes.told import FaceListener
from mer_ros.settings.tables import HUMANS
from mer_ros.standards.facts import Anonymous, Belongs, Fact, Group, Listed, Match, Region, owner_of, topic_of
from mer_ros.standards.humans import Humans, is_anonymous
from mer_ros.standards.options import HumansOptions
from mer_ros.vision.told_faces import ToldFaces

_POLL_S = 0.5
_STAY: tuple[Fact, ...] = (
    *(Listed(group, (), 0) for group in Group),
    Listed(Group.PERSON, (), 0, known=True),
    Match("", Group.FACE, "", 0),
)


class HumansNode(PipelineNode):
    """The logic of `/humans` as a node."""

    table = HUMANS

    def __init__(self) -> None:
        super().__init__("humans")
        self._humans: Humans | None = None
        self._types: dict[type, Any] = {}
        self._channels: dict[str, Any] = {}  # publishers by topic
        self._owners: dict[str, tuple[Group, str]] = {}  # of those that end
        self._frame_id = ""
        self._told: ToldFaces | None = None
        self._others: FaceListener | None = None

    def build(self) -> None:
        """Look up the types, and make the publishers that stay."""
        p = self.parameters
        self._root, self._tells_persons = p["root"], p["persons"]
        self._types = {fact: next(filter(None, map(found_type, names)), None) for fact, names in TYPES.items()}
        if self._types[Listed] is None:
            raise MissingDependencyError(
                "the package hri_msgs is not installed, and without it nothing can be said on /humans: install "
                "ros-$ROS_DISTRO-hri-msgs, or start the graph without humans"
            )
        for fact, kind in self._types.items():
            if kind is None:
                self.get_logger().warning(f"{' or '.join(TYPES[fact])} is not installed: its topics are left out")
        self._humans = Humans(HumansOptions(**p.group("humans")))
        self._told = stages.told_faces(p)
        self._others = FaceListener(self, self._told, self._root) if self._told else None
        for stays in filter(self._is_wanted, _STAY):
            topic = topic_of(stays)
            self._channels[topic] = self.speak(self._types[type(stays)], f"{p['root']}/{topic}", qos.humans())

    def start(self) -> None:
        """Subscribe."""
        self.listen(Utterance, "utterance", self._on_utterance, qos.events())
        self.listen(Transcript, "transcript", self._on_transcript, qos.events())
        self.listen(VisualWindow, "visual_window", self._on_window, qos.events())
        self.listen(Emotion, "emotion", self._on_emotion, qos.emotions())
        self.listen(Emotion, "emotion/live", self._on_emotion, qos.interim())
        self.listen(String, "people/forgotten", self._on_forgotten, qos.events())
        self.listen(Empty, "people/renumbered", self._on_renumbered, qos.events())
        self.tick(_POLL_S, self._on_tick)
        if self._others:
            self._others.start()

    def stop(self) -> None:
        """Say that nobody is tracked any more."""
        if self._others:
            self._others.rest()
        self._humans = Humans(self._people.options)
        self._say([Listed(group, (), self.now_ns()) for group in Group])

    def drop(self) -> None:
        """Forget all."""
        self._humans = None
        for topic in list(self._owners):
            self._end(topic)
        self._channels = {}

    def condition(self) -> Condition:
        """Tell counts, and how many are tracked."""
        tracked = {f"{group.value}_tracked": len(self._people.tracked(group)) for group in Group}
        return Condition(values={**self._people.counts, **tracked, "topics": len(self._channels)})

    @property
    def _people(self) -> Humans:
        assert self._humans is not None  # only used between build and drop
        return self._humans

    def _on_utterance(self, message: Utterance) -> None:
        self._say(self._people.utterance(utterance_of(message), self.now_ns()))

    def _on_transcript(self, message: Transcript) -> None:
        self._say(self._people.transcript(transcript_of(message), self.now_ns()))

    def _on_window(self, message: VisualWindow) -> None:
        self._frame_id = message.header.frame_id
        window, face = window_of(message), None
        if self._told and window.samples:
            seen = window.samples[-1]
            face = self._told.name_of(seen.box, seen.stamp_ns, (window.image_width, window.image_height))
        self._say(self._people.window(window, self.now_ns(), face))

    def _on_emotion(self, message: Emotion) -> None:
        self._say(self._people.emotion(estimate_of(message), self.now_ns()))

    def _on_forgotten(self, message: String) -> None:
        self._say(self._people.forget(message.data, self.now_ns()))

    def _on_renumbered(self, _: Empty) -> None:
        self._say(self._people.forget("", self.now_ns()))

    def _on_tick(self) -> None:
        self._say(self._people.poll(self.now_ns()))

    def _is_wanted(self, fact: Fact) -> bool:
        if self._told and (isinstance(fact, Region) or (isinstance(fact, Listed) and fact.group is Group.FACE)):
            return False  # another node tells that
        if not self._tells_persons and (
            topic_of(fact).startswith(Group.PERSON.value) or (isinstance(fact, Match) and is_anonymous(fact.person))
        ):
            return False  # a person manager does, and finds names itself for those whom nobody knows
        return self._types[type(fact)] is not None

    def _say(self, facts: list[Fact]) -> None:
        for fact in filter(self._is_wanted, facts):
            topic, kind = topic_of(fact), self._types[type(fact)]
            if topic not in self._channels:
                profile = qos.latched() if isinstance(fact, (Belongs, Anonymous)) else qos.humans()
                self._channels[topic] = self.create_publisher(kind, f"{self._root}/{topic}", profile)
                if owner := owner_of(fact):
                    self._owners[topic] = owner
            self._channels[topic].publish(human_message(fact, kind, self._frame_id))
        for topic in [
            topic for topic, (group, name) in self._owners.items() if name not in self._people.tracked(group)
        ]:
            self._end(topic)

    def _end(self, topic: str) -> None:
        self.destroy_publisher(self._channels.pop(topic))
        del self._owners[topic]


def main() -> int:
    """Run the node; return the exit code of its process."""
    return spin(HumansNode)


if __name__ == "__main__":
    sys.exit(main())
