"""Steady stamps for a device's sound: counted in samples, held to the measured times."""

from __future__ import annotations

NS = 1_000_000_000
LOST_NS = 40_000_000  # a measured time further off than this is a hole or a jump of the clock, no jitter
PULL = 0.02  # of the error corrected with each chunk: follows 100 ppm of drift, passes 2 % of the jitter


class SampleClock:
    """Turns measured times of first samples into stamps without jitter.

    Chunk after chunk the stamp advances by the length of the samples and is pulled a little towards what was
    measured, so that it follows a device whose rate is slightly off. After a hole it starts anew.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._next_ns: int | None = None
        self.restarts = 0

    def stamp(self, measured_ns: int, samples: int) -> int:
        """Return the stamp of a chunk of `samples` whose first sample was measured at `measured_ns`."""
        if self._next_ns is None or abs(measured_ns - self._next_ns) > LOST_NS:
            self.restarts += self._next_ns is not None
            stamp = measured_ns
        else:
            stamp = self._next_ns + round(PULL * (measured_ns - self._next_ns))
        self._next_ns = stamp + round(samples * NS / self._rate)
        return stamp
