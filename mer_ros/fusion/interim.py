"""Interim estimates: while somebody speaks, or is silent in view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mer_ros.emotion import EmotionEstimate, Modality, ModalityEstimate
from mer_ros.fusion.dialogue import Dialogue
from mer_ros.fusion.judge import Judge
from mer_ros.fusion.options import FusionOptions
from mer_ros.utterance import SAMPLE_RATE, SpeechState, Transcript, Utterance, VisualWindow

_LONGEST_SAMPLES = 15 * SAMPLE_RATE  # of an open utterance; the oldest are forgotten beyond it


class Interim:
    """Holds what was seen and heard last, and judges it when asked."""

    def __init__(self, judge: Judge, options: FusionOptions) -> None:
        self._judge = judge
        self._options = options
        self._windows: dict[int, VisualWindow] = {}  # the last one of each face
        self._speech: Utterance | None = None
        self._words: Transcript | None = None
        self._heard = 0  # samples of the open utterance
        self._last_ns: int | None = None

    def window(self, window: VisualWindow) -> None:
        """Take an interim window."""
        fresh = {track: w for track, w in self._windows.items() if self._fresh(w.end_ns, window.end_ns)}
        self._windows = fresh | {window.track_id: window}

    def transcript(self, transcript: Transcript) -> None:
        """Take a partial transcript, if it is of the utterance that goes on."""
        if self._speech is not None and transcript.utterance_id == self._speech.id:
            self._words = transcript

    def utterance(self, utterance: Utterance) -> None:
        """Take a piece of an utterance, or its end."""
        known = self._speech
        if utterance.state is SpeechState.ENDED:
            self._speech = self._words = None
        elif utterance.first_sample == 0 and (known is None or utterance.samples.size or known.id != utterance.id):
            self._speech, self._words, self._heard = utterance, None, len(utterance.samples)
        elif known is not None and known.id == utterance.id and utterance.first_sample == self._heard:
            samples = np.concatenate([known.samples, utterance.samples])[-_LONGEST_SAMPLES:]
            self._heard += len(utterance.samples)
            self._speech = replace(utterance, samples=samples, start_ns=known.start_ns)
        else:  # a piece is missing: its end will bring everything
            self._speech = self._words = None

    def estimate(self, now_ns: int, dialogue: Dialogue) -> EmotionEstimate | None:
        """Return what is felt now; None when nothing fresh is known, or too soon after the last one."""
        if self._last_ns is not None and 0 <= now_ns - self._last_ns < self._options.live_period_ms * 1e6:
            return None
        speech = self._speech if self._speech and self._fresh(self._speech.end_ns, now_ns) else None
        window = max((w for w in self._windows.values() if self._fresh(w.end_ns, now_ns)), key=_size, default=None)
        source = speech or window
        if source is None:
            return None
        if dialogue.is_new(source.start_ns):
            dialogue = Dialogue(dialogue.options)
        words = self._words if speech else None
        estimates = {
            Modality.FACE: ModalityEstimate(Modality.FACE, reason="no face seen lately"),
            Modality.AUDIO: ModalityEstimate(Modality.AUDIO, reason="nobody speaks"),
            Modality.TEXT: ModalityEstimate(Modality.TEXT, reason="no words yet"),
        }
        if window:
            estimates[Modality.FACE] = self._judge.ask(Modality.FACE, window)
        if speech:  # as if it ended now
            whole = replace(speech, state=SpeechState.ENDED, first_sample=0)
            estimates[Modality.AUDIO] = self._judge.ask(Modality.AUDIO, whole, person_of(window), remember=False)
        if words:
            estimates[Modality.TEXT] = self._judge.ask(Modality.TEXT, words, dialogue.context(), person_of(window))
        emotion = self._judge.decide(
            estimates,
            dialogue,
            person_of(window),
            utterance_id=speech.id if speech else 0,
            start_ns=source.start_ns,
            end_ns=source.end_ns,
            is_final=False,
            transcript=words.text if words else "",
            face_id=window.track_id if window else 0,
            dialogue_id=dialogue.id,
            turn=dialogue.count + 1,
        )
        if emotion is not None:
            self._last_ns = now_ns
        return emotion

    def _fresh(self, end_ns: int, now_ns: int) -> bool:
        return abs(now_ns - end_ns) <= self._options.live_horizon_ms * 1e6


def person_of(window: VisualWindow | None) -> str:
    """Return who is seen, where persons are not told apart the track; empty when there is no face."""
    if window is None or not window.track_id:
        return ""
    return window.person_id or f"face-{window.track_id}"


def _size(window: VisualWindow) -> tuple[float, int]:
    """How large a face is seen; of equals the one that came first."""
    areas = [sample.box.width * sample.box.height for sample in window.samples]
    return sum(areas) / max(len(areas), 1), -window.track_id
