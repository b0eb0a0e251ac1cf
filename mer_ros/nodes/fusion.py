"""Fusion node: utterances, transcripts and visual windows in; one emotion for each utterance out.

Subscribes `utterance`, `transcript`, `visual_window`, and `/diagnostics` for whether who publishes these is there;
publishes `emotion`, `emotion/live`, `emotion/events` and, if asked to, `emotion/classification`.
Services `~/reset_dialogue`, `~/get_turns`; who is named on `people/forgotten` is forgotten, and everybody when
ids begin anew (`people/renumbered`). It runs the emotion models; everything else is the pipeline's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticArray
from mer_msgs.msg import Emotion, Transcript, Utterance, VisualWindow
from mer_msgs.srv import GetTurns, ResetDialogue
from std_msgs.msg import Empty, String

from mer_ros import stages
from mer_ros.emotion import EmotionEstimate, Modality
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.nodes import qos
from mer_ros.nodes.base import PipelineNode
from mer_ros.nodes.classified import Classified
from mer_ros.nodes.contact import Contact
from mer_ros.nodes.conversions.audio import utterance_of
from mer_ros.nodes.conversions.emotions import emotion_message, turn_message
from mer_ros.nodes.conversions.vision import window_of
from mer_ros.nodes.conversions.words import transcript_of
from mer_ros.nodes.health import OURS, WARN, Condition
from mer_ros.nodes.live import Live
from mer_ros.nodes.process import spin
from mer_ros.settings.tables import FUSION
from mer_ros.utterance import PAUSE

_POLL_S = 0.05
_LOOK_AROUND_S = 1.0
_TOPICS = {Modality.TEXT: "transcript", Modality.FACE: "visual_window", Modality.AUDIO: "utterance"}
_MANY_MISSED = 0.5  # share of the last utterances without a modality that is worth a warning


class FusionNode(PipelineNode):
    """The fusion as a node."""

    table = FUSION

    def __init__(self) -> None:
        super().__init__("fusion")
        self._fuser: EmotionFuser | None = None
        self._providers: Mapping[str, str] = {}
        self._classified: Classified | None = None
        self._frame_id = ""
        self._contact = Contact()
        self._lost = 0  # utterances
        self.create_service(ResetDialogue, "~/reset_dialogue", self._reset_dialogue)
        self.create_service(GetTurns, "~/get_turns", self._get_turns)
        self.create_subscription(String, "people/forgotten", self.guarded(self._on_forgotten), qos.forgotten())
        self.create_subscription(Empty, "people/renumbered", self.guarded(self._on_renumbered), qos.latched())

    def build(self) -> None:
        """Load the models."""
        p = self.parameters
        experts, self._providers = stages.experts(p)
        self._fuser = stages.fuser(p, experts)
        self._emotion = self.speak(Emotion, "emotion", qos.emotions())
        self._lost = 0
        self._live = Live(self)
        self._classified = Classified(self) if p["classification"] else None
        for name, provider in self._providers.items():
            self.get_logger().info(f"{name} runs on {provider}")

    def start(self) -> None:
        """Subscribe."""
        self.listen(Utterance, "utterance", self._on_utterance, qos.events())
        self.listen(Transcript, "transcript", self._on_transcript, qos.events())
        self.listen(VisualWindow, "visual_window", self._on_window, qos.events())
        self.listen(DiagnosticArray, "/diagnostics", self._on_diagnostics, qos.told())
        self._contact = Contact()
        self.tick(_POLL_S, self._on_tick)
        self.tick(_LOOK_AROUND_S, self._look_around)

    def stop(self) -> None:
        """Publish the utterances that still wait."""
        self._publish(self._fusion.flush(self.now_ns()))

    def drop(self) -> None:
        """Forget models and dialogue."""
        self._fuser = None

    def condition(self) -> Condition:
        """Tell counts, and whether a modality is often missed."""
        counts = self._fusion.counts
        providers = {f"provider_{name}": provider for name, provider in self._providers.items()}
        values = {**counts, **self._live.counts, **self._contact.counts, **providers}
        if self._classified:
            values["classification"] = self._classified.condition
        failed = sorted(name for name in counts if name.endswith("_failed"))
        missed = [m.value for m in Modality if self._fusion.missed_lately(m) > _MANY_MISSED]
        troubles = [
            f"models failed: {', '.join(f'{name} {counts[name]}' for name in failed)}" if failed else "",
            self._contact.trouble,
            f"{' and '.join(missed)} often came too late or not at all" if missed else "",
        ]
        if any(troubles):
            return Condition(WARN, "; ".join(filter(None, troubles)), values)
        return Condition(values=values)

    @property
    def _fusion(self) -> EmotionFuser:
        assert self._fuser is not None  # only used between build and drop
        return self._fuser

    def _on_utterance(self, message: Utterance) -> None:
        self._frame_id = message.header.frame_id
        utterance = utterance_of(message)
        self._publish(self._fusion.utterance(utterance, self.now_ns()))
        self._tell_lost(utterance.id)
        if utterance.ended_by == PAUSE:
            self._look_ahead()
            self._fusion.prepare()

    def _tell_lost(self, before: int) -> None:
        lost = self._fusion.counts["lost_utterances"]
        if lost > self._lost:
            self.get_logger().warning(f"utterances before number {before} that never came: {lost - self._lost}")
        self._lost = lost

    def _on_transcript(self, message: Transcript) -> None:
        self._publish(self._fusion.transcript(transcript_of(message), self.now_ns()))

    def _on_window(self, message: VisualWindow) -> None:
        if message.utterance_id and not message.is_final:
            self._look_ahead()
        self._publish(self._fusion.window(window_of(message), self.now_ns()))

    def _look_ahead(self) -> None:
        """For those who listen, and if there is time for it."""
        self.health.counts["looks_ahead_left_out"] += self.is_overloaded
        self._fusion.look_ahead(not self.is_overloaded and self._is_heard)

    @property
    def _is_heard(self) -> bool:
        others = [self._classified.listeners] if self._classified else []
        return any((self._emotion.get_subscription_count(), self._live.listeners, *others))

    def _on_tick(self) -> None:
        now_ns = self.now_ns()
        self._publish(self._fusion.poll(now_ns))
        if self.is_overloaded:
            self.health.counts["left_out_under_load"] += 1
        else:
            self._live.tick(self._fusion, now_ns, self._frame_id)

    def _look_around(self) -> None:
        """Wait only for senses that are there: a graph without a camera is as fast as its voice."""
        there = {m: self.get_publishers_info_by_topic(self.resolve_topic_name(t)) for m, t in _TOPICS.items()}
        self._fusion.expect(modality for modality, publishers in there.items() if publishers)
        names = (_full_name(p.node_namespace, p.node_name) for publishers in there.values() for p in publishers)
        for sentence in self._contact.look(names, time.monotonic()):
            self.get_logger().warning(sentence)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.hardware_id == OURS:
                said = self._contact.heard(status.name, time.monotonic())
                if said:
                    self.get_logger().warning(said)

    def _on_forgotten(self, message: String) -> None:
        if self._fuser is not None:  # a fusion that is not configured knows nobody
            self._fuser.forget_person(message.data)
            self._live.forget(message.data, self.now_ns(), self._frame_id)

    def _on_renumbered(self, _: Empty) -> None:
        """Who was known by an id may be another one from now on."""
        self._on_forgotten(String())

    def _publish(self, estimates: list[EmotionEstimate]) -> None:
        for estimate in estimates:
            self._emotion.publish(emotion_message(estimate, self._frame_id))
            self._live.take(estimate, self.now_ns(), self._frame_id)
            if self._classified:
                self._classified.publish(estimate, self._frame_id)

    def _reset_dialogue(
        self, request: ResetDialogue.Request, response: ResetDialogue.Response
    ) -> ResetDialogue.Response:
        if self._fuser is not None:
            ended = self._fuser.reset_dialogue()
            response.dialogue_id, response.turns = ended.dialogue_id, ended.turns
        return response

    def _get_turns(self, request: GetTurns.Request, response: GetTurns.Response) -> GetTurns.Response:
        if self._fuser is not None:
            response.dialogue_id, turns = self._fuser.turns(request.count)
            response.turns = [turn_message(turn) for turn in turns]
        return response


def _full_name(namespace: str, name: str) -> str:
    """Return a node's name as its diagnostics give it."""
    return f"{namespace}/{name}".strip("/").replace("//", "/")


def main() -> int:
    """Run the node; return the exit code of its process."""
    return spin(FusionNode)


if __name__ == "__main__":
    sys.exit(main())
