"""One final emotion for each utterance, from what the senses say of it and from what was said before."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Collection, Iterable
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
from mer_ros.fusion.names import Names
from mer_ros.fusion.options import FusionOptions
from mer_ros.utterance import SpeechState, Transcript, Utterance, VisualWindow

_MISSING = {
    Modality.FACE: "nothing came from the camera in time",
    Modality.AUDIO: "nothing came from the microphone in time",
    Modality.TEXT: "no words came in time",
}

_LATELY = 20  # utterances that the health of a sense is judged by


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
        self._interim = Interim(self._judge, self.options)
        self._dialogue = Dialogue(self.options.dialogue)
        self._names = Names()
        self._counts: Counter[str] = Counter()
        self._expected = {modality for modality in Modality if experts.of(modality) is not None}
        self._lately: deque[frozenset[Modality]] = deque(maxlen=_LATELY)

    @property
    def counts(self) -> Counter[str]:
        """How often each thing happened, for diagnostics."""
        return self._counts + self._line.counts + self._judge.counts + self._interim.counts

    def missed_lately(self, modality: Modality) -> float:
        """Return the share of the last utterances, of those there were, that had to do without a modality."""
        return sum(modality in missed for missed in self._lately) / max(len(self._lately), 1)

    def expect(self, modalities: Iterable[Modality]) -> None:
        """Wait for these only, as far as there is a model for them; others are taken when they come in time."""
        self._expected = {m for m in modalities if self._experts.of(m) is not None}

    def utterance(self, utterance: Utterance, now_ns: int) -> list[EmotionEstimate]:
        """Take a piece of an utterance or its end; return the emotions that are complete with it."""
        self._interim.utterance(utterance)
        if utterance.state is not SpeechState.ENDED:
            return []
        emotions = []
        if self._line.starts_over(utterance):
            emotions = self.flush(now_ns)
            self._line.restart()
            self._judge.forget()
            self._interim.forget()
            self._counts["time_went_back"] += 1
        added = self._line.add(utterance, now_ns)
        if added is not None:
            item, parts = added
            item.arrived.add(Modality.AUDIO)
            for part in parts:
                self._put(item, part)
        return emotions + self.poll(now_ns)

    def window(self, window: VisualWindow, now_ns: int) -> list[EmotionEstimate]:
        """Take a visual window; return the emotions that are complete with it."""
        self._names.learn(window.track_id, window.person_id)
        if not window.is_final:
            self._interim.window(window)
            return []
        return self._part(window, now_ns)

    def transcript(self, transcript: Transcript, now_ns: int) -> list[EmotionEstimate]:
        """Take words; those without an utterance's id go to the utterance that they overlap with."""
        if not transcript.is_final:
            self._interim.transcript(transcript)
            return []
        return self._part(transcript, now_ns)

    def poll(self, now_ns: int) -> list[EmotionEstimate]:
        """Return the emotions of utterances that are complete, or whose deadline is over."""
        return self._emit(self._expected, now_ns)

    def flush(self, now_ns: int) -> list[EmotionEstimate]:
        """Return the emotions of all utterances that still wait, with what there is."""
        return self._emit((), now_ns)

    def live(self, now_ns: int) -> list[EmotionEstimate]:
        """Return an interim estimate of everybody in view and of who speaks, when they are due; the speaker last."""
        return self._interim.estimates(now_ns, self._dialogue)

    def look_ahead(self, wanted: bool) -> None:
        """Whether what the end of an utterance will ask is asked before; changes when, not what is told."""
        self._interim.ahead = wanted

    def prepare(self) -> None:
        """Judge at a pause what will be judged should the utterance end there, if it is to look ahead."""
        self._interim.prepare()

    def reset_dialogue(self) -> Ended:
        """End the dialogue; the next utterance begins a new one."""
        return Ended(*self._dialogue.reset())

    def forget_person(self, person_id: str = "") -> int:
        """Forget a person's voice, emotions and turns; everybody's and the dialogue for an empty id.

        What they said as `face-N`, before they were known, is theirs as well.
        Returns how many turns that were remembered are not any more.
        """
        names = self._names.forget(person_id)
        for name in names if person_id else [""]:
            self._judge.forget(name)
            self._interim.forget(name)
        self._line.forget(person_id)
        self._counts["forget_requests"] += 1
        if person_id:
            return self._dialogue.forget(names)
        turns = len(self._dialogue.last(0))
        self._dialogue.reset()
        return turns

    def turns(self, count: int = 0) -> tuple[str, tuple[DialogueTurn, ...]]:
        """Return the dialogue's id, empty when there is none, and its last `count` turns; 0: all remembered ones."""
        return self._dialogue.id, self._dialogue.last(count)

    def _part(self, part: VisualWindow | Transcript, now_ns: int) -> list[EmotionEstimate]:
        item = self._line.find(part, now_ns)
        if item is not None:
            self._put(item, part)
        return self.poll(now_ns)

    def _put(self, item: Assembly, part: VisualWindow | Transcript) -> None:
        modality = Modality.FACE if isinstance(part, VisualWindow) else Modality.TEXT
        if modality in item.arrived:
            self._counts[f"repeated_{modality.value}"] += 1
            return
        item.arrived.add(modality)
        if isinstance(part, VisualWindow):
            item.window = part
            item.parts[modality] = self._judge.ask(modality, part)
            self._hear(item)
        else:
            # The words are read when the turn's time has come: only then all turns before it are known.
            item.transcript = part

    def _hear(self, item: Assembly) -> None:
        """A voice is judged once it is known whose it is."""
        if Modality.AUDIO in item.arrived and Modality.AUDIO not in item.parts:
            item.parts[Modality.AUDIO] = self._judge.ask(Modality.AUDIO, item.utterance, person_of(item.window))

    def _emit(self, expected: Collection[Modality], now_ns: int) -> list[EmotionEstimate]:
        emotions = [self._conclude(item, now_ns) for item in self._line.complete(now_ns, expected)]
        return [emotion for emotion in emotions if emotion is not None]

    def _conclude(self, item: Assembly, now_ns: int) -> EmotionEstimate | None:
        begun = time.perf_counter()
        utterance, words = item.utterance, item.transcript
        self._dialogue.begin_turn(utterance.start_ns)
        self._hear(item)
        if words is not None:
            item.parts[Modality.TEXT] = self._judge.ask(
                Modality.TEXT, words, self._dialogue.context(), person_of(item.window)
            )
        estimates = {m: item.parts.get(m) or ModalityEstimate(m, reason=self._why_not(m)) for m in Modality}
        self._lately.append(frozenset(self._expected - item.arrived))
        emotion = self._judge.decide(
            estimates,
            self._dialogue,
            person_of(item.window),
            self._early(item, estimates),
            utterance_id=utterance.id,
            start_ns=utterance.start_ns,
            end_ns=utterance.end_ns,
            is_final=True,
            transcript=words.text if words else "",
            face_id=item.window.track_id if item.window else 0,
            dialogue_id=self._dialogue.id,
            turn=self._dialogue.count + 1,
        )
        if emotion is None:
            self._counts["nothing_to_fuse"] += 1
            return None
        latency = {m.value: e.latency_ms for m, e in estimates.items() if e.available}
        if words is not None:
            latency["speech_to_text"] = words.latency_ms
        latency["waiting"] = (now_ns - item.received_ns) / 1e6
        latency["fusion"] = (time.perf_counter() - begun) * 1e3
        latency["since_end"] = (now_ns - utterance.end_ns) / 1e6
        self._dialogue.add(_turn(emotion))
        self._interim.final(emotion)
        self._counts["emotions"] += 1
        return replace(emotion, latency_ms=latency)

    def _early(
        self, item: Assembly, estimates: dict[Modality, ModalityEstimate]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]] | None:
        early = self._experts.early
        if early is None or not self.options.early or not all(e.available for e in estimates.values()):
            return None
        assert item.window is not None  # or the face would not be available
        assert item.transcript is not None
        try:
            return early.estimate(item.utterance, item.window, item.transcript.text)
        except MerError:
            self._counts["early_model_failed"] += 1
            return None

    def _why_not(self, modality: Modality) -> str:
        if self._experts.of(modality) is None:
            return "switched off"
        return _MISSING[modality] if modality in self._expected else "no publisher"


def _turn(emotion: EmotionEstimate) -> DialogueTurn:
    return DialogueTurn(
        turn=emotion.turn,
        start_ns=emotion.start_ns,
        end_ns=emotion.end_ns,
        person_id=emotion.person_id,
        emotion=emotion.emotion,
        confidence=emotion.confidence,
        probabilities=emotion.probabilities,
        text=emotion.transcript,
    )
