"""Emotions as a bag: what the fusion node would have published on /emotion, in the recording's own time."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from types import SimpleNamespace, TracebackType

from mer_ros.emotion import EmotionEstimate
from mer_ros.replay.bag_metadata import qos_profile
from mer_ros.replay.bag_writer import BagWriter
from mer_ros.replay.emotion_message import MessageTypes, emotion_message
from mer_ros.replay.messages import typestore

TOPIC, TYPE = "/emotion", "mer_msgs/msg/Emotion"
_MADE_OF = (
    *(f"mer_msgs/msg/{name}" for name in ("Emotion", "ModalityEstimate", "DialogueTurn", "StageLatency")),
    "std_msgs/msg/Header",
    "builtin_interfaces/msg/Time",
)
_QOS = qos_profile(8, durability="transient_local")  # as the fusion node publishes it


class EmotionBag:
    """A bag (one MCAP file) of `/emotion`; use it as a context, which finishes the file however it is left.

    The same estimates give the same bytes. Their latencies are left out, as they differ from run to run. An existing
    file is written anew. OSError where it cannot be written; what was written before stays readable.
    """

    def __init__(self, path: Path) -> None:
        self._types = typestore()
        self._writer = BagWriter(path)
        definition, _ = self._types.generate_msgdef(TYPE, ros_version=2)
        digest = self._types.hash_rihs01(TYPE)
        self._topic = self._writer.add_topic(TOPIC, TYPE, definition, digest=digest, qos=[_QOS])

    def __enter__(self) -> EmotionBag:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, estimate: EmotionEstimate, frame_id: str = "") -> None:
        """Add a final estimate at the end of its utterance: it cannot be known earlier, and no machine is faster.

        (A live graph publishes it later, by the silence that ends the utterance and by what the models take.)
        """
        message = emotion_message(dataclasses.replace(estimate, latency_ms={}), message_types(), frame_id)
        self._writer.write(self._topic, max(0, estimate.end_ns), self._types.serialize_cdr(message, TYPE))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


@cache
def message_types() -> MessageTypes:
    """The classes of rosbags that an emotion message is made of."""
    types = typestore().types
    return SimpleNamespace(**{name.rpartition("/")[2]: types[name] for name in _MADE_OF})
