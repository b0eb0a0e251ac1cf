"""An ear in a process of its own: tells emotions and diagnostics that it hears as lines of JSON."""

from __future__ import annotations

import json
import time
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from mer_msgs.msg import Emotion

from mer_ros.nodes import qos
from mer_ros.nodes.conversions.stamps import to_ns


def tell(topic: str, **values: Any) -> None:
    """Write a line; `at` is the machine's steady time in seconds."""
    print(json.dumps({"topic": topic, "at": time.monotonic(), **values}), flush=True)


def on_emotion(message: Emotion) -> None:
    """Tell which utterance it is of, and which senses are missing."""
    tell(
        "emotion",
        id=message.utterance_id,
        start_ns=to_ns(message.start),
        end_ns=to_ns(message.end),
        stamp_ns=to_ns(message.header.stamp),
        turn=message.turn,
        missing={m.modality: m.reason for m in message.modalities if not m.available},
        latency={stage.stage: stage.milliseconds for stage in message.latency},
        transcript=message.transcript,
    )


def on_diagnostics(message: DiagnosticArray) -> None:
    """Tell how each node is."""
    for status in message.status:
        values = {item.key: item.value for item in status.values}
        tell("diagnostics", node=status.name, message=status.message, level=status.level[0], values=values)


def main() -> None:
    """Listen until this process is ended."""
    rclpy.init()
    node = rclpy.create_node("far_ear")
    node.create_subscription(Emotion, "emotion", on_emotion, qos.emotions())
    node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 50)
    rclpy.spin(node)


if __name__ == "__main__":
    main()
