"""Utterances in, transcripts out: partial ones while somebody speaks, one final at the end."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque

import numpy as np
from numpy.typing import NDArray

from mer_ros.speech.recogniser import Recogniser, Recognition, SpeechOptions
from mer_ros.utterance import PAUSE, SAMPLE_RATE, SpeechState, Transcript, Utterance

_log = logging.getLogger(__name__)
_REMEMBERED = 64


class Transcriber:
    """Feeds a recogniser with utterances.

    Partial transcripts hold what was heard up to a multiple of `partial_period_ms`, or to a pause, so that they do not
    depend on how the speech was cut. The final is of all samples that ENDED carries, whether or not the rest arrived;
    where nobody spoke after a pause they were heard at the pause, and a recogniser that knows so has the words ready.

    interim: whether partial transcripts are wanted; a machine that cannot keep up does without.
    counts: `gaps` (utterances with a piece missing, hence without further partials), `unfinished` (another began
    before ENDED), `repeated` (ENDED again), `too_long` (cut), `failed` (the recogniser raised; the final is empty).
    """

    def __init__(self, recogniser: Recogniser, options: SpeechOptions | None = None) -> None:
        self.recogniser = recogniser
        self.counts: Counter[str] = Counter()
        self.interim = True
        options = options or SpeechOptions()
        self._period = options.partial_period_ms * SAMPLE_RATE // 1000
        self._pauses = options.hear_at_pauses
        self._longest = int(options.max_utterance_s * SAMPLE_RATE)
        # Ids start again from 1 when the microphone's node does; the start tells such utterances apart.
        self._current: tuple[int, int] | None = None
        self._ended: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._heard = 0
        self._whole = True
        self._last_text = ""

    def push(self, utterance: Utterance) -> list[Transcript]:
        """What this piece of speech adds: nothing, a partial transcript, or the final one. Never raises."""
        key = (utterance.id, utterance.start_ns)
        if key not in self._ended or utterance.state is SpeechState.STARTED:
            # It is told for the first time, so those known from then on are of an earlier play of the recording.
            known = [(number, start_ns) for number, start_ns in self._ended if start_ns < utterance.start_ns]
            self._ended = deque(known, maxlen=_REMEMBERED)
        if key in self._ended:
            self.counts["repeated"] += 1
            return []
        started = time.perf_counter()
        try:
            if key != self._current:
                self._begin(key)
            if utterance.state is SpeechState.ENDED:
                return [self._final(utterance, started)]
            return self._partial(utterance, started)
        except Exception as error:  # whatever a backend raises: words are lost, the utterance is not
            self.counts["failed"] += 1
            _log.warning("%s failed on utterance %d: %s", self.recogniser.name, utterance.id, error)
            self._whole = False
            if utterance.state is SpeechState.ENDED:
                return [self._transcript(utterance, Recognition(""), started, is_final=True)]
            return []
        finally:
            if utterance.state is SpeechState.ENDED:
                self._ended.append(key)
                self._current = None

    def _begin(self, key: tuple[int, int]) -> None:
        if self._current is not None:
            self.counts["unfinished"] += 1
        self._current = key
        self._heard = 0
        self._whole = True
        self._last_text = ""
        self.recogniser.reset()

    def _partial(self, utterance: Utterance, started: float) -> list[Transcript]:
        samples = utterance.samples
        if not self._whole or self._heard >= self._longest:
            return []
        if utterance.first_sample != self._heard:
            self.counts["gaps"] += 1
            self._whole = False
            return []
        samples = samples[: self._longest - self._heard]
        # Heard up to a pause, or to the last whole period in this piece; the rest waits for the next one.
        end = self._heard + len(samples)
        period = self._period if self.interim else 0
        cut = end - end % period - self._heard if period else 0
        pause = self._pauses and utterance.ended_by == PAUSE
        if cut <= 0 and not pause:
            self._accept(samples)
            return []
        cut = len(samples) if pause else cut
        self._accept(samples[:cut])
        text = self.recogniser.partial()
        self._accept(samples[cut:])
        if not text or text == self._last_text or not period:
            return []
        self._last_text = text
        return [self._transcript(utterance, Recognition(text), started, is_final=False)]

    def _final(self, utterance: Utterance, started: float) -> Transcript:
        samples = utterance.samples
        if len(samples) > self._longest:
            self.counts["too_long"] += 1
            samples = samples[: self._longest]
        if not self._whole or self._heard > len(samples):
            self.recogniser.reset()
            self._heard = 0
        self._accept(samples[self._heard :])
        return self._transcript(utterance, self.recogniser.finish(), started, is_final=True)

    def _accept(self, samples: NDArray[np.int16]) -> None:
        if len(samples):
            self.recogniser.accept(samples)
            self._heard += len(samples)

    def _transcript(self, utterance: Utterance, heard: Recognition, started: float, *, is_final: bool) -> Transcript:
        return Transcript(
            utterance_id=utterance.id,
            start_ns=utterance.start_ns,
            end_ns=utterance.end_ns,
            text=heard.text,
            is_final=is_final,
            confidence=heard.confidence,
            language=self.recogniser.language,
            source=self.recogniser.name,
            latency_ms=(time.perf_counter() - started) * 1e3,
        )
