from __future__ import annotations

import numpy as np
import pytest

from mer_ros.replay.tail import with_tail
from mer_ros.utterance import AudioChunk, Frame

MS = 1_000_000


def chunk(ms, samples=320, channels=2):
    return AudioChunk(ms * MS, np.ones((samples, channels), np.int16), 16_000)


def frame(ms):
    return Frame(ms * MS, np.zeros((2, 2, 3), np.uint8))


@pytest.mark.parametrize("last", [320, 100])
def test_silence_follows_without_a_hole(last):
    out = list(with_tail([chunk(0), frame(5), chunk(20, last)], 1.0))
    sound = [e for e in out if isinstance(e, AudioChunk)]
    at = 0
    for item in sound:
        assert item.stamp_ns == pytest.approx(at * 1e9 / 16_000, abs=10)
        at += len(item.samples)
    assert 1.0 <= (at - 320 - last) / 16_000 < 1.03
    assert all(not item.samples.any() for item in sound[2:])
    assert {item.samples.shape[1] for item in sound} == {2}


def test_sound_that_ends_before_the_video_is_filled_up():
    out = list(with_tail([chunk(0), *(frame(k * 100) for k in range(10))], 0.5))
    stamps = [e.stamp_ns for e in out]
    assert np.all(np.diff(stamps) >= -40 * MS)
    sound = [e.stamp_ns for e in out if isinstance(e, AudioChunk)]
    assert np.all(np.diff(sound) == 20 * MS)
    assert sound[-1] == (900 + 500 - 20) * MS


def test_no_sound_stays_no_sound():
    events = [frame(0), frame(40)]
    assert list(with_tail(events, 2.0)) == events


def test_nothing_stays_nothing():
    assert list(with_tail([], 2.0)) == []


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_was_set_is_not_filled_up(hours):
    later = 5_000_000 + hours * 3_600_000
    before = [chunk(5_000_000), frame(5_000_000)]
    out = list(with_tail([*before, frame(later), chunk(later + 10), frame(later + 40)], 0.5))
    assert len(out) < 35
    assert out[-1].stamp_ns == pytest.approx((later + 540) * MS, abs=30 * MS)
