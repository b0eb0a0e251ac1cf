"""Interim estimates: of everybody in view, and of who speaks, in view or not."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field, replace

from mer_ros.emotion import EMOTIONS, SENTIMENTS, UNKNOWN, EmotionEstimate, Modality, ModalityEstimate, face_name
from mer_ros.fusion.dialogue import Dialogue
from mer_ros.fusion.judge import Judge
from mer_ros.fusion.open_speech import OpenSpeech
from mer_ros.fusion.options import FusionOptions
from mer_ros.fusion.smoothing import RunningMean, SteadyLabel
from mer_ros.utterance import Transcript, Utterance, VisualWindow

_WAITING = 4  # windows of one person that nobody has asked about yet; the oldest go
_PAUSE = 4  # ticks without anything to tell after which the grid begins anew
_OUT_OF_VIEW = 0.8  # with this probability that nobody in view speaks, nobody does: as of final windows
_SILENT = 0.1  # who speaks less probably is not looked at in advance
_CLEARER = 1.2  # somebody else than who spoke before must do so this many times as likely to be taken for the speaker


class _Labels:
    """The labels that hold of one person."""

    def __init__(self, options: FusionOptions) -> None:
        lead, hold_ms = options.live_lead, options.live_hold_ms
        self._emotion = SteadyLabel(EMOTIONS, lead, hold_ms)
        self._sentiment = SteadyLabel(SENTIMENTS, lead, hold_ms)

    def settle(self, final: EmotionEstimate) -> None:
        """Take note of what an utterance told."""
        self._emotion.settle(final.emotion, final.end_ns)
        self._sentiment.settle(final.sentiment, final.end_ns)

    def steady(self, estimate: EmotionEstimate) -> EmotionEstimate:
        """Return the estimate with the labels that hold in place of the most probable ones."""
        emotion = self._emotion.update(estimate.emotion, estimate.probabilities, estimate.end_ns)
        sentiment = self._sentiment.update(estimate.sentiment, estimate.sentiment_probabilities, estimate.end_ns)
        known = emotion != UNKNOWN
        confidence = estimate.probabilities[EMOTIONS.index(emotion)] if known else estimate.probabilities.max()
        return replace(estimate, emotion=emotion, sentiment=sentiment, confidence=float(confidence))


@dataclass
class _Seen:
    """One person in view. last: the newest window. size: mean area of the face in it, pixels."""

    last: VisualWindow
    mean: RunningMean
    labels: _Labels
    size: float = 0.0
    reason: str = "no face seen lately"
    answered_ns: int | None = None
    waiting: deque[VisualWindow] = field(default_factory=lambda: deque(maxlen=_WAITING))


class Interim:
    """Keeps what is known of each person in view, and judges it when asked.

    The models are asked only about what is new: the face about new samples, voice and words, of who speaks alone,
    when more has been heard. What is seen while somebody speaks is judged as it comes, and the voice at a pause if
    `prepare` is called: experts that keep their answers then have those of the end at once.
    ahead: whether that is done; a machine that cannot keep up, or that nobody listens to, does without.
    Memory: live_people persons, four windows of each at most.
    counts: live_persons_crowded_out, live_time_went_back.
    """

    def __init__(self, judge: Judge, options: FusionOptions) -> None:
        self.counts: Counter[str] = Counter()
        self.ahead = True
        self._judge = judge
        self._options = options
        self._people: dict[str, _Seen] = {}
        self._speech = OpenSpeech()
        self._unseen = _Labels(options)  # of a speaker out of view
        self._speaker = ""  # of the utterance that goes on
        self._newest_ns = 0
        self._last_ns: int | None = None

    def window(self, window: VisualWindow) -> None:
        """Take an interim window: samples of one person that none before it held."""
        name = person_of(window)
        if not name:
            return
        if window.end_ns < self._newest_ns - self._horizon_ns:  # ids may mean others
            self.counts["live_time_went_back"] += bool(self._people)
            self._people.clear()
            self._newest_ns = window.end_ns
        self._newest_ns = max(self._newest_ns, window.end_ns)
        self._drop_stale(self._newest_ns)
        nameless = self._people.pop(face_name(window.track_id), None)  # until it was known whose face it is
        seen = self._people.get(name) or nameless
        if seen is None:
            self._make_room()
            seen = _Seen(window, RunningMean(self._options.live_smoothing_ms), _Labels(self._options))
        self._people[name] = seen
        seen.last = window
        areas = [sample.box.width * sample.box.height for sample in window.samples]
        seen.size = sum(areas) / len(areas) if areas else seen.size
        seen.waiting.append(window)
        if self.ahead and window.utterance_id and not window.speaking < _SILENT:
            self._look(seen)

    def prepare(self) -> None:
        """Ask of the voice so far, which is all of it should nobody go on."""
        speech = self._speech.utterance
        if self.ahead and speech is not None:
            self._judge.ask(Modality.AUDIO, speech, self._who_speaks(speech), remember=False)

    def transcript(self, transcript: Transcript) -> None:
        """Take a partial transcript, if it is of the utterance that goes on."""
        self._speech.read(transcript)

    def utterance(self, utterance: Utterance) -> None:
        """Take a piece of an utterance, or its end."""
        if self._speech.hear(utterance):
            self._unseen, self._speaker = _Labels(self._options), ""

    def final(self, emotion: EmotionEstimate) -> None:
        """Take what was said and felt on the whole: it is no flicker."""
        if emotion.person_id in self._people:
            self._people[emotion.person_id].labels.settle(emotion)

    def forget(self, person_id: str = "") -> None:
        """Forget a person; all of them without an id."""
        for name in [person_id] if person_id else list(self._people):
            self._people.pop(name, None)

    def estimates(self, now_ns: int, dialogue: Dialogue) -> list[EmotionEstimate]:
        """Return what everybody feels now, the larger a face the later, the speaker last; none when it is too soon."""
        period_ns = round(self._options.live_period_ms * 1e6)
        ticks = 1 if self._last_ns is None else (now_ns - self._last_ns) // period_ns
        if ticks == 0:
            return []
        self._drop_stale(now_ns)
        speech = self._speech.utterance
        if speech is not None and not self._fresh(speech.end_ns, now_ns):
            speech = None
        speaker = self._speaker = self._who_speaks(speech) if speech else ""
        silent = sorted((name for name in self._people if name != speaker), key=lambda name: self._people[name].size)
        told = [self._of_silent(name, now_ns, dialogue) for name in silent]
        if speech:
            told.append(self._of_speaker(speech, speaker, now_ns, dialogue))
        estimates = [estimate for estimate in told if estimate is not None]
        if estimates:  # the ticks lie on a grid, so that the rate holds however often this is asked
            on_grid = self._last_ns is not None and 0 < ticks < _PAUSE
            self._last_ns = (self._last_ns or 0) + ticks * period_ns if on_grid else now_ns
        return estimates

    def _of_silent(self, name: str, now_ns: int, dialogue: Dialogue) -> EmotionEstimate | None:
        """What is seen of somebody; what was said before is no part of it."""
        seen = self._people[name]
        parts = {
            Modality.FACE: self._face(seen, now_ns),
            Modality.AUDIO: ModalityEstimate(Modality.AUDIO, reason="does not speak"),
            Modality.TEXT: ModalityEstimate(Modality.TEXT, reason="does not speak"),
        }
        over = dialogue.is_new(seen.last.start_ns)
        emotion = self._judge.decide(
            parts,
            Dialogue(dialogue.options),
            name,
            utterance_id=0,
            start_ns=seen.last.start_ns,
            end_ns=seen.last.end_ns,
            is_final=False,
            face_id=seen.last.track_id,
            dialogue_id="" if over else dialogue.id,
            turn=1 if over else dialogue.count + 1,
        )
        return seen.labels.steady(emotion) if emotion else None

    def _of_speaker(self, speech: Utterance, name: str, now_ns: int, dialogue: Dialogue) -> EmotionEstimate | None:
        """What is seen, heard and understood of who speaks, as if the utterance ended now."""
        if dialogue.is_new(speech.start_ns):
            dialogue = Dialogue(dialogue.options)
        seen, words, judge = self._people.get(name), self._speech.words, self._judge
        parts = {
            Modality.FACE: self._face(seen, now_ns) if seen else ModalityEstimate(Modality.FACE, reason="not in view"),
            Modality.AUDIO: self._speech.ask(
                Modality.AUDIO,
                (name, self._speech.heard),
                lambda: judge.ask(Modality.AUDIO, speech, name, remember=False),
            ),
            Modality.TEXT: ModalityEstimate(Modality.TEXT, reason="no words yet"),
        }
        if words:
            parts[Modality.TEXT] = self._speech.ask(
                Modality.TEXT,
                (name, words.text, dialogue.id, dialogue.count),
                lambda: judge.ask(Modality.TEXT, words, dialogue.context(), name),
            )
        emotion = judge.decide(
            parts,
            dialogue,
            name,
            utterance_id=speech.id,
            start_ns=speech.start_ns,
            end_ns=speech.end_ns,
            is_final=False,
            transcript=words.text if words else "",
            face_id=seen.last.track_id if seen else 0,
            dialogue_id=dialogue.id,
            turn=dialogue.count + 1,
        )
        return (seen.labels if seen else self._unseen).steady(emotion) if emotion else None

    def _face(self, seen: _Seen, now_ns: int) -> ModalityEstimate:
        """The mean of what the model says of a face."""
        self._look(seen)
        mean = seen.mean.value()
        if mean is None or seen.answered_ns is None or not self._fresh(seen.answered_ns, now_ns):
            return ModalityEstimate(Modality.FACE, reason=seen.reason)
        return mean

    def _look(self, seen: _Seen) -> None:
        """Ask the model about the windows that it does not know."""
        while seen.waiting:
            window = seen.waiting.popleft()
            answer = self._judge.ask(Modality.FACE, window)
            if answer.available:
                seen.mean.add(answer, window.end_ns)
                seen.answered_ns = window.end_ns
            else:
                seen.reason = answer.reason

    def _who_speaks(self, speech: Utterance) -> str:
        """Who in view speaks: the likeliest by the mouth, where that is known, else the largest; empty for nobody."""
        mouths = {
            name: seen.last.speaking
            for name, seen in self._people.items()
            if seen.last.utterance_id == speech.id and not math.isnan(seen.last.speaking)
        }
        if mouths:
            if any(self._people[name].last.out_of_view >= _OUT_OF_VIEW for name in mouths):
                return ""
            likeliest = max(mouths, key=lambda name: mouths[name])
            clear = mouths[likeliest] > _CLEARER * mouths.get(self._speaker, 0.0)
            return likeliest if clear else self._speaker
        if self._speaker in self._people:
            return self._speaker
        return max(self._people, key=lambda name: self._people[name].size, default="")

    def _make_room(self) -> None:
        while len(self._people) >= self._options.live_people:
            self.counts["live_persons_crowded_out"] += 1
            del self._people[min(self._people, key=lambda name: self._people[name].last.end_ns)]

    def _drop_stale(self, now_ns: int) -> None:
        for name in [name for name, seen in self._people.items() if not self._fresh(seen.last.end_ns, now_ns)]:
            del self._people[name]

    @property
    def _horizon_ns(self) -> int:
        return round(self._options.live_horizon_ms * 1e6)

    def _fresh(self, end_ns: int, now_ns: int) -> bool:
        return abs(now_ns - end_ns) <= self._horizon_ns


def person_of(window: VisualWindow | None) -> str:
    """Return who is seen, where persons are not told apart the track; empty when there is no face."""
    if window is None or not window.track_id:
        return ""
    return window.person_id or face_name(window.track_id)
