from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.audio.buffer import SampleBuffer


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 60)), max_size=40))
def test_it_keeps_the_last_samples(steps):
    buffer = SampleBuffer(100)
    signal = np.arange(3000, dtype=np.int16)
    for add, keep in steps:
        buffer.append(signal[buffer.end : buffer.end + add])
        buffer.drop_before(buffer.end - keep)
        assert buffer.end - buffer.first <= 60
        np.testing.assert_array_equal(buffer.read(buffer.first, buffer.end), signal[buffer.first : buffer.end])


def test_what_was_dropped_cannot_be_read():
    buffer = SampleBuffer(10)
    buffer.append(np.arange(10, dtype=np.int16))
    buffer.drop_before(4)
    for first, end in ((3, 5), (5, 11), (6, 5)):
        with pytest.raises(IndexError, match=r"of 4\.\.10"):
            buffer.read(first, end)
