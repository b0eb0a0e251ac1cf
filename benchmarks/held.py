"""What the processes of a graph hold at one time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from live import cpu_s, shared_mb


@dataclass
class Sample:
    """at_s: since playing began. mb: of each process, resident, pages that processes share counted once.

    cpu_s: spent so far. delay_ms: by how much the sound is late against the pictures, as the camera node knows it.
    """

    at_s: float
    mb: dict[str, float] = field(default_factory=dict)
    descriptors: int = 0
    threads: int = 0
    cpu_s: float = 0.0
    delay_ms: int = 0

    @property
    def all_mb(self) -> float:
        """Of all processes."""
        return sum(self.mb.values())


def look(pids: Mapping[str, int], at_s: float, delay_ms: int = 0) -> Sample:
    """Look at the processes once; one that is gone counts nothing."""
    sample = Sample(at_s, delay_ms=delay_ms)
    for name, pid in pids.items():
        with suppress(OSError, StopIteration):
            sample.mb[name] = shared_mb([pid])
            sample.descriptors += len(os.listdir(f"/proc/{pid}/fd"))
            sample.threads += len(os.listdir(f"/proc/{pid}/task"))
            sample.cpu_s += cpu_s(pid)
    return sample
