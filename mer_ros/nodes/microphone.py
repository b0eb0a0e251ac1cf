"""Microphone node: audio of any known type in; utterances out, as they grow and when they are complete.

Subscribes `audio`; publishes `utterance`.
"""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any

from mer_msgs.msg import Utterance

from mer_ros import stages
from mer_ros.audio.listener import SpeechListener
from mer_ros.errors import MissingDependencyError
from mer_ros.messages.audio import SoundFormat, chunk_of
from mer_ros.nodes import qos
from mer_ros.nodes.base import PipelineNode, spin
from mer_ros.nodes.conversions.audio import utterance_message
from mer_ros.nodes.health import WARN, Condition
from mer_ros.settings.tables import MICROPHONE
from mer_ros.utterance import Utterance as Speech

_SILENT_S = 2.0  # without a chunk for so long, the driver is probably gone


class MicrophoneNode(PipelineNode):
    """The speech listener as a node."""

    table = MICROPHONE

    def __init__(self) -> None:
        super().__init__("microphone")
        self._listener: SpeechListener | None = None
        self._frame_id = ""
        self._heard_s = 0.0  # steady time, so that a simulation that stands still is seen
        self._refused = 0

    def build(self) -> None:
        """Make the listener."""
        p = self.parameters
        self._type = message_type(p["audio_type"])
        self._format = SoundFormat(p["sample_rate"], p["channels"], p["sample_format"])
        self._listener = stages.listener(p)
        self._utterance = self.speak(Utterance, "utterance", qos.events())

    def start(self) -> None:
        """Subscribe."""
        self._heard_s = time.monotonic()
        self.listen(self._type, "audio", self._on_audio, qos.audio())

    def stop(self) -> None:
        """End an open utterance."""
        self._publish(self._ear.flush())

    def drop(self) -> None:
        """Forget all sound."""
        self._listener = None

    def condition(self) -> Condition:
        """Tell counts, and whether sound arrives and can be used."""
        counts = self._ear.counts
        refused, self._refused = self.health.counts["refused"] - self._refused, self.health.counts["refused"]
        if refused:
            return Condition(WARN, f"{refused} audio chunks were refused lately: see the log for why", counts)
        silent_s = time.monotonic() - self._heard_s
        if silent_s > _SILENT_S:
            return Condition(WARN, f"no audio for {silent_s:.0f} s: is the driver running?", counts)
        return Condition(values=counts)

    @property
    def _ear(self) -> SpeechListener:
        assert self._listener is not None  # only used between build and drop
        return self._listener

    def _on_audio(self, message: Any) -> None:
        self._frame_id = message.header.frame_id if hasattr(message, "header") else ""
        utterances = self._ear.push(chunk_of(message, self.now_ns(), self._format))
        self._heard_s = time.monotonic()
        self._publish(utterances)

    def _publish(self, utterances: list[Speech]) -> None:
        for utterance in utterances:
            self._utterance.publish(utterance_message(utterance, self._frame_id))


def message_type(name: str) -> Any:
    """Return the class of a message type such as mer_msgs/msg/AudioChunk; raises MissingDependencyError."""
    package, _, kind = name.replace("/msg/", "/").partition("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), kind)
    except (ImportError, AttributeError, ValueError) as error:
        raise MissingDependencyError(
            f"audio_type is '{name}', which cannot be imported; install its package, or correct the name"
        ) from error


def main() -> int:
    """Run the node; return the exit code of its process."""
    return spin(MicrophoneNode)


if __name__ == "__main__":
    sys.exit(main())
