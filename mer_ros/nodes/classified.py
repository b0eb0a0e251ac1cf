"""Emotions as vision_msgs/Classification beside /emotion, where that package is installed."""

from __future__ import annotations

from mer_ros.emotion import EmotionEstimate
from mer_ros.messages.classification import CLASSIFICATION, HYPOTHESIS, classification_message
from mer_ros.nodes import qos
from mer_ros.nodes.base import PipelineNode
from mer_ros.nodes.message_types import found_type

TOPIC = "emotion/classification"


class Classified:
    """Publishes each emotion a second time. Without vision_msgs it says so once, and then nothing.

    condition: for the diagnostics: `published`, or why not.
    """

    def __init__(self, node: PipelineNode) -> None:
        self._kind, self._hypothesis = found_type(CLASSIFICATION), found_type(HYPOTHESIS)
        self._publisher = None
        if self._kind is None or self._hypothesis is None:
            self.condition = "vision_msgs is not installed"
            node.get_logger().warning(f"{TOPIC} is left out: {self.condition}; install ros-$ROS_DISTRO-vision-msgs")
        else:
            self.condition = "published"
            self._publisher = node.speak(self._kind, TOPIC, qos.emotions())

    @property
    def listeners(self) -> int:
        """How many subscribe to it."""
        return int(self._publisher.get_subscription_count()) if self._publisher is not None else 0

    def publish(self, estimate: EmotionEstimate, frame_id: str) -> None:
        """Publish an estimate."""
        if self._publisher is not None:
            self._publisher.publish(classification_message(estimate, self._kind, self._hypothesis, frame_id))
