"""Microphone node: audio of any known type in; utterances out, as they grow and when they are complete.

Subscribes `audio`; publishes `utterance`.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import Any

from mer_msgs.msg import Utterance

from mer_ros.audio.listener import ListenerOptions, SpeechListener
from mer_ros.audio.segmenter_options import SegmenterOptions
from mer_ros.audio.stream import StreamOptions
from mer_ros.audio.vad import VAD_NAMES
from mer_ros.errors import MissingDependencyError
from mer_ros.nodes import qos
from mer_ros.nodes.base import PipelineNode, spin
from mer_ros.nodes.conversions.audio import chunk_of, utterance_message
from mer_ros.nodes.health import WARN, Condition
from mer_ros.nodes.parameters import Parameter, table_of
from mer_ros.utterance import Utterance as Speech

_SILENT_S = 2.0  # without a chunk for so long, the driver is probably gone

_STREAM = {
    "jitter_ms": ("stamps this far or less from where counting samples says are trusted to be jitter", 1.0, 1000.0),
    "fill_ms": ("longer gaps up to this are filled with silence; beyond, the utterance ends", 1.0, 10000.0),
    "drift_time_s": ("time constant with which the clock follows the stamps", 0.1, 3600.0),
    "longest_chunk_s": ("a longer chunk is refused", 0.1, 600.0),
}
_SEGMENTER = {
    "speech_probability": ("a frame with this probability begins speech", 0.01, 1.0),
    "keep_probability": ("once somebody speaks, a frame with this probability still is speech", 0.01, 1.0),
    "onset_window_ms": (
        "an utterance begins when onset_speech_ms of the last onset_window_ms are speech",
        10.0,
        2000.0,
    ),
    "onset_speech_ms": ("see onset_window_ms", 10.0, 2000.0),
    "pre_roll_ms": ("an utterance begins this much before its first speech", 0.0, 2000.0),
    "hang_over_ms": ("an utterance ends when nobody has spoken for so long", 100.0, 5000.0),
    "hang_over_share": ("share of the hang-over that may be speech all the same", 0.0, 0.49),
    "tail_ms": ("an utterance ends this much after its last speech", 0.0, 2000.0),
    "shortest_ms": ("with less speech than this it is dropped", 0.0, 5000.0),
    "longest_ms": ("it is cut here at the latest, at a quiet moment", 1000.0, 60000.0),
    "cut_search_ms": ("how far back such a quiet moment is looked for", 200.0, 30000.0),
    "update_ms": ("how often a growing utterance is published", 20.0, 10000.0),
}


class MicrophoneNode(PipelineNode):
    """The speech listener as a node."""

    table = (
        Parameter(
            "audio_type",
            "mer_msgs/msg/AudioChunk",
            "type of the audio topic, for instance audio_common_msgs/msg/AudioData, AudioDataStamped or AudioStamped",
        ),
        Parameter("sample_rate", 16000, "Hz, of audio messages that do not say", 8000, 192000),
        Parameter("channels", 1, "of audio messages that do not say", 1, 64),
        Parameter("vad", ListenerOptions().vad, "voice activity detector", choices=VAD_NAMES),
        Parameter("webrtc_aggressiveness", 2, "of the WebRTC detector: 3 takes least for speech", 0, 3),
        Parameter("silero_file", "", "Silero's ONNX file; empty: the one in the silero_vad package"),
        *table_of("stream", StreamOptions(), _STREAM),
        *table_of("segmenter", SegmenterOptions(), _SEGMENTER),
    )

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
        self._rate, self._channels = p["sample_rate"], p["channels"]
        self._listener = SpeechListener(
            ListenerOptions(
                vad=p["vad"],
                webrtc_aggressiveness=p["webrtc_aggressiveness"],
                silero_file=Path(p["silero_file"]) if p["silero_file"] else None,
                stream=StreamOptions(**p.group("stream")),
                segmenter=SegmenterOptions(**p.group("segmenter")),
            )
        )
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
        utterances = self._ear.push(chunk_of(message, self.now_ns(), self._rate, self._channels))
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
