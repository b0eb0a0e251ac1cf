"""The gate that keeps the robot's own voice out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mer_ros.audio.gate import Gate, GatedListener, GateOptions
from mer_ros.audio.listener import ListenerOptions, SpeechListener
from mer_ros.errors import InputError, OptionError
from mer_ros.utterance import AudioChunk, SpeechState

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def ns(seconds):
    return START + round(seconds * SECOND)


def told(options, *steps):
    """Steps: (what, seconds). Returns what of 0..100 s is kept out, in seconds."""
    gate = Gate(options)
    for what, at in steps:
        getattr(gate, what)(ns(at))
    return [((a - START) / SECOND, (b - START) / SECOND) for a, b in gate.closed(START, ns(100))], gate


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], []),
        ([("open", 1)], []),
        ([("close", 1)], [(1, 100)]),
        ([("close", 1), ("open", 2)], [(1, 2.3)]),
        ([("close", 1), ("open", 2), ("open", 3)], [(1, 2.3)]),
        ([("close", 1), ("close", 1.5), ("open", 2)], [(1, 2.3)]),
        ([("close", 1), ("open", 2), ("close", 2.1), ("open", 4)], [(1, 2.3), (2.1, 4.3)]),
        ([("close", 1), ("poll", 10.9)], [(1, 100)]),
        ([("close", 1), ("poll", 11)], [(1, 11.3)]),
        ([("close", 1), ("close", 9), ("poll", 18), ("open", 18.5)], [(1, 18.8)]),
        ([("close", 1), ("open", 30)], [(1, 11.3)]),
        ([("close", 50), ("poll", 5), ("open", 6)], [(5, 6.3)]),
        ([("close", 50), ("open", 51), ("poll", 5)], []),
    ],
)
def test_when_it_is_closed(steps, expected):
    assert told(GateOptions(longest_s=10.0), *steps)[0] == expected


def test_it_opens_when_it_is_overdue_and_counts_it():
    gate = Gate(GateOptions(longest_s=10.0))
    gate.close(START)
    assert not gate.poll(ns(9))
    assert gate.is_closed
    assert gate.poll(ns(10))
    assert not gate.poll(ns(11))
    assert not gate.is_closed
    assert gate.counts == {"closed": 1, "overdue": 1}


def test_switched_off_and_never_overdue():
    assert told(GateOptions(enabled=False), ("close", 1))[0] == []
    assert told(GateOptions(longest_s=math.inf, hold_off_ms=0.0), ("close", 1), ("poll", 1e6))[0] == [(1, 100)]


def test_it_remembers_no_more_than_it_needs():
    steps = [(what, n + at) for n in range(1000) for what, at in (("close", 0.0), ("open", 0.1))]
    assert len(told(GateOptions(), *steps)[1]._spans) == 64


@pytest.mark.parametrize("wrong", [{"hold_off_ms": -1.0}, {"longest_s": 0.0}, {"longest_s": math.nan}])
def test_options(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        GateOptions(**wrong)


def listen(samples, size, gate):
    listener = GatedListener(SpeechListener(ListenerOptions(vad="webrtc")), {"robot_speaking": gate})
    events = []
    for first in range(0, len(samples), size):
        chunk = AudioChunk(START + first * SECOND // 16_000, samples[first : first + size], 16_000)
        events += listener.push(chunk)
    return events + listener.flush(), listener


def ended(events):
    return [e for e in events if e.state is SpeechState.ENDED]


def closed_gate(*spans):
    gate = Gate(GateOptions(hold_off_ms=0.0))
    for start, end in spans:
        gate.close(ns(start))
        gate.open(ns(end))
    return gate


def test_speech_ends_where_the_gate_closes_and_begins_anew_where_it_opens(speech):
    whole = ended(listen(speech, 1600, Gate())[0])
    middle = (whole[0].start_ns + whole[0].end_ns) // 2
    start, end = (middle - START) / SECOND, (middle - START) / SECOND + 3.0
    events, listener = listen(speech, 1600, closed_gate((start, end)))
    heard = ended(events)
    assert heard[0].start_ns == whole[0].start_ns
    assert middle - SECOND // 10 <= heard[0].end_ns <= ns(start)
    np.testing.assert_array_equal(heard[0].samples, whole[0].samples[: len(heard[0].samples)])
    assert all(e.start_ns >= ns(end) for e in heard[1:])
    assert len(heard) > 2
    counts = listener.counts
    assert counts["gated_ms"] == 3000
    assert counts["gated_utterances"] == 1
    assert 30 <= counts["gated_chunks"] <= 31
    assert counts["gaps"] == 0  # what is kept out is not lost


def test_the_size_of_chunks_does_not_matter(speech):
    spans = ((2.3456789, 4.1), (4.1, 4.2000001), (9.0, 9.01), (20.0, 26.5))
    heard = [ended(listen(speech, size, closed_gate(*spans))[0]) for size in (160, 1601, 16_000, 480_000)]
    for other in heard[1:]:
        assert [(e.id, e.start_ns, e.end_ns) for e in other] == [(e.id, e.start_ns, e.end_ns) for e in heard[0]]
        assert all(np.array_equal(a.samples, b.samples) for a, b in zip(other, heard[0], strict=True))
    for e in heard[0]:
        assert all(e.end_ns < ns(a) + 62_500 or e.start_ns >= ns(b) for a, b in spans)  # to the sample


def test_bad_chunks_are_refused_while_it_is_closed_as_well():
    listener = GatedListener(SpeechListener(ListenerOptions(vad="webrtc")), {"mute": closed_gate((0.0, 5.0))})
    with pytest.raises(InputError):
        listener.push(AudioChunk(START, np.zeros(0, np.int16), 16_000))
    assert listener.counts["refused"] == 1
    assert listener.push(AudioChunk(START, np.zeros(1600, np.int16), 16_000)) == []
    assert listener.counts["gated_ms"] == 100
