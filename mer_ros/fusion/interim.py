"""Interim estimates: while somebody speaks, or is silent in view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mer_ros.emotion import EmotionEstimate, Modality, ModalityEstimate
from mer_ros.fusion.dialogue import Dialogue
from mer_ros.fusion.experts import Experts
from mer_ros.fusion.judge import Judge
from mer_ros.fusion.options import FusionOptions
from mer_ros.utterance import SAMPLE_RATE, SpeechState, Transcript, Utterance, VisualWindow

_LONGEST_SAMPLES = 15 * SAMPLE_RATE  # of an open utterance; the oldest are forgotten beyond it


class Interim:
    """Holds what was seen and heard last, and judges it when asked."""

    def __init__(self, experts: Experts, judge: Judge, options: FusionOptions) -> None:
        self._experts = experts
        self._judge = judge
        self._options = options
        self._window: VisualWindow | None = None
        self._speech: Utterance | None = None
        self._words: Transcript | None = None
        self._last_ns: int | None = None

    def window(self, window: VisualWindow) -> None:
        """Take an interim window."""
        self._window = window

    def transcript(self, transcript: Transcript) -> None:
        """Take a partial transcript."""
        self._words = transcript

    def utterance(self, utterance: Utterance) -> None:
        """Take a piece of an utterance, or its end."""
        if utterance.state is SpeechState.ENDED:
            self._speech, self._words = None, None
            return
        known = self._speech
        if known is None or known.id != utterance.id or utterance.first_sample != len(known.samples):
            self._speech = utterance if utterance.first_sample == 0 else None
            return
        samples = np.concatenate([known.samples, utterance.samples])
        if len(samples) <= _LONGEST_SAMPLES:
            self._speech = replace(utterance, samples=samples, first_sample=0, start_ns=known.start_ns)

    def estimate(self, now_ns: int, dialogue: Dialogue) -> EmotionEstimate | None:
        """Return what is felt now; None when nothing fresh is known, or too soon after the last one."""
        if self._last_ns is not None and 0 <= now_ns - self._last_ns < self._options.live_period_ms * 1e6:
            return None
        face, audio, text = self._face(now_ns), self._audio(now_ns), self._text(dialogue)
        if not any(item.available for item in (face, audio, text)):
            return None
        self._last_ns = now_ns
        speech, window = self._speech, self._window if face.available else None
        source = speech or window
        assert source is not None  # something is available, and words only come with speech
        return self._judge.decide(
            {Modality.FACE: face, Modality.AUDIO: audio, Modality.TEXT: text},
            dialogue,
            person_of(window),
            utterance_id=speech.id if speech else 0,
            start_ns=source.start_ns,
            end_ns=source.end_ns,
            is_final=False,
            transcript=self._words.text if self._words else "",
            face_id=window.track_id if window else 0,
            dialogue_id=dialogue.id,
            turn=dialogue.count,
        )

    def _fresh(self, end_ns: int, now_ns: int) -> bool:
        return abs(now_ns - end_ns) <= self._options.live_horizon_ms * 1e6

    def _face(self, now_ns: int) -> ModalityEstimate:
        window = self._window
        if self._experts.face is None or window is None or not self._fresh(window.end_ns, now_ns):
            return ModalityEstimate(Modality.FACE, reason="no face seen lately")
        return self._experts.face.estimate(window)

    def _audio(self, now_ns: int) -> ModalityEstimate:
        speech = self._speech
        if self._experts.audio is None or speech is None or not self._fresh(speech.end_ns, now_ns):
            return ModalityEstimate(Modality.AUDIO, reason="nobody speaks")
        return self._experts.audio.estimate(replace(speech, state=SpeechState.ENDED))  # as if it ended now

    def _text(self, dialogue: Dialogue) -> ModalityEstimate:
        words, speech = self._words, self._speech
        if self._experts.text is None or words is None or speech is None or words.utterance_id != speech.id:
            return ModalityEstimate(Modality.TEXT, reason="no words yet")
        return self._experts.text.estimate(words, dialogue.context())


def person_of(window: VisualWindow | None) -> str:
    """Return who is seen: the track stands for the person; empty when there is no face."""
    return f"face-{window.track_id}" if window is not None and window.track_id else ""
