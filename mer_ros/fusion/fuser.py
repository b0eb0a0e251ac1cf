"""One final emotion for each utterance, from what the senses say of it and from what was said before."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import DialogueTurn, EmotionEstimate, Modality, ModalityEstimate
from mer_ros.errors import MerError
from mer_ros.fusion.assembly import Assembly, AssemblyLine
from mer_ros.fusion.dialogue import Dialogue
from mer_ros.fusion.experts import Experts
from mer_ros.fusion.interim import Interim, person_of
from mer_ros.fusion.judge import Judge
from mer_ros.fusion.options import FusionOptions
from mer_ros.utterance import SpeechState, Transcript, Utterance, VisualWindow

_MISSING = {
    Modality.FACE: "nothing came from the camera in time",
    Modality.AUDIO: "nothing came from the microphone in time",
    Modality.TEXT: "no words came in time",
}


@dataclass(frozen=True)
class Ended:
    """A dialogue that was ended on request."""

    dialogue_id: str
    turns: int


class EmotionFuser:
    """Takes the parts of utterances in any order; gives each utterance's emotion once, in the order spoken.

    `now_ns` is the caller's clock in ROS time; it only serves the deadline. Parts are never refused for their
    content: what a model cannot use makes its modality unavailable, with the reason, and is counted.
    """

    def __init__(self, experts: Experts, options: FusionOptions | None = None) -> None:
        self.options = options or FusionOptions()
        self._experts = experts
        self._line = AssemblyLine(self.options.deadline_ms)
        self._judge = Judge(experts, self.options)
        self._interim = Interim(experts, self._judge, self.options)
        self._dialogue = Dialogue(self.options.dialogue)
        self._counts: Counter[str] = Counter()
        self._expected = {modality for modality in Modality if experts.of(modality) is not None}

    @property
    def counts(self) -> Counter[str]:
        """How often each thing happened, for diagnostics."""
        return self._counts + self._line.counts

    @property
    def dialogue(self) -> Dialogue:
        """The dialogue so far."""
        return self._dialogue

    def expect(self, modalities: Iterable[Modality]) -> None:
        """Wait for these only, as far as there is a model for them; others are taken when they come in time."""
        self._expected = {m for m in modalities if self._experts.of(m) is not None}

    def utterance(self, utterance: Utterance, now_ns: int) -> list[EmotionEstimate]:
        """Take a piece of an utterance or its end; return the emotions that are complete with it."""
        self._interim.utterance(utterance)
        if utterance.state is not SpeechState.ENDED:
            return []
        item = self._line.place(utterance.id, utterance.start_ns, utterance.end_ns, now_ns)
        if item is not None:
            item.utterance = utterance
            item.end_ns = utterance.end_ns
            self._ask(item, Modality.AUDIO, utterance)
        return self.poll(now_ns)

    def window(self, window: VisualWindow, now_ns: int) -> list[EmotionEstimate]:
        """Take a visual window; return the emotions that are complete with it."""
        if not window.is_final:
            self._interim.window(window)
            return []
        item = self._line.place(window.utterance_id, window.start_ns, window.end_ns, now_ns)
        if item is not None:
            item.window = window
            self._ask(item, Modality.FACE, window)
        return self.poll(now_ns)

    def transcript(self, transcript: Transcript, now_ns: int) -> list[EmotionEstimate]:
        """Take words; those without an utterance's id go to the waiting utterance that they overlap with."""
        if not transcript.is_final:
            self._interim.transcript(transcript)
            return []
        if not transcript.utterance_id:
            found = self._line.find(transcript.start_ns, transcript.end_ns)
            if found is None:
                self._counts["transcript_without_utterance"] += 1
                return []
            identity, start_ns, end_ns = found
            transcript = replace(transcript, utterance_id=identity, start_ns=start_ns, end_ns=end_ns)
        item = self._line.place(transcript.utterance_id, transcript.start_ns, transcript.end_ns, now_ns)
        if item is not None:
            # The words are read when the turn's time has come: only then all turns before it are known.
            item.transcript = transcript
            item.arrived.add(Modality.TEXT)
        return self.poll(now_ns)

    def poll(self, now_ns: int) -> list[EmotionEstimate]:
        """Return the emotions of utterances that are complete, or whose deadline is over."""
        return self._emit(self._line.complete(now_ns, self._expected), now_ns)

    def flush(self, now_ns: int) -> list[EmotionEstimate]:
        """Return the emotions of all utterances that still wait, with what there is."""
        return self._emit(self._line.complete(now_ns, ()), now_ns)

    def live(self, now_ns: int) -> EmotionEstimate | None:
        """Return an interim estimate when one is due and something fresh is known."""
        try:
            return self._interim.estimate(now_ns, self._dialogue)
        except MerError:
            self._counts["interim_failed"] += 1
            return None

    def reset_dialogue(self) -> Ended:
        """End the dialogue; the next utterance begins a new one."""
        return Ended(*self._dialogue.reset())

    def _ask(self, item: Assembly, modality: Modality, *part: object) -> None:
        item.arrived.add(modality)
        expert = self._experts.of(modality)
        if expert is None:
            return
        try:
            item.parts[modality] = expert.estimate(*part)
        except MerError as error:
            self._counts[f"{modality.value}_model_failed"] += 1
            item.parts[modality] = ModalityEstimate(modality, reason=str(error))

    def _emit(self, items: list[Assembly], now_ns: int) -> list[EmotionEstimate]:
        emotions = [self._conclude(item, now_ns) for item in items]
        return [emotion for emotion in emotions if emotion is not None]

    def _conclude(self, item: Assembly, now_ns: int) -> EmotionEstimate | None:
        begun = time.perf_counter()
        self._dialogue.begin_turn(item.start_ns)
        words = item.transcript
        if words is not None:
            self._ask(item, Modality.TEXT, words, self._dialogue.context())
        estimates = {m: item.parts.get(m) or ModalityEstimate(m, reason=self._why_not(m)) for m in Modality}
        latency = {m.value: e.latency_ms for m, e in estimates.items() if e.available}
        if words is not None:
            latency["speech_to_text"] = words.latency_ms
        person = person_of(item.window)
        emotion = self._judge.decide(
            estimates,
            self._dialogue,
            person,
            self._early(item, estimates),
            utterance_id=item.utterance_id,
            start_ns=item.start_ns,
            end_ns=item.end_ns,
            is_final=True,
            transcript=words.text if words else "",
            face_id=item.window.track_id if item.window else 0,
            dialogue_id=self._dialogue.id,
            turn=self._dialogue.count + 1,
        )
        if emotion is None:
            self._counts["nothing_to_fuse"] += 1
            return None
        latency["waiting"] = (now_ns - item.received_ns) / 1e6
        latency["fusion"] = (time.perf_counter() - begun) * 1e3
        latency["since_end"] = (now_ns - item.end_ns) / 1e6
        self._remember(emotion)
        self._counts["emotions"] += 1
        return replace(emotion, latency_ms=latency)

    def _early(
        self, item: Assembly, estimates: dict[Modality, ModalityEstimate]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]] | None:
        early = self._experts.early
        if early is None or not self.options.early or not all(e.available for e in estimates.values()):
            return None
        if item.utterance is None or item.window is None or item.transcript is None:
            return None
        try:
            return early.estimate(item.utterance, item.window, item.transcript.text)
        except MerError:
            self._counts["early_model_failed"] += 1
            return None

    def _why_not(self, modality: Modality) -> str:
        if self._experts.of(modality) is None:
            return "switched off"
        return _MISSING[modality] if modality in self._expected else "no publisher"

    def _remember(self, emotion: EmotionEstimate) -> None:
        self._dialogue.add(
            DialogueTurn(
                turn=emotion.turn,
                start_ns=emotion.start_ns,
                end_ns=emotion.end_ns,
                person_id=emotion.person_id,
                emotion=emotion.emotion,
                confidence=emotion.confidence,
                probabilities=emotion.probabilities,
                text=emotion.transcript,
            )
        )
