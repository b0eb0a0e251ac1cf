"""Speaks the first sentence of the sample dialogue into a graph, faster than life: only stamps count."""

from __future__ import annotations

import time
from functools import cache

from mer_msgs.msg import AudioChunk as AudioChunkMsg
from rclpy.node import Node
from sensor_msgs.msg import Image

from mer_ros.nodes import qos
from mer_ros.nodes.conversions.audio import chunk_message
from mer_ros.nodes.conversions.vision import image_message
from mer_ros.replay.sample import SampleDialogue
from mer_ros.utterance import AudioChunk, Frame

SENTENCE_NS = 6_000_000_000  # with the silence that ends it
SPEED = 2.0  # a second's lag of a busy machine is still within the queue of `audio`


@cache
def sentence() -> tuple[AudioChunk | Frame, ...]:
    """Return its sound and frames, from time 0."""
    events = []
    for event in SampleDialogue().events(0):
        if event.stamp_ns > SENTENCE_NS:
            break
        events.append(event)
    return tuple(events)


class Mouth:
    """Publishes `image_raw` and `audio` from an existing node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.images = node.create_publisher(Image, "image_raw", qos.images("reliable"))
        self.sound = node.create_publisher(AudioChunkMsg, "audio", qos.audio())

    def wait_for_listeners(self, timeout_s: float = 60.0) -> bool:
        """Wait until both topics have a subscriber."""
        until = time.monotonic() + timeout_s
        while not (self.images.get_subscription_count() and self.sound.get_subscription_count()):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    def say(self, start_ns: int | None = None) -> int:
        """Speak the sentence with stamps from `start_ns` (now, when None); return the time of its end."""
        start_ns = self.node.get_clock().now().nanoseconds if start_ns is None else start_ns
        begun = time.monotonic()
        for event in sentence():
            time.sleep(max(0.0, event.stamp_ns / 1e9 / SPEED - (time.monotonic() - begun)))
            stamp_ns = start_ns + event.stamp_ns
            if isinstance(event, Frame):
                self.images.publish(image_message(event.image, stamp_ns))
            else:
                self.sound.publish(chunk_message(AudioChunk(stamp_ns, event.samples, event.sample_rate)))
        return start_ns + SENTENCE_NS
