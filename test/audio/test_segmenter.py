from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.audio.segmenter import UtteranceSegmenter
from mer_ros.audio.segmenter_options import SegmenterOptions
from mer_ros.audio.stream import AudioBlock
from mer_ros.errors import OptionError
from mer_ros.utterance import PAUSE, SpeechState

FRAME = 320  # 20 ms
START = 5_000_000_000


class LoudIsSpeech:
    """A detector that can be foretold: speech is what is louder than 1000."""

    frame_length = FRAME

    def probability(self, frame):
        return float(np.abs(frame).max() > 1000)

    def reset(self):
        pass


def sound(*parts):
    """Parts (seconds, peak) as one signal of noise, repeatable."""
    rng = np.random.default_rng(0)
    return np.concatenate([rng.uniform(-peak, peak, round(s * 16_000)) for s, peak in parts]).astype(np.int16)


def blocks(signal, sizes=(1600,), stretch=1, anchor_ns=START):
    first, i = 0, 0
    while first < len(signal):
        size = sizes[i % len(sizes)]
        yield AudioBlock(stretch, anchor_ns, first, signal[first : first + size])
        first, i = first + size, i + 1


def segment(signal, options=None, sizes=(1600,)):
    segmenter = UtteranceSegmenter(LoudIsSpeech(), options)
    events = [e for block in blocks(signal, sizes) for e in segmenter.push(block)]
    return events + segmenter.flush(), segmenter.counts


def ended(events):
    return [e for e in events if e.state is SpeechState.ENDED]


def check_order(events):
    """Every utterance is STARTED once, ENDED once and last; what was told before is the beginning of its samples."""
    numbers = sorted({e.id for e in events})
    assert numbers == list(range(1, len(numbers) + 1))
    assert [e.id for e in events] == sorted(e.id for e in events)
    for number in numbers:
        mine = [e for e in events if e.id == number]
        middle = [SpeechState.ONGOING] * (len(mine) - 2)
        assert [e.state for e in mine] == [SpeechState.STARTED, *middle, SpeechState.ENDED]
        told = np.concatenate([e.samples for e in mine[:-1]])
        np.testing.assert_array_equal(told, mine[-1].samples[: len(told)])
        position = 0
        for event in mine[:-1]:
            assert event.first_sample == position
            position += len(event.samples)
            assert event.ended_by in {"", PAUSE}
            told_ns = event.end_ns - event.start_ns - position * 62_500
            assert told_ns == 0 or (told_ns > 0 and not len(event.samples) and event.state is SpeechState.ONGOING)
        last = mine[-1]
        assert last.first_sample == 0
        assert last.end_ns == last.start_ns + len(last.samples) * 62_500
        assert last.ended_by in {"silence", "length", "gap", "stop"}
        assert {e.start_ns for e in mine} == {last.start_ns}
    whole = ended(events)
    assert all(a.end_ns <= b.start_ns for a, b in pairwise(whole))


def test_one_utterance_with_pre_roll_and_tail():
    signal = sound((1, 20), (1, 9000), (2, 20))
    events, counts = segment(signal)
    check_order(events)
    (whole,) = ended(events)
    options = SegmenterOptions()
    assert whole.start_ns == START + round((1000 - options.pre_roll_ms) * 1e6)
    assert whole.end_ns == START + round((2000 + options.tail_ms) * 1e6)
    assert whole.ended_by == "silence"
    first = (whole.start_ns - START) // 62_500
    np.testing.assert_array_equal(whole.samples, signal[first : first + len(whole.samples)])
    assert counts == {"utterances": 1}


def test_started_and_updates_come_while_somebody_speaks():
    segmenter = UtteranceSegmenter(LoudIsSpeech())
    signal = sound((1, 20), (3, 9000))
    events = [e for block in blocks(signal) for e in segmenter.push(block)]
    assert events[0].state is SpeechState.STARTED
    assert events[0].end_ns < START + 1_500_000_000
    assert 10 <= sum(e.state is SpeechState.ONGOING for e in events) <= 15
    assert not ended(events)


def test_updates_come_until_the_longest_is_cut():
    signal = sound((0.5, 20), (12, 9000))
    segmenter, times = UtteranceSegmenter(LoudIsSpeech()), []
    for block in blocks(signal, (320,)):
        for event in segmenter.push(block):
            now_ns = START + (block.first_sample + 320) * 62_500
            times.append(now_ns)
            if event.state is SpeechState.ONGOING and not len(event.samples):
                assert 0 <= now_ns - event.end_ns <= 40_000_000
    update_ns = round(SegmenterOptions().update_ms * 1e6)
    assert max(b - a for a, b in pairwise(times)) <= update_ns + 40_000_000
    assert times[-1] >= START + 12_000_000_000


def test_no_updates_in_silence():
    segmenter = UtteranceSegmenter(LoudIsSpeech())
    events = [e for b in blocks(sound((0.5, 20), (1, 9000), (0.5, 20)), (320,)) for e in segmenter.push(b)]
    assert events[-1].end_ns <= START + round((1500 + SegmenterOptions().tail_ms) * 1e6)
    assert all(len(e.samples) for e in events)


def test_a_pause_shorter_than_the_hang_over_does_not_cut():
    events, _ = segment(sound((0.5, 20), (0.5, 9000), (0.4, 20), (0.5, 9000), (1, 20)))
    assert len(ended(events)) == 1
    events, _ = segment(sound((0.5, 20), (0.5, 9000), (0.9, 20), (0.5, 9000), (1, 20)))
    check_order(events)
    assert len(ended(events)) == 2


def pauses(signal, options=None, sizes=(320,)):
    """How many samples had been told at each pause, and when, s; then those of each end."""
    segmenter, told, found, ends = UtteranceSegmenter(LoudIsSpeech(), options), 0, [], []
    for block in blocks(signal, sizes):
        for event in segmenter.push(block):
            told = event.first_sample + len(event.samples)
            if event.ended_by == PAUSE:
                found.append((told, round((block.first_sample + len(block.samples)) / 16_000, 2)))
            elif event.state is SpeechState.ENDED:
                ends.append(told)
    return found, ends


def test_all_has_been_told_before_an_utterance_ends_in_silence():
    found, ends = pauses(sound((0.5, 20), (1, 9000), (2, 20)))
    assert ends == [found[0][0]]
    assert found[0][1] == pytest.approx(1.5 + 0.15, abs=0.021)
    assert len(found) == 1


def test_a_pause_in_which_somebody_goes_on_is_one_of_several():
    found, ends = pauses(sound((0.5, 20), (1, 9000), (0.4, 20), (1, 9000), (0.1, 20), (0.5, 9000), (2, 20)))
    assert [at for _, at in found] == pytest.approx([1.65, 3.65], abs=0.021)
    assert ends == [found[-1][0]] != [found[0][0]]


def test_without_a_tail_a_short_closure_is_no_pause():
    signal = sound((0.5, 20), (0.5, 9000), (0.06, 20), (0.5, 9000), (2, 20))
    found, ends = pauses(signal, SegmenterOptions(tail_ms=0))
    assert len(found) == 1
    assert ends == [found[0][0]]


def test_a_click_in_the_hang_over_does_not_prolong_for_ever():
    click_and_rest = [(0.4, 20), (0.02, 9000)] * 20
    events, _ = segment(sound((0.5, 20), (1, 9000), *click_and_rest))
    (whole,) = ended(events)
    assert whole.end_ns < START + 3_000_000_000


def test_short_noise_is_dropped_and_counted():
    events, counts = segment(sound((0.5, 20), (0.14, 9000), (1, 20), (0.02, 9000), (1, 20)))
    assert events == []
    assert counts == {"too_short": 1}


def test_the_longest_is_cut_in_the_pause():
    # 8.6 s of speech, a pause of 0.2 s (no end), and 3 s more: the cut must fall in the pause.
    events, counts = segment(sound((1, 20), (8.6, 9000), (0.2, 20), (3, 9000), (1, 20)))
    check_order(events)
    first, rest = ended(events)
    assert (first.ended_by, rest.ended_by) == ("length", "silence")
    assert 9.6 <= (first.end_ns - START) / 1e9 <= 9.8
    assert rest.start_ns == first.end_ns
    assert counts == {"utterances": 2, "cut": 1}


def test_cut_at_the_least_energy_without_a_pause():
    events, _ = segment(sound((8.5, 9000), (0.1, 2000), (3, 9000), (1, 20)))
    first, _ = ended(events)
    assert 8.5 <= (first.end_ns - START) / 1e9 <= 8.6


def test_endless_noise_is_cut_without_a_hole():
    signal = sound((47, 9000))
    events, _ = segment(signal)
    check_order(events)
    whole = ended(events)
    assert all(len(e.samples) <= 160_000 for e in whole)
    np.testing.assert_array_equal(np.concatenate([e.samples for e in whole]), signal)
    assert whole[-1].ended_by == "stop"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 4), st.sampled_from([0, 20, 1500, 9000])), min_size=1, max_size=8),
    st.lists(st.integers(1, 40_000), min_size=1, max_size=5),
)
def test_the_same_events_whatever_the_blocks(parts, sizes):
    signal = sound(*parts)
    whole, counts = segment(signal, sizes=(len(signal) + 1,))
    pieces, pieces_counts = segment(signal, sizes=sizes)
    check_order(whole)
    assert counts == pieces_counts
    assert len(whole) == len(pieces)
    for a, b in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)
        assert (a.id, a.state, a.start_ns, a.end_ns, a.first_sample) == (
            b.id,
            b.state,
            b.start_ns,
            b.end_ns,
            b.first_sample,
        )
        assert (a.ended_by, a.lost_samples) == (b.ended_by, b.lost_samples)
        assert a.snr_db == b.snr_db or (math.isnan(a.snr_db) and math.isnan(b.snr_db))


def test_a_new_stretch_ends_by_gap_and_begins_anew():
    segmenter = UtteranceSegmenter(LoudIsSpeech())
    signal = sound((0.5, 20), (1, 9000))
    events = [e for b in blocks(signal) for e in segmenter.push(b)]
    events += [e for b in blocks(signal, stretch=2, anchor_ns=9 * START) for e in segmenter.push(b)]
    events += segmenter.flush()
    check_order(events)
    first, second = ended(events)
    assert (first.ended_by, second.ended_by) == ("gap", "stop")
    assert second.start_ns - 9 * START == first.start_ns - START
    assert segmenter.counts["ended_by_gap"] == 1


def test_a_clock_that_runs_back_makes_no_overlap():
    segmenter = UtteranceSegmenter(LoudIsSpeech())
    signal = sound((0.5, 20), (1, 9000), (0.7, 20), (1, 9000), (1, 20))
    events = []
    for i, block in enumerate(blocks(signal)):
        events += segmenter.push(AudioBlock(1, START - i * 50_000_000, block.first_sample, block.samples))
    check_order(events)
    assert len(ended(events)) == 2


def test_lost_samples_are_told():
    segmenter = UtteranceSegmenter(LoudIsSpeech())
    signal = sound((1, 20), (1, 9000), (0.1, 0), (1, 9000), (1, 20))
    lost = ((32_000, 33_600),)
    events = segmenter.push(AudioBlock(1, START, 0, signal, lost))
    (whole,) = ended(events)
    assert whole.lost_samples == 1600
    assert ended(segmenter.push(AudioBlock(1, START, len(signal), sound((1, 9000), (1, 20)))))[0].lost_samples == 0


@pytest.mark.parametrize("snr_db", [0, 10, 20, 40])
def test_snr_is_near_the_truth(snr_db):
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 90, 16_000 * 5)
    signal = noise.copy()
    signal[32_000:56_000] += rng.normal(0, 90 * 10 ** (snr_db / 20), 24_000)

    class Known(LoudIsSpeech):
        count = 0

        def probability(self, frame):
            self.count += 1
            return float(32_000 < self.count * FRAME <= 56_000)

    segmenter = UtteranceSegmenter(Known())
    (whole,) = ended(segmenter.push(AudioBlock(1, 0, 0, signal.astype(np.int16))))
    assert whole.snr_db == pytest.approx(snr_db, abs=1.5)


def test_snr_is_unknown_without_a_quiet_moment():
    (whole,) = ended(segment(sound((2, 9000)))[0])
    assert math.isnan(whole.snr_db)


def test_reset_forgets_but_keeps_counting():
    segmenter = UtteranceSegmenter(LoudIsSpeech())
    signal = sound((0.5, 20), (1, 9000))
    segmenter.push(AudioBlock(1, START, 0, signal))
    segmenter.reset()
    assert segmenter.flush() == []
    events = segmenter.push(AudioBlock(1, START, 0, signal))
    assert events[0].id == 2


def test_memory_is_bounded():
    segmenter = UtteranceSegmenter(LoudIsSpeech())
    rng = np.random.default_rng(0)
    for i in range(60):
        peak = 9000 if i % 7 else 20
        block = rng.uniform(-peak, peak, 16_000 * 2).astype(np.int16)
        segmenter.push(AudioBlock(1, 0, i * 32_000, block, ((i * 32_000, i * 32_000 + 5),)))
    held = segmenter._buffer.end - segmenter._buffer.first
    assert held <= 16_000 * 11
    assert len(segmenter._frames) <= 600
    assert len(segmenter._lost) <= 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pre_roll_ms": -1}, "pre_roll_ms"),
        ({"hang_over_ms": float("nan")}, "hang_over_ms"),
        ({"hang_over_ms": 50}, "hang_over_ms"),
        ({"tail_ms": 700}, "hang_over_ms"),
        ({"speech_probability": 1.5}, "speech_probability"),
        ({"keep_probability": 0.9}, "keep_probability"),
        ({"onset_speech_ms": 400}, "onset_speech_ms"),
        ({"onset_speech_ms": 0}, "onset_speech_ms"),
        ({"hang_over_share": 0.5}, "hang_over_share"),
        ({"longest_ms": 500}, "longest_ms"),
        ({"longest_ms": 100_000}, "longest_ms"),
        ({"cut_search_ms": 6000}, "cut_search_ms"),
        ({"longest_ms": 2000, "cut_search_ms": 1000, "shortest_ms": 900}, "longest_ms"),
        ({"update_ms": "often"}, "update_ms"),
    ],
)
def test_bad_options_are_refused(options, words):
    with pytest.raises(OptionError, match=words):
        SegmenterOptions(**options)
