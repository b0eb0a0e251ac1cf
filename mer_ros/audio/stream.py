"""From a driver's audio chunks to one gapless signal: 16 kHz mono int16, with the time of each sample.

Stages behind this one see stretches: within a stretch sample n lies at its anchor plus n times 62,500 ns exactly.
How the driver cuts its chunks changes neither samples nor, when its stamps are exact, times.

A stamp that does not fit may be wrong alone: many drivers stamp when they get to it, so that a stall of the machine
makes some chunks late, and the next ones are in time again. Nothing is missing then. So chunks whose stamps do not fit
wait; if a later stamp fits again they are passed on as counted, and if none does the clock is believed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import soxr
from numpy.typing import NDArray

from mer_ros.audio.samples import checked, mono
from mer_ros.errors import OptionError
from mer_ros.utterance import SAMPLE_RATE, AudioChunk

NS_PER_SAMPLE = 1_000_000_000 // SAMPLE_RATE
_ROUNDING_NS = 1_000  # stamps made with floating point are this far off without any drift
_CONFIRM_S = 0.5  # audio, of two chunks at least, whose stamps must all be off before they are believed
# Times of arrival tell of a pause only if it is longer than what messages queue up for.
_UNSTAMPED_TOLERANCE_NS = 1_000_000_000


@dataclass(frozen=True)
class StreamOptions:
    """How stamps are trusted.

    jitter_ms: a stamp this far or less from the time that counting samples gives is jitter, and continues the
    signal; the clock follows it slowly. fill_ms: a longer forward gap up to this is filled with silence and counted
    as lost; one beyond it, like a jump back beyond the jitter, starts a new stretch. All of these hold only if the
    next 0.5 s of audio agrees. drift_time_s: time constant with which the clock follows the stamps, so that a sound
    card 100 ppm off lags by 0.1 ms per second of it. longest_chunk_s: a longer chunk is refused. frozen_ms: the same
    chunk again and again for so long is no sound, and silence from then on; 0 for never.

    Chunks that are not `stamped` are counted, and the clock follows their arrival slowly; more than 1 s off, they
    start a new stretch, and nothing is filled. A stamp that is that of the chunk before tells nothing either.
    """

    jitter_ms: float = 50.0
    fill_ms: float = 300.0
    drift_time_s: float = 10.0
    longest_chunk_s: float = 60.0
    frozen_ms: float = 1_000.0

    def __post_init__(self) -> None:
        for name in ("drift_time_s", "longest_chunk_s"):
            if not 0 < getattr(self, name) < 1e6:
                raise OptionError(f"{name} is {getattr(self, name)}: give a number above 0")
        if not 1 <= self.jitter_ms < 1e5:  # no less than a few samples, which stamps are rounded to
            raise OptionError(f"jitter_ms is {self.jitter_ms}: give 1 to 100000")
        if not self.jitter_ms <= self.fill_ms < 1e5:
            raise OptionError(f"fill_ms is {self.fill_ms}: give jitter_ms ({self.jitter_ms}) or more, up to 100000")
        if not 0 <= self.frozen_ms < 1e5:
            raise OptionError(f"frozen_ms is {self.frozen_ms}: give 0 to 100000")


@dataclass(frozen=True)
class AudioBlock:
    """The next samples of a stretch. A new `stretch` number: what came before does not connect.

    samples: int16 [n], n may be 0; samples[0] is sample `first_sample` of its stretch. anchor_ns: time of the
    stretch's sample 0, as known now. lost: [from, to) sample numbers of the stretch newly filled with silence.
    """

    stretch: int
    anchor_ns: int
    first_sample: int
    samples: NDArray[np.int16]
    lost: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class _Piece:
    """A checked chunk. dated: its stamp is its own. error_ns: how much later it is than counting samples says."""

    chunk: AudioChunk
    signal: NDArray[np.float32]
    dated: bool
    error_ns: int = 0


class AudioStream:
    """Chunks in, blocks out. States its latency: none at 16 kHz, else the resampler's, 0.04 to 0.12 s of audio.

    While stamps do not fit, chunks wait for at most 0.5 s of audio, or two chunks if that is more; those that repeat
    the last stamp for as long again.

    counts: chunks, rate_changes, filled_gaps, lost_samples (at 16 kHz, filled with silence), gaps (forward, too long
    to fill), jumps_back, stray_stamps (off, and taken back by the next ones), repeated_stamps, frozen_chunks.
    is_frozen: whether the last chunk was left out, as it was that of before for long.
    lost_samples holds what was filled, no more: a loss of up to jitter_ms cannot be told from jitter. It is not
    filled; the sound behind it is early by as much, until the clock has followed or more losses add up to a gap.
    """

    def __init__(self, options: StreamOptions | None = None) -> None:
        self.options = options or StreamOptions()
        self.counts: Counter[str] = Counter()
        self._stretch = 0
        self.reset()

    def reset(self) -> None:
        """Forget the signal; the next chunk starts a new stretch. Counts stay."""
        self._start_anew()
        self.is_frozen = False
        self._last: tuple[int, NDArray[np.float32]] | None = None  # stamp and signal of the chunk before
        self._same_s = 0.0

    def _start_anew(self) -> None:
        """The next chunk starts a new stretch, but may still be what came before again."""
        self._rate = 0
        self._anchor_ns = 0
        self._received = 0
        self._produced = 0
        self._resampler: soxr.ResampleStream | None = None
        self._waiting: list[_Piece] = []  # the first of them dated
        self._waiting_samples = 0
        self._dated_samples = 0  # of them, up to the last that is dated

    def push(self, chunk: AudioChunk) -> list[AudioBlock]:
        """Take one chunk; InputError, with nothing changed, if it cannot be used."""
        checked(chunk, self.options.longest_chunk_s)
        piece = self._piece(chunk, mono(chunk.samples))
        self.counts["chunks"] += 1
        blocks: list[AudioBlock] = []
        if self._rate and chunk.sample_rate != self._rate:
            self.counts["rate_changes"] += 1
            blocks = self._drain()
        return blocks + self._take(piece)

    def flush(self) -> list[AudioBlock]:
        """What waits, its stamps believed, and what the resampler holds; the next chunk starts a new stretch."""
        blocks = self._drain()
        self.reset()
        return blocks

    def _drain(self) -> list[AudioBlock]:
        blocks: list[AudioBlock] = []
        while self._waiting:
            blocks += self._believe()
        return blocks + self._end()

    def _piece(self, chunk: AudioChunk, signal: NDArray[np.float32]) -> _Piece:
        before, self._last = self._last, (chunk.stamp_ns, signal)
        dated = before is None or not chunk.stamped or chunk.stamp_ns != before[0]
        same = before is not None and np.array_equal(signal, before[1]) and np.ptp(signal) > 0  # else it is silence
        self._same_s = self._same_s + len(signal) / chunk.sample_rate if same else 0.0
        self.is_frozen = 0 < self.options.frozen_ms <= 1e3 * self._same_s
        if not dated:
            self.counts["repeated_stamps"] += 1
        if self.is_frozen:
            self.counts["frozen_chunks"] += 1
        return _Piece(chunk, np.zeros_like(signal) if self.is_frozen else signal, dated)

    def _begin(self, anchor_ns: int, rate: int) -> None:
        self._stretch += 1
        self._rate = rate
        self._anchor_ns = anchor_ns
        if rate != SAMPLE_RATE:
            self._resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")

    def _end(self) -> list[AudioBlock]:
        blocks = []
        if self._resampler is not None:
            blocks = [self._block(self._resample(np.zeros(0, np.float32), last=True))]
        self._start_anew()
        return blocks

    def _take(self, piece: _Piece) -> list[AudioBlock]:
        chunk = piece.chunk
        if not self._rate:
            self._begin(chunk.stamp_ns, chunk.sample_rate)
        if self._waiting and not piece.dated:  # its own time is not known, but it belongs to the one before it
            return self._wait(replace(piece, error_ns=self._waiting[-1].error_ns))
        error_ns = chunk.stamp_ns - self._expected_ns(self._waiting_samples) if piece.dated else 0
        limit_ns = self.options.jitter_ms * 1e6 if chunk.stamped else _UNSTAMPED_TOLERANCE_NS
        fits = abs(error_ns) <= limit_ns
        blocks: list[AudioBlock] = []
        if self._waiting and (fits or (error_ns > 0) != (self._waiting[0].error_ns > 0)):
            blocks = self._release()
        if fits:
            self._drift(error_ns, len(piece.signal))
            return [*blocks, self._pass_on(piece.signal)]
        return blocks + self._wait(replace(piece, error_ns=error_ns))

    def _wait(self, piece: _Piece) -> list[AudioBlock]:
        """Keep a piece back. A stamp of its own is evidence; stamps that stand still are none, however long."""
        self._waiting.append(piece)
        self._waiting_samples += len(piece.signal)
        least = _CONFIRM_S * self._rate
        if piece.dated:
            self._dated_samples = self._waiting_samples
            return self._believe() if len(self._waiting) > 1 and self._waiting_samples >= least else []
        repeated = self._waiting_samples - self._dated_samples
        return self._release() if repeated > len(piece.signal) and repeated >= least else []

    def _release(self) -> list[AudioBlock]:
        """Pass on what waits: its stamps were wrong, the count of samples was right."""
        pieces, self._waiting, self._waiting_samples = self._waiting, [], 0
        self.counts["stray_stamps"] += len(pieces)
        return [self._pass_on(piece.signal) for piece in pieces]

    def _believe(self) -> list[AudioBlock]:
        """Move the clock to the stamps of what waits, by the least of their errors: the rest of them is lateness."""
        pieces, self._waiting, self._waiting_samples = self._waiting, [], 0
        error_ns = min((piece.error_ns for piece in pieces), key=abs)
        stamped = all(piece.chunk.stamped for piece in pieces)
        if stamped and 0 < error_ns <= self.options.fill_ms * 1e6:
            blocks = [self._fill(round(error_ns * self._rate / 1e9))]
        else:
            self.counts["gaps" if error_ns > 0 else "jumps_back"] += 1
            anchor_ns, rate = self._expected_ns() + error_ns, self._rate
            blocks = self._end()
            self._begin(anchor_ns, rate)
        for piece in pieces:
            blocks += self._take(piece)
        return blocks

    def _expected_ns(self, more: int = 0) -> int:
        """Time of the sample that comes after those received and `more`."""
        return self._anchor_ns + (self._received + more) * 1_000_000_000 // self._rate

    def _drift(self, error_ns: int, samples: int) -> None:
        if abs(error_ns) >= _ROUNDING_NS:
            share = min(1.0, samples / self._rate / self.options.drift_time_s)
            most_ns = self.options.jitter_ms * 1e6  # an arrival that is later than jitter weighs no more
            self._anchor_ns += int(max(-most_ns, min(error_ns, most_ns)) * share)

    def _fill(self, missing: int) -> AudioBlock:
        first = self._received * SAMPLE_RATE // self._rate
        last = (self._received + missing) * SAMPLE_RATE // self._rate
        self.counts["filled_gaps"] += 1
        self.counts["lost_samples"] += last - first
        return self._pass_on(np.zeros(missing, np.float32), ((first, last),))

    def _pass_on(self, signal: NDArray[np.float32], lost: tuple[tuple[int, int], ...] = ()) -> AudioBlock:
        self._received += len(signal)
        return self._block(self._resample(signal, last=False), lost)

    def _resample(self, signal: NDArray[np.float32], last: bool) -> NDArray[np.float32]:
        return signal if self._resampler is None else self._resampler.resample_chunk(signal, last=last)

    def _block(self, signal: NDArray[np.float32], lost: tuple[tuple[int, int], ...] = ()) -> AudioBlock:
        samples = np.clip(np.rint(signal * 32768.0), -32768, 32767).astype(np.int16)
        first = self._produced
        self._produced += len(samples)
        return AudioBlock(self._stretch, self._anchor_ns, first, samples, lost)
