"""What the fusion node tells of the moment: interim emotions on `emotion/live`, events on `emotion/events`."""

from __future__ import annotations

from mer_msgs.msg import Emotion, EmotionEvent

from mer_ros import stages
from mer_ros.emotion import EmotionEstimate
from mer_ros.fusion.events import Event, People
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.nodes import qos
from mer_ros.nodes.base import PipelineNode
from mer_ros.nodes.conversions.emotions import emotion_message
from mer_ros.nodes.conversions.events import KINDS, event_message


class Live:
    """Publishes interim emotions while somebody subscribes to them or to events, and events of these and final ones.

    counts: live_messages, events.
    """

    def __init__(self, node: PipelineNode) -> None:
        """Make the publishers of a node that is being built."""
        self.counts = {"live_messages": 0, "events": 0}
        self._interim_wanted = node.parameters["live"]
        self._people = People(stages.event_options(node.parameters))
        self._live = node.speak(Emotion, "emotion/live", qos.interim())
        self._events = node.speak(EmotionEvent, "emotion/events", qos.events())

    @property
    def listeners(self) -> int:
        """How many subscribe to interim emotions or to events."""
        return int(self._live.get_subscription_count() + self._events.get_subscription_count())

    def tick(self, fuser: EmotionFuser, now_ns: int, frame_id: str) -> None:
        """Publish what is due. Without a listener nothing is."""
        if self._interim_wanted and self.listeners:
            for interim in fuser.live(now_ns):
                self.counts["live_messages"] += 1
                self._live.publish(emotion_message(interim, frame_id))
                self.take(interim, now_ns, frame_id)
        self._tell(self._people.poll(now_ns), now_ns, frame_id)

    def take(self, estimate: EmotionEstimate, now_ns: int, frame_id: str) -> None:
        """Publish the events that an estimate brings."""
        self._tell(self._people.take(estimate, now_ns), now_ns, frame_id)

    def forget(self, person_id: str, now_ns: int, frame_id: str) -> None:
        """Forget a person, or everybody for an empty id: they have left."""
        self._tell(self._people.forget(person_id), now_ns, frame_id)

    def _tell(self, events: list[Event], now_ns: int, frame_id: str) -> None:
        for event in events:
            if event.kind in KINDS:
                self.counts["events"] += 1
                self._events.publish(event_message(event, now_ns, frame_id))
