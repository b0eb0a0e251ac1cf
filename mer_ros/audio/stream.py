"""From a driver's audio chunks to one gapless signal: 16 kHz mono int16, with the time of each sample.

Stages behind this one see stretches: within a stretch sample n lies at its anchor plus n times 62,500 ns exactly.
How the driver cuts its chunks changes neither samples nor, when its stamps are exact, times.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from mer_ros.audio.samples import checked, mono
from mer_ros.errors import OptionError
from mer_ros.utterance import SAMPLE_RATE, AudioChunk

NS_PER_SAMPLE = 1_000_000_000 // SAMPLE_RATE
_ROUNDING_NS = 1_000  # stamps made with floating point are this far off without any drift


@dataclass(frozen=True)
class StreamOptions:
    """How stamps are trusted.

    jitter_ms: a stamp this far or less from the time that counting samples gives is jitter, and continues the
    signal; the clock follows it slowly. fill_ms: a longer forward gap up to this is filled with silence and counted
    as lost; one beyond it, like a jump back beyond the jitter, starts a new stretch. drift_time_s: time constant
    with which the clock follows the stamps, so that a sound card 100 ppm off lags by 0.1 ms per second of it.
    longest_chunk_s: a longer chunk is refused.
    """

    jitter_ms: float = 50.0
    fill_ms: float = 300.0
    drift_time_s: float = 10.0
    longest_chunk_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("jitter_ms", "drift_time_s", "longest_chunk_s"):
            if not 0 < getattr(self, name) < 1e6:
                raise OptionError(f"{name} is {getattr(self, name)}: give a number above 0")
        if not self.jitter_ms <= self.fill_ms < 1e5:
            raise OptionError(f"fill_ms is {self.fill_ms}: give jitter_ms ({self.jitter_ms}) or more, up to 100000")


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


class AudioStream:
    """Chunks in, blocks out. States its latency: none at 16 kHz, else the resampler's, 0.04 to 0.12 s of audio.

    counts: chunks, rate_changes, filled_gaps, lost_samples (at 16 kHz), gaps (forward, too long to fill), jumps_back.
    """

    def __init__(self, options: StreamOptions | None = None) -> None:
        self.options = options or StreamOptions()
        self.counts: Counter[str] = Counter()
        self._stretch = 0
        self.reset()

    def reset(self) -> None:
        """Forget the signal; the next chunk starts a new stretch. Counts stay."""
        self._rate = 0
        self._anchor_ns = 0
        self._received = 0
        self._produced = 0
        self._resampler: soxr.ResampleStream | None = None

    def push(self, chunk: AudioChunk) -> list[AudioBlock]:
        """Take one chunk; InputError, with nothing changed, if it cannot be used."""
        checked(chunk, self.options.longest_chunk_s)
        signal = mono(chunk.samples)
        self.counts["chunks"] += 1
        blocks: list[AudioBlock] = []
        missing = self._follow(chunk)
        if missing is None:
            blocks += self.flush()
            self._begin(chunk)
            missing = 0
        lost: tuple[tuple[int, int], ...] = ()
        if missing:
            lost = (self._lost_range(missing),)
            signal = np.concatenate([np.zeros(missing, np.float32), signal])
        self._received += len(signal)
        return [*blocks, self._block(self._resample(signal, last=False), lost)]

    def flush(self) -> list[AudioBlock]:
        """What the resampler still holds; the next chunk starts a new stretch."""
        blocks = []
        if self._resampler is not None:
            blocks = [self._block(self._resample(np.zeros(0, np.float32), last=True), ())]
        self.reset()
        return blocks

    def _begin(self, chunk: AudioChunk) -> None:
        self._stretch += 1
        self._rate = chunk.sample_rate
        self._anchor_ns = chunk.stamp_ns
        if self._rate != SAMPLE_RATE:
            self._resampler = soxr.ResampleStream(self._rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")

    def _follow(self, chunk: AudioChunk) -> int | None:
        """Samples to fill in before this chunk, or None where it starts a new stretch."""
        if not self._rate:
            return None
        if chunk.sample_rate != self._rate:
            self.counts["rate_changes"] += 1
            return None
        error_ns = chunk.stamp_ns - self._anchor_ns - self._received * 1_000_000_000 // self._rate
        if error_ns < -self.options.jitter_ms * 1e6:
            self.counts["jumps_back"] += 1
            return None
        if error_ns > self.options.fill_ms * 1e6:
            self.counts["gaps"] += 1
            return None
        if error_ns > self.options.jitter_ms * 1e6:
            self.counts["filled_gaps"] += 1
            return round(error_ns * self._rate / 1e9)
        if abs(error_ns) < _ROUNDING_NS:
            return 0
        share = min(1.0, len(chunk.samples) / self._rate / self.options.drift_time_s)
        self._anchor_ns += int(error_ns * share)
        return 0

    def _lost_range(self, missing: int) -> tuple[int, int]:
        first = self._received * SAMPLE_RATE // self._rate
        last = (self._received + missing) * SAMPLE_RATE // self._rate
        self.counts["lost_samples"] += last - first
        return first, last

    def _resample(self, signal: NDArray[np.float32], last: bool) -> NDArray[np.float32]:
        return signal if self._resampler is None else self._resampler.resample_chunk(signal, last=last)

    def _block(self, signal: NDArray[np.float32], lost: tuple[tuple[int, int], ...]) -> AudioBlock:
        samples = np.clip(np.rint(signal * 32768.0), -32768, 32767).astype(np.int16)
        first = self._produced
        self._produced += len(samples)
        return AudioBlock(self._stretch, self._anchor_ns, first, samples, lost)
