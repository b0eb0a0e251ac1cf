from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.nodes.sample_clock import LOST_NS, SampleClock

MS = 1_000_000
START = 1_700_000_000_000_000_000


@given(st.lists(st.integers(-10 * MS, 10 * MS), min_size=1, max_size=200))
def test_jitter_is_smoothed_and_stamps_advance(jitter):
    clock = SampleClock(16_000)
    stamps = [clock.stamp(START + 20 * MS * k + j, 320) for k, j in enumerate(jitter)]
    steps = np.diff(stamps)
    assert np.all(np.abs(steps - 20 * MS) < 1 * MS)
    assert np.all(np.abs(np.array(stamps) - START - 20 * MS * np.arange(len(stamps))) <= 11 * MS)
    assert clock.restarts == 0


def test_a_device_that_runs_fast_is_followed():
    clock = SampleClock(16_000)
    period = 20 * MS * (1 - 200e-6)
    late = [clock.stamp(round(START + k * period), 320) - (START + k * period) for k in range(20_000)]
    assert max(map(abs, late)) < 1 * MS


def test_a_hole_starts_anew():
    clock = SampleClock(16_000)
    clock.stamp(START, 320)
    assert clock.stamp(START + 20 * MS + LOST_NS + 1, 320) == START + 20 * MS + LOST_NS + 1
    assert clock.restarts == 1
