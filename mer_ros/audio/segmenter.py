"""Cuts a stretch of sound into utterances by voice activity, frame by frame, whatever the size of the blocks.

Every decision is taken at the end of a frame of the detector and looks at frames alone.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace

import numpy as np

from mer_ros.audio.buffer import SampleBuffer
from mer_ros.audio.level import NoiseFloor, frame_power
from mer_ros.audio.segmenter_options import SegmenterOptions
from mer_ros.audio.stream import NS_PER_SAMPLE, AudioBlock
from mer_ros.audio.vad import VoiceActivity
from mer_ros.utterance import PAUSE, SAMPLE_RATE, SpeechState, Utterance

_PIECE = SAMPLE_RATE  # a longer block is worked off in pieces, so that the buffer can be small


@dataclass(frozen=True)
class _Frame:
    end: int
    probability: float
    power: float


@dataclass
class _Open:
    """The utterance that is being collected; sample numbers are those of the stretch."""

    start: int
    start_ns: int
    last_speech: int
    speech_samples: int
    is_rest: bool = False  # what a cut at the longest length left over
    id: int = 0  # 0: not yet long enough to be told
    told: int = 0  # samples before this number were sent
    spoken: int = 0  # speech up to this number was told
    next_update: int = 0
    paused: int = 0  # the last speech whose pause was told


class UtteranceSegmenter:
    """Blocks in, utterances out: STARTED, then ONGOING, then ENDED, each utterance exactly one STARTED and ENDED.

    What STARTED and ONGOING sent, joined, is always the beginning of what ENDED sends. While speech nears the longest
    length, where it may be cut further back, ONGOING comes without samples; its end_ns is how far somebody has spoken.
    As soon as nobody has spoken for the tail, what is left is told as a PAUSE: unless somebody goes on, that was all.
    counts: utterances, too_short (dropped before STARTED), cut (at the longest length), ended_by_gap.
    """

    def __init__(self, vad: VoiceActivity, options: SegmenterOptions | None = None) -> None:
        self.options = options or SegmenterOptions()
        self.counts: Counter[str] = Counter()
        self._vad = vad
        self._length = vad.frame_length
        self._limits = self.options.in_frames(vad.frame_length)
        self._buffer = SampleBuffer(self._limits.most_samples + 2 * _PIECE)
        self._frames: deque[_Frame] = deque(maxlen=self._limits.most_samples // self._length + 2)
        self._lost: deque[tuple[int, int]] = deque()
        self._last_id = 0
        self._stretch: int | None = None
        self.reset()

    def reset(self) -> None:
        """Forget sound, utterance and noise floor. Counts and the numbering of utterances stay."""
        self._noise = NoiseFloor(self._length / SAMPLE_RATE)
        self._clear()

    def _clear(self) -> None:
        self._vad.reset()
        self._buffer.clear()
        self._frames.clear()
        self._lost.clear()
        self._open: _Open | None = None
        self._judged = 0
        self._floor = 0  # no utterance starts before this sample
        self._floor_ns = 0

    def push(self, block: AudioBlock) -> list[Utterance]:
        """Take the next block; a block of a new stretch first ends what was open, by "gap"."""
        events: list[Utterance] = []
        if block.stretch != self._stretch:
            events += self._end_stretch("gap")
            self._stretch = block.stretch
        self._anchor_ns = block.anchor_ns
        self._lost.extend(block.lost)
        for first in range(0, len(block.samples), _PIECE):
            self._buffer.append(block.samples[first : first + _PIECE])
            while self._buffer.end - self._judged >= self._length:
                events += self._frame()
            self._forget()
        return events

    def flush(self) -> list[Utterance]:
        """End what is open, by "stop"; the next block begins anew."""
        events = self._end_stretch("stop")
        self._stretch = None
        return events

    def _end_stretch(self, reason: str) -> list[Utterance]:
        events = []
        if self._open is not None:
            events = self._close(min(self._speech_end(self._open), self._buffer.end), reason)
        self._clear()
        return events

    def _frame(self) -> list[Utterance]:
        samples = self._buffer.read(self._judged, self._judged + self._length)
        self._judged += self._length
        frame = _Frame(self._judged, self._vad.probability(samples), frame_power(samples))
        self._frames.append(frame)
        if self._open is None:
            return self._idle(frame)
        return self._speaking(self._open, frame)

    def _idle(self, frame: _Frame) -> list[Utterance]:
        if frame.probability < self.options.keep_probability:
            self._noise.update(frame.power)
        window = list(self._frames)[-self._limits.onset_window :]
        speech = [f for f in window if self._is_speech(f) and f.end > self._floor]
        if len(speech) < self._limits.onset_speech:
            return []
        start = max(speech[0].end - self._length - self._limits.pre_roll, self._floor, self._buffer.first)
        self._open = self._begin(start, speech[-1].end, len(speech) * self._length)
        return self._tell(self._open)

    def _speaking(self, now: _Open, frame: _Frame) -> list[Utterance]:
        if frame.probability >= self.options.keep_probability:
            now.last_speech = frame.end
        now.speech_samples += self._length * self._is_speech(frame)
        quiet = [f for f in list(self._frames)[-self._limits.hang_over :] if f.end > now.start]
        kept = sum(f.probability >= self.options.keep_probability for f in quiet)
        if len(quiet) == self._limits.hang_over and kept <= self._limits.hang_over_speech:
            for f in quiet:
                if f.end > now.last_speech:
                    self._noise.update(f.power)
            return self._close(min(self._speech_end(now), frame.end), "silence")
        if frame.end - now.start + self._length > self._limits.longest:
            return self._cut(now)
        return self._tell(now)

    def _tell(self, now: _Open) -> list[Utterance]:
        """STARTED or ONGOING, when due; never samples that ENDED might leave out."""
        state = SpeechState.ONGOING
        if not now.id:
            if now.speech_samples < (1 if now.is_rest else self._limits.shortest):
                return []
            state = SpeechState.STARTED
            now.id = self._last_id = self._last_id + 1
            self.counts["utterances"] += 1
        pause = self._judged - now.last_speech >= self._limits.pause and now.paused != now.last_speech
        if state is SpeechState.ONGOING and self._judged < now.next_update and not pause:
            return []
        spoken = min(self._speech_end(now), self._judged)
        if spoken <= now.spoken and state is SpeechState.ONGOING and not pause:
            return []
        first, now.spoken = now.told, max(now.spoken, spoken)
        now.told = max(now.told, min(spoken, now.start + self._limits.longest - self._limits.cut_search))
        now.next_update = self._judged + self._limits.update
        if pause:
            now.paused = now.last_speech
        all_told = pause and now.told == self._speech_end(now)
        event = self._utterance(now, state, first, now.told, PAUSE if all_told else "")
        if now.told == first:
            event = replace(event, end_ns=now.start_ns + (now.spoken - now.start) * NS_PER_SAMPLE)
        return [event]

    def _cut(self, now: _Open) -> list[Utterance]:
        """End at the quietest moment of the last part, and go on with the rest."""
        frames = [f for f in self._frames if f.end > now.start + self._limits.longest - self._limits.cut_search]
        # 10 dB less sound counts as much as half as much speech, over 5 frames: pauses, not the closure of a stop.
        cost = np.array([10 * np.log10(f.power) + 20 * f.probability for f in frames])
        smooth = np.convolve(np.pad(cost, 2, mode="edge"), np.full(5, 0.2), mode="valid")
        cut = frames[int(np.argmin(smooth))].end
        self.counts["cut"] += 1
        events = self._close(cut, "length")
        rest = [f for f in frames if f.end > cut]
        kept = [f for f in rest if f.probability >= self.options.keep_probability]
        if kept:
            speech = self._length * sum(map(self._is_speech, rest))
            self._open = self._begin(cut, kept[-1].end, speech)
            self._open.is_rest = True
            events += self._tell(self._open)
        return events

    def _begin(self, start: int, last_speech: int, speech_samples: int) -> _Open:
        # The clock may have drifted since the last utterance: two of one stretch must not overlap.
        start_ns = max(self._anchor_ns + start * NS_PER_SAMPLE, self._floor_ns)
        return _Open(start, start_ns, last_speech, speech_samples, told=start, spoken=start)

    def _close(self, end: int, reason: str) -> list[Utterance]:
        now, self._open = self._open, None
        assert now is not None
        if not now.id:
            self.counts["too_short"] += 1
            return []
        if reason == "gap":
            self.counts["ended_by_gap"] += 1
        event = self._utterance(now, SpeechState.ENDED, now.start, end, reason)
        self._floor, self._floor_ns = end, event.end_ns
        return [event]

    def _utterance(self, now: _Open, state: SpeechState, first: int, end: int, reason: str) -> Utterance:
        speech = [f.power for f in self._frames if now.start < f.end <= end and self._is_speech(f)]
        snr_db = self._noise.snr_db(float(np.mean(speech))) if speech else float("nan")
        lost = sum(max(0, min(end, last) - max(now.start, begin)) for begin, last in self._lost)
        end_ns = now.start_ns + (end - now.start) * NS_PER_SAMPLE
        samples = self._buffer.read(first, end)
        return Utterance(
            now.id, state, now.start_ns, end_ns, samples, first - now.start, snr_db, lost_samples=lost, ended_by=reason
        )

    def _is_speech(self, frame: _Frame) -> bool:
        return frame.probability >= self.options.speech_probability

    def _speech_end(self, now: _Open) -> int:
        return now.last_speech + self._limits.tail

    def _forget(self) -> None:
        keep = self._judged - self._limits.pre_roll - self._limits.onset_window * self._length
        if self._open is not None:
            keep = min(keep, self._open.start)
        self._buffer.drop_before(keep)
        while self._lost and self._lost[0][1] <= self._buffer.first:
            self._lost.popleft()
