"""What a bag tells beside pictures and sound, told again while it is played."""

from __future__ import annotations

from typing import Any

from std_msgs.msg import Bool

from mer_ros.nodes import qos
from mer_ros.nodes.conversions.words import words_message
from mer_ros.nodes.driver import RECORDERS, DriverNode
from mer_ros.nodes.message_types import found_type
from mer_ros.replay.cues import Cue

WORDS, ROBOT_SPEAKING = "words", "robot_speaking"


class PlayedCues:
    """Publishes when the robot itself spoke, and words in the type in which somebody listens to them.

    A process has one type for a topic; where listeners differ, that of the first is taken.
    """

    def __init__(self, node: DriverNode) -> None:
        self._node = node
        self._speaking = node.publisher(Bool, ROBOT_SPEAKING, qos.events())
        self._words: Any = None
        self._kind: Any = None

    def find_listeners(self) -> bool:
        """Look for who listens to words; return whether somebody does."""
        for info in self._node.get_subscriptions_info_by_topic(WORDS):
            kind = found_type(info.topic_type)
            if kind is not None and self._words is None and info.node_name not in RECORDERS:
                self._words, self._kind = self._node.publisher(kind, WORDS, qos.events()), kind
        return self._words is not None

    def tell(self, cue: Cue) -> None:
        """Publish a cue, whose time has come."""
        if isinstance(cue.told, bool):
            self._speaking.publish(Bool(data=cue.told))
            self._node.health.counts[ROBOT_SPEAKING] += 1
            return
        message = words_message(cue.told, self._kind)
        self._node.health.counts[WORDS if message else "words_left_out"] += 1
        if message:
            self._words.publish(message)
