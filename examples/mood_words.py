"""Chooses its words by how a person's mood shifts: python examples/mood_words.py

The listener is part of this behaviour's own node; say() is where your speech goes.
"""

from contextlib import suppress

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from mer_ros.client import EmotionListener
from mer_ros.emotion import EmotionEstimate

LOW = {"anger", "disgust", "fear", "sadness"}
COMFORT = {
    "anger": "I see that this annoys you. Shall we try it another way?",
    "disgust": "That was not to your liking. I will remember it.",
    "fear": "There is no hurry. I keep my distance.",
    "sadness": "I am sorry. Do you want to talk about it?",
}


class Companion(Node):
    """Greets, comforts, is glad, says goodbye."""

    def __init__(self) -> None:
        super().__init__("companion")
        self.listener = EmotionListener(
            self,
            on_arrival=lambda person: self.say(f"Hello, {person}."),
            on_change=self.on_change,
            on_leaving=lambda person: self.say(f"Goodbye, {person}."),
        )

    def on_change(self, person: str, before: EmotionEstimate, after: EmotionEstimate) -> None:
        """Answer a shift, not a mood that lasts."""
        if after.emotion in LOW:
            self.say(COMFORT[after.emotion])
        elif before.emotion in LOW:
            self.say(f"Good to see you better, {person}.")

    def say(self, words: str) -> None:
        """Speak."""
        print(words, flush=True)


rclpy.init()
with suppress(KeyboardInterrupt, ExternalShutdownException):
    rclpy.spin(Companion())
