"""Microphone node: audio of any known type in; utterances out, as they grow and when they are complete.

Subscribes `audio` and `robot_speaking`, during which sound is no utterance; publishes `utterance`.
Service `~/mute` (std_srvs/SetBool).
"""

from __future__ import annotations

import math
import sys
import time
from typing import Any

from mer_msgs.msg import Utterance
from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from mer_ros import stages
from mer_ros.audio.gate import Gate, GatedListener, GateOptions
from mer_ros.messages.audio import SoundFormat, chunk_of
from mer_ros.nodes import qos
from mer_ros.nodes.base import PipelineNode
from mer_ros.nodes.conversions.audio import utterance_message
from mer_ros.nodes.health import WARN, Condition
from mer_ros.nodes.message_types import message_type
from mer_ros.nodes.process import spin
from mer_ros.nodes.sensor_watch import SensorWatch
from mer_ros.settings.tables import MICROPHONE
from mer_ros.utterance import Utterance as Speech

_GATE_S = 0.5  # how late it may be told that the robot's voice never ended


class MicrophoneNode(PipelineNode):
    """The speech listener as a node."""

    table = MICROPHONE

    def __init__(self) -> None:
        super().__init__("microphone")
        self._listener: GatedListener | None = None
        self._is_muted = False
        self._muting = Gate()
        self._frame_id = ""
        self._watch = SensorWatch("audio", "audio chunks")
        self._refused = 0
        self.create_service(SetBool, "~/mute", self._on_mute)

    def build(self) -> None:
        """Make the listener."""
        p = self.parameters
        self._type = message_type(p["audio_type"], "audio_type")
        self._format = SoundFormat(p["sample_rate"], p["channels"], p["sample_format"])
        self._own_voice = stages.gate(p)
        self._muting = Gate(GateOptions(hold_off_ms=0.0, longest_s=math.inf))
        if self._is_muted:  # it stays so, whatever becomes of the listener
            self._muting.close(0)
        self._listener = GatedListener(stages.listener(p), {"robot_speaking": self._own_voice, "mute": self._muting})
        self._utterance = self.speak(Utterance, "utterance", qos.events())

    def start(self) -> None:
        """Subscribe."""
        self._watch.begin(time.monotonic())
        self.listen(self._type, "audio", self._on_audio, qos.audio())
        self.listen(Bool, "robot_speaking", self._on_robot_speaking, qos.events())
        self.tick(_GATE_S, self._check_gate)

    def stop(self) -> None:
        """End an open utterance."""
        self._publish(self._ear.flush())

    def drop(self) -> None:
        """Forget all sound."""
        self._listener = None

    def condition(self) -> Condition:
        """Tell counts, and whether sound arrives and can be used."""
        counts = {**self._ear.counts, **self._watch.counts}
        counts |= {"muted": self._is_muted, "robot_speaking": self._own_voice.is_closed}
        complaint = self._watch.complaint(time.monotonic(), frozen=self._ear.is_frozen)
        if news := self._watch.news(complaint):
            self.get_logger().warning(news)
        refused, self._refused = self.health.counts["refused"] - self._refused, self.health.counts["refused"]
        if refused:
            return Condition(WARN, f"{refused} audio chunks were refused lately: see the log for why", counts)
        if complaint:
            return Condition(WARN, complaint, counts)
        return Condition(values=counts)

    @property
    def _ear(self) -> GatedListener:
        assert self._listener is not None  # only used between build and drop
        return self._listener

    def _on_audio(self, message: Any) -> None:
        self._frame_id = message.header.frame_id if hasattr(message, "header") else ""
        self._check_gate()
        chunk = chunk_of(message, self.now_ns(), self._format)
        self._publish(self._ear.push(chunk))
        if jump := self._watch.take(chunk.stamp_ns, time.monotonic(), self.now_ns()):
            self.get_logger().warning(jump)

    def _on_robot_speaking(self, message: Bool) -> None:
        tell = self._own_voice.close if message.data else self._own_voice.open
        tell(self.now_ns())

    def _check_gate(self) -> None:
        if self._own_voice.poll(self.now_ns()):
            self.get_logger().warning(
                f"robot_speaking told nothing for {self._own_voice.options.longest_s:g} s since it was true: "
                "sound is heard again; publish false when the robot has spoken"
            )

    def _on_mute(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if request.data != self._is_muted:
            tell = self._muting.close if request.data else self._muting.open
            tell(self.now_ns())
        self._is_muted = request.data
        response.success, response.message = True, "muted" if request.data else "not muted"
        return response

    def _publish(self, utterances: list[Speech]) -> None:
        for utterance in utterances:
            self._utterance.publish(utterance_message(utterance, self._frame_id))


def main() -> int:
    """Run the node; return the exit code of its process."""
    return spin(MicrophoneNode)


if __name__ == "__main__":
    sys.exit(main())
