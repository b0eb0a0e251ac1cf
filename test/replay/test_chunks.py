from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.replay.chunks import cut_chunks

MS = 1_000_000


def blocks_of(lengths, stamps=None):
    at = 0
    for number, length in enumerate(lengths):
        yield (stamps[number] if stamps else None), np.arange(at, at + length, dtype=np.int16)[:, None]
        at += length


@given(st.lists(st.integers(0, 70), max_size=30), st.integers(1, 50))
def test_every_sample_once_and_on_time(lengths, length):
    chunks = list(cut_chunks(blocks_of(lengths), 1000, length, 7 * MS))
    samples = [int(v) for chunk in chunks for v in chunk.samples[:, 0]]
    assert samples == list(range(sum(lengths)))
    for chunk in chunks:
        assert chunk.stamp_ns == 7 * MS + int(chunk.samples[0, 0]) * MS
    assert all(len(chunk.samples) == length for chunk in chunks[:-1])


def test_jitter_of_stamps_is_smoothed():
    stamps = [0, 9 * MS, 21 * MS, 30 * MS]
    chunks = list(cut_chunks(blocks_of([10] * 4, stamps), 1000, 10, 0))
    assert [c.stamp_ns for c in chunks] == [0, 10 * MS, 20 * MS, 30 * MS]


def test_a_hole_is_kept():
    chunks = list(cut_chunks(blocks_of([10, 10], [0, 500 * MS]), 1000, 8, 0))
    assert [(c.stamp_ns // MS, len(c.samples)) for c in chunks] == [(0, 8), (8, 2), (500, 8), (508, 2)]


@pytest.mark.parametrize("back", [-400, -60, 0])
def test_stamps_never_go_back(back):
    chunks = list(cut_chunks(blocks_of([100, 100], [1000 * MS, (1100 + back) * MS]), 1000, 10, 0))
    stamps = [c.stamp_ns for c in chunks]
    assert stamps == [(1000 + 10 * k) * MS for k in range(20)]
