from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.audio.stream import NS_PER_SAMPLE, AudioStream, StreamOptions
from mer_ros.errors import InputError, OptionError
from mer_ros.utterance import AudioChunk

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def chunks(signal, rate, sizes, start_ns=START):
    """The signal cut into chunks of these sizes, over and over, each with its exact stamp."""
    first, i = 0, 0
    while first < len(signal):
        size = sizes[i % len(sizes)]
        yield AudioChunk(start_ns + first * SECOND // rate, signal[first : first + size], rate)
        first, i = first + size, i + 1


def joined(blocks):
    """(samples, anchor) of the only stretch; checks that sample numbers go on without a hole."""
    assert {b.stretch for b in blocks} == {1}
    number = 0
    for block in blocks:
        assert block.first_sample == number
        number += len(block.samples)
    return np.concatenate([b.samples for b in blocks]), blocks[-1].anchor_ns


def through(signal, rate, sizes):
    stream = AudioStream()
    blocks = [b for chunk in chunks(signal, rate, sizes) for b in stream.push(chunk)]
    return joined(blocks + stream.flush())


def tone(rate, seconds=0.5, hertz=440.0):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def test_16khz_mono_int16_passes_unchanged():
    signal = np.random.default_rng(0).integers(-32768, 32768, 5000).astype(np.int16)
    samples, anchor = through(signal, 16_000, [160, 1, 333])
    np.testing.assert_array_equal(samples, signal)
    assert anchor == START


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000])
def test_every_rate_keeps_time_and_level(rate):
    samples, anchor = through(tone(rate).astype(np.float32), rate, [rate // 100])
    assert anchor == START
    assert abs(len(samples) - 8000) <= 1
    middle = slice(1000, 7000)  # the ends ring
    np.testing.assert_allclose(samples[middle] / 32768, tone(16_000)[middle], atol=2e-3)


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000]),
    st.lists(st.integers(1, 3000), min_size=1, max_size=5),
)
def test_chunk_sizes_do_not_matter(rate, sizes):
    signal = np.random.default_rng(rate).uniform(-0.5, 0.5, rate // 4).astype(np.float32)
    whole, whole_anchor = through(signal, rate, [len(signal)])
    pieces, pieces_anchor = through(signal, rate, sizes)
    np.testing.assert_array_equal(pieces, whole)
    assert pieces_anchor == whole_anchor


@pytest.mark.parametrize(
    ("samples", "tolerance"),
    [
        (np.rint(tone(16_000) * 32768).astype(np.int16), 1),
        (np.rint(tone(16_000) * 2**31).astype(np.int32), 1),
        (np.rint(tone(16_000) * 128 + 128).astype(np.uint8), 129),
        (tone(16_000).astype(np.float32), 1),
        (tone(16_000), 1),
        (np.stack([tone(16_000) * 1.5, tone(16_000) * 0.5], axis=1), 1),
        (np.rint(np.stack([tone(16_000) * 32768] * 3, axis=1)).astype(np.int16), 1),
    ],
    ids=["int16", "int32", "uint8", "float32", "float64", "stereo", "three channels"],
)
def test_every_type_gives_the_same_sound(samples, tolerance):
    (block,) = AudioStream().push(AudioChunk(START, samples, 16_000))
    assert np.abs(block.samples - tone(16_000) * 32768).max() <= tolerance


def test_overshoot_is_clipped():
    (block,) = AudioStream().push(AudioChunk(0, np.array([1.0, 1.4, -1.4]), 16_000))
    assert block.samples.tolist() == [32767, 32767, -32768]


@pytest.mark.parametrize(
    ("stamp", "samples", "rate", "words"),
    [
        (START, np.zeros(0, np.int16), 16_000, "without samples"),
        (START, np.zeros((0, 2), np.int16), 16_000, "without samples"),
        (START, np.zeros((4, 0), np.int16), 16_000, "shape"),
        (START, np.zeros((4, 65), np.int16), 16_000, "shape"),
        (START, np.zeros((2, 2, 2), np.int16), 16_000, "shape"),
        (START, np.array(1.0), 16_000, "shape"),
        (START, np.array([0.1, np.nan]), 16_000, "NaN"),
        (START, np.array([0.1, -np.inf]), 16_000, "NaN"),
        (START, np.array([0.1, 300.0]), 16_000, "scale"),
        (START, np.zeros(10, np.int64), 16_000, "int64"),
        (START, np.zeros(10, bool), 16_000, "bool"),
        (START, np.zeros(10, complex), 16_000, "complex"),
        (START, np.zeros(16_000 * 61, np.int16), 16_000, "split it"),
        (START, np.zeros(10, np.int16), 0, "8000"),
        (START, np.zeros(10, np.int16), 7_999, "8000"),
        (START, np.zeros(10, np.int16), 192_001, "8000"),
        (START, np.zeros(10, np.int16), 16_000.5, "8000"),
        (-1, np.zeros(10, np.int16), 16_000, "stamp"),
        (1.5, np.zeros(10, np.int16), 16_000, "stamp"),
    ],
)
def test_bad_chunks_are_refused_and_change_nothing(stamp, samples, rate, words):
    stream = AudioStream()
    ramp = np.arange(2000, dtype=np.int16)
    blocks = stream.push(AudioChunk(START, ramp[:1000], 16_000))
    with pytest.raises(InputError, match=words):
        stream.push(AudioChunk(stamp, samples, rate))
    blocks += stream.push(AudioChunk(START + 1000 * NS_PER_SAMPLE, ramp[1000:], 16_000))
    np.testing.assert_array_equal(joined(blocks)[0], ramp)


def push_all(stream, stamps_ms, size=1600, rate=16_000):
    blocks = []
    for stamp in stamps_ms:
        blocks += stream.push(AudioChunk(START + round(stamp * 1e6), np.full(size, 1000, np.int16), rate))
    return blocks


def test_jitter_is_ignored():
    stream = AudioStream()
    jitter = np.random.default_rng(0).uniform(-40, 40, 200)
    blocks = push_all(stream, 100 + np.arange(200) * 100 + np.r_[0, jitter[1:]])
    samples, anchor = joined(blocks)
    assert len(samples) == 200 * 1600
    assert abs(anchor - START - 100_000_000) < 10_000_000
    assert stream.counts == {"chunks": 200}


@pytest.mark.parametrize("ppm", [200, -200])
def test_drift_is_followed(ppm):
    stream = AudioStream()
    stamps = np.arange(6000) * 100 * (1 + ppm * 1e-6)  # ten minutes: 120 ms off at the end, beyond the tolerance
    blocks = push_all(stream, stamps)
    assert len({b.stretch for b in blocks}) == 1
    last = blocks[-1].anchor_ns + blocks[-1].first_sample * NS_PER_SAMPLE
    assert abs(last - START - stamps[-1] * 1e6) < 5_000_000


@pytest.mark.parametrize("rate", [16_000, 48_000, 44_100])
def test_small_gap_is_filled_with_silence(rate):
    stream = AudioStream()
    size = rate // 10
    blocks = push_all(stream, [0, 100, 350, 450], size, rate) + stream.flush()
    samples, anchor = joined(blocks)
    lost = 150 * 16
    assert abs(len(samples) - (4 * 1600 + lost)) <= 1
    assert anchor == START
    ((first, last),) = [r for b in blocks for r in b.lost]
    assert (first, last) == (3200, 3200 + lost)
    assert np.abs(samples[first + 200 : last - 200]).max() <= 1
    assert samples[first - 100] == pytest.approx(1000, abs=20)
    assert stream.counts == {"chunks": 4, "filled_gaps": 1, "lost_samples": lost}


@pytest.mark.parametrize(
    ("stamps", "count"),
    [
        ([0, 100, 2000, 2100], "gaps"),
        ([1000, 1100, 500, 600], "jumps_back"),
        ([1000, 1100, 1110], "jumps_back"),
        ([1000, 1100, *range(9000, 9700, 100)], "gaps"),
        ([9000, 9100, *range(1000, 1700, 100)], "jumps_back"),
    ],
)
def test_large_gap_and_jump_back_start_anew(stamps, count):
    stream = AudioStream()
    blocks = push_all(stream, stamps)
    confirmed = len(stamps) >= 7
    assert bool(stream.counts[count]) == confirmed
    blocks += stream.flush()
    assert [b.stretch for b in blocks if len(b.samples)] == [1, 1] + [2] * (len(stamps) - 2)
    assert blocks[-1].anchor_ns == START + stamps[2] * 1_000_000
    assert stream.counts == {"chunks": len(stamps), count: 1}


def arrivals(rng, stalls_ms, chunk_ms=20, count=400):
    """Times of arrival [ms] of chunks on a machine that stands still for so long now and then, then catches up."""
    stamps = np.arange(count) * float(chunk_ms) + rng.uniform(0, 3, count)
    for at in range(40, count, 60):
        stall = rng.uniform(*stalls_ms)
        late = (stamps >= stamps[at]) & (stamps < stamps[at] + stall)
        stamps[late] = stamps[at] + stall + 0.5 * np.arange(late.sum())
    return stamps


@pytest.mark.parametrize("stamped", [True, False])
@pytest.mark.parametrize("stalls_ms", [(55, 80), (60, 150), (200, 400)])
def test_chunks_that_are_only_late_are_continuous(stalls_ms, stamped):
    stream = AudioStream()
    sound = np.random.default_rng(1).integers(-9000, 9000, 400 * 320).astype(np.int16)
    blocks = []
    for i, stamp in enumerate(arrivals(np.random.default_rng(0), stalls_ms)):
        chunk = AudioChunk(START + round(stamp * 1e6), sound[i * 320 : (i + 1) * 320], 16_000, stamped)
        blocks += stream.push(chunk)
    samples, anchor = joined(blocks + stream.flush())
    np.testing.assert_array_equal(samples, sound)
    assert abs(anchor - START) < 20_000_000
    assert stream.counts["lost_samples"] == 0


@pytest.mark.parametrize("error_ms", [3_600_000, -1_000_000, 200, -200])
def test_one_stray_stamp_changes_nothing(error_ms):
    stream = AudioStream()
    stamps = 2_000_000 + np.arange(50) * 100.0
    stamps[20] += error_ms
    samples, anchor = joined(push_all(stream, stamps))
    assert len(samples) == 50 * 1600
    assert anchor == START + 2_000_000 * 1_000_000
    assert stream.counts == {"chunks": 50, "stray_stamps": 1}


def test_a_hole_is_filled_where_it_is_although_chunks_are_late():
    """200 ms are lost; after them stamps are up to 40 ms late."""
    late = np.random.default_rng(0).uniform(0, 40, 40)
    late[3] = 0.0
    stream = AudioStream()
    blocks = push_all(stream, np.r_[np.arange(10) * 20, 400 + np.arange(40) * 20 + late], size=320) + stream.flush()
    samples, _ = joined(blocks)
    assert [r for b in blocks for r in b.lost] == [(3200, 6400)]
    assert not samples[3200:6400].any()
    assert samples[:3200].all()
    assert samples[6400:].all()
    assert len(samples) == 3200 + 3200 + 40 * 320


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([8_000, 16_000, 48_000]),
    st.one_of(
        st.lists(st.tuples(st.integers(20, 1500), st.integers(60, 900)), min_size=1, max_size=4),
        st.lists(st.tuples(st.integers(20, 1500), st.integers(-2000, -60)), min_size=1, max_size=1),
    ),
    st.lists(st.integers(50, 30_000), min_size=1, max_size=4),
)
def test_chunk_sizes_do_not_matter_around_holes_and_jumps(rate, parts, sizes):
    """Parts of (length, jump after it), both in ms, with exact stamps."""

    def run(sizes):
        stream, start, blocks = AudioStream(), START, []
        rng = np.random.default_rng(0)
        for length, jump in [*parts, (1000, 0)]:
            signal = rng.uniform(-0.5, 0.5, length * rate // 1000).astype(np.float32)
            for chunk in chunks(signal, rate, sizes, start):
                blocks += stream.push(chunk)
            start += (length + jump) * 1_000_000
        blocks += stream.flush()
        numbers = sorted({b.stretch for b in blocks})
        return [
            (
                np.concatenate([b.samples for b in blocks if b.stretch == n]).tobytes(),
                {b.anchor_ns for b in blocks if b.stretch == n},
                [r for b in blocks if b.stretch == n for r in b.lost],
            )
            for n in numbers
        ], {name: count for name, count in stream.counts.items() if name != "chunks"}

    assert run(sizes) == run([rate // 50])


def test_waiting_chunks_are_bounded():
    stream = AudioStream()
    rng = np.random.default_rng(0)
    for stamp in rng.uniform(0, 1e9, 2000):
        stream.push(AudioChunk(START + round(stamp * 1e6), np.zeros(320, np.int16), 16_000))
        assert sum(len(piece.signal) for piece in stream._waiting) <= 8320
    total = sum(len(b.samples) for b in stream.flush())
    assert total <= 8320


def test_arrival_of_unstamped_chunks_is_no_measure_of_loss():
    stream = AudioStream()
    blocks, arrival = [], 0.0
    for i in range(500):  # 1 s of silence of arrival is a stall; 3 s are a pause
        arrival += {100: 900.0, 300: 3000.0}.get(i, 20.0)
        blocks += stream.push(AudioChunk(START + round(arrival * 1e6), np.zeros(320, np.int16), 16_000, stamped=False))
    assert {b.stretch for b in blocks} == {1, 2}
    assert stream.counts == {"chunks": 500, "gaps": 1}
    assert sum(len(b.samples) for b in blocks if b.stretch == 1) == 300 * 320


def test_a_loss_within_the_jitter_is_followed_by_the_clock_not_filled():
    stream = AudioStream()
    stamps = np.arange(3000) * 20.0
    stamps[500:] += 40  # two chunks of 20 ms are missing
    blocks = push_all(stream, stamps, size=320)
    last = blocks[-1].anchor_ns + blocks[-1].first_sample * NS_PER_SAMPLE
    assert abs(last - START - round(stamps[-1] * 1e6)) < 1_000_000
    assert stream.counts == {"chunks": 3000}


def test_rate_change_starts_anew_and_loses_nothing():
    stream = AudioStream()
    blocks = stream.push(AudioChunk(START, tone(48_000).astype(np.float32), 48_000))
    blocks += stream.push(AudioChunk(START + SECOND // 2, tone(16_000).astype(np.float32), 16_000))
    lengths = {n: sum(len(b.samples) for b in blocks if b.stretch == n) for n in (1, 2)}
    assert lengths == {1: 8000, 2: 8000}
    assert stream.counts["rate_changes"] == 1


@pytest.mark.parametrize(
    "options", [{"jitter_ms": 0.5}, {"jitter_ms": float("nan")}, {"fill_ms": 10}, {"drift_time_s": -1}]
)
def test_bad_options_are_refused(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        StreamOptions(**options)
