"""Speech-to-text node: utterances in, transcripts out, partial ones while somebody speaks.

Subscribes `utterance` and, when the words come from outside, `words` (a type of any known recogniser); publishes
`transcript`.
"""

from __future__ import annotations

import sys
from typing import Any

from mer_msgs.msg import Transcript, Utterance

from mer_ros import stages
from mer_ros.messages.words import words_of
from mer_ros.nodes import qos
from mer_ros.nodes.base import PipelineNode
from mer_ros.nodes.conversions.audio import utterance_of
from mer_ros.nodes.conversions.words import transcript_message
from mer_ros.nodes.health import WARN, Condition
from mer_ros.nodes.message_types import message_type
from mer_ros.nodes.process import spin
from mer_ros.settings.tables import SPEECH_TO_TEXT
from mer_ros.speech.outside import OutsideWords
from mer_ros.speech.transcriber import Transcriber
from mer_ros.utterance import Transcript as Words


class SpeechToTextNode(PipelineNode):
    """A recogniser, or words from outside, as a node."""

    table = SPEECH_TO_TEXT

    def __init__(self) -> None:
        super().__init__("speech_to_text")
        self._transcriber: Transcriber | None = None
        self._outside: OutsideWords | None = None

    def build(self) -> None:
        """Load the recogniser."""
        p = self.parameters
        if p["recogniser"] == stages.OUTSIDE:
            self._words_type = message_type(p["words_type"], "words_type")
            self._outside = stages.outside_words(p)
        else:
            self._transcriber = stages.transcriber(stages.speech_options(p))
        self._transcript = self.speak(Transcript, "transcript", qos.events())
        self.get_logger().info(f"words come from {p['recogniser']}")

    def start(self) -> None:
        """Subscribe."""
        self.listen(Utterance, "utterance", self._on_utterance, qos.events())
        if self._outside is not None:
            self.listen(self._words_type, "words", self._on_words, qos.events())

    def drop(self) -> None:
        """Let go of the recogniser."""
        self._transcriber = self._outside = None

    def condition(self) -> Condition:
        """Tell counts, and whether the recogniser fails."""
        source = self._transcriber or self._outside
        counts = dict(source.counts) if source else {}
        if counts.get("failed"):
            return Condition(WARN, f"the recogniser failed on {counts['failed']} utterances", counts)
        return Condition(values=counts)

    def _on_utterance(self, message: Utterance) -> None:
        if self._transcriber is not None:
            self._transcriber.interim = not self.is_overloaded
            if self.is_overloaded and message.state == Utterance.ONGOING:
                self.health.counts["left_out_under_load"] += 1
        stage = self._outside.utterance if self._outside else self._transcriber.push  # type: ignore[union-attr]
        self._publish(stage(utterance_of(message)))

    def _on_words(self, message: Any) -> None:
        if self._outside is not None:
            self._publish(self._outside.push(words_of(message, self.now_ns(), stages.OUTSIDE)))

    def _publish(self, transcripts: list[Words]) -> None:
        for transcript in transcripts:
            self._transcript.publish(transcript_message(transcript))


def main() -> int:
    """Run the node; return the exit code of its process."""
    return spin(SpeechToTextNode)


if __name__ == "__main__":
    sys.exit(main())
