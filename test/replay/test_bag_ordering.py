"""Events come in the order of their time, however the file mixes its topics and whatever its clocks did."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from bags import NS, Layout, TestBag, write_recording
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.replay.bag import open_recording
from mer_ros.replay.ordering import HELD, TopicClock, by_log_time
from mer_ros.utterance import AudioChunk, Frame

START = 1_700_000_000 * NS
MS = 1_000_000
PICTURE = np.zeros((4, 4, 3), np.uint8)
SOUND = np.ones(320, np.int16)


def recording(seconds: float):
    """Frames at 10 Hz, chunks of 20 ms; each is told from all others by its content."""
    frames = [Frame(START + n * NS // 10, PICTURE + n % 250) for n in range(int(seconds * 10))]
    chunks = [AudioChunk(START + n * NS // 50, SOUND * n, 16_000) for n in range(int(seconds * 50))]
    return sorted([*frames, *chunks], key=lambda event: event.stamp_ns)


def order(events):
    """Stamp and content of each, in a form that can be compared."""
    return [
        (e.stamp_ns, "frame", int(e.image[0, 0, 0]))
        if isinstance(e, Frame)
        else (e.stamp_ns, "sound", int(e.samples[0]))
        for e in events
    ]


EVENTS = recording(3.0)
PLAIN = sorted(order(EVENTS), key=lambda item: (item[0], item[1] == "sound"))


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"order": "image"},
        {"order": "audio"},
        {"delay_image_s": 0.5},
        {"delay_audio_s": 1.9},
        {"delay_image_s": 30.0, "delay_audio_s": 0.1},
        {"delay_image_s": 700.0, "order": "audio"},
    ],
)
@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_other_interleavings_give_the_same_events(tmp_path, layout, storage):
    path = write_recording(tmp_path / "bag", EVENTS, storage, Layout(**layout))
    assert order(open_recording(path).events()) == PLAIN


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0, -2.5, 10.0, -1.2e9])
@pytest.mark.parametrize("delay_s", [0.0, 0.15])
def test_clocks_that_are_set_keep_the_order_of_recording(tmp_path, jump_s, delay_s):
    layout = Layout(jump_at_s=1.5, jump_s=jump_s, delay_image_s=delay_s)
    source = open_recording(write_recording(tmp_path / "bag", EVENTS, "mcap", layout))
    found = list(source.events())
    jump_ns = round(jump_s * NS)
    wanted = [e.stamp_ns + (jump_ns if e.stamp_ns >= START + 1_500 * MS else 0) for e in EVENTS]
    assert sorted(e.stamp_ns for e in found) == sorted(wanted)
    for kind in (Frame, AudioChunk):  # each topic as recorded
        assert [e[2] for e in order(e for e in found if isinstance(e, kind))] == [
            e[2] for e in order(e for e in EVENTS if isinstance(e, kind))
        ]
    # time runs on across the jump, but for what the recorder itself was late
    taken_ms = [number * (100 if kind == "frame" else 20) for _, kind, number in order(found)]
    assert all(after - before > -200 for before, after in pairwise(taken_ms))


@pytest.mark.parametrize("topic", ["image", "audio"])
@pytest.mark.parametrize("jump_s", [900.0, -900.0])
def test_one_clock_of_two_is_set(tmp_path, topic, jump_s):
    """The recorder's clock goes on: events stay beside those that were recorded with them."""
    with TestBag(tmp_path / "bag") as bag:
        for event in EVENTS:
            kind = "image" if isinstance(event, Frame) else "audio"
            off = round(jump_s * NS) if kind == topic and 1.0 <= (event.stamp_ns - START) / NS < 2.0 else 0
            if kind == "image":
                bag.image("/image_raw", event.stamp_ns + off, event.image, logged_ns=event.stamp_ns)
            else:
                bag.sound("/audio", event.stamp_ns + off, event.samples, 16_000, logged_ns=event.stamp_ns)
    source = open_recording(tmp_path / "bag")
    found = order(source.events())
    assert [item[1:] for item in found] == [item[1:] for item in PLAIN]
    assert source.counts["clock_jumps"] == 2


def test_a_stray_stamp_moves_nothing_else(tmp_path):
    with TestBag(tmp_path / "bag") as bag:
        for event in EVENTS:
            if isinstance(event, Frame):
                stray = event.stamp_ns == START + NS
                bag.image("/image_raw", event.stamp_ns + stray * 100 * NS, event.image, logged_ns=event.stamp_ns)
            else:
                bag.sound("/audio", event.stamp_ns, event.samples, 16_000)
    found = order(open_recording(tmp_path / "bag").events())
    assert [item[1:] for item in found] == [item[1:] for item in PLAIN]


@given(st.lists(st.integers(0, 10**12), max_size=40))
def test_nothing_is_lost_whatever_the_times(times):
    counts: Counter[str] = Counter()
    found = list(by_log_time([(time, number) for number, time in enumerate(times)], counts))
    assert sorted(item for _, item in found) == list(range(len(times)))
    assert all(time == times[item] for time, item in found)


@given(st.permutations(range(HELD + 1)))
def test_messages_that_are_a_little_late_are_put_into_their_place(places):
    counts: Counter[str] = Counter()
    written = [(START + place * MS, place) for place in places]
    written += [(START + number * MS, number) for number in range(HELD + 1, 40)]
    assert [item for _, item in by_log_time(written, counts)] == list(range(40))
    assert not +counts


def test_nothing_is_sorted_across_a_clock_that_was_set_back():
    times = [100 * NS + n for n in range(20)] + [5 * NS + n for n in range(20)]
    found = list(by_log_time([(time, n) for n, time in enumerate(times)], Counter()))
    assert [item for _, item in found] == list(range(40))


def test_what_comes_too_late_is_counted_and_kept():
    times = [n * MS for n in range(1, 30)] + [0] + [n * MS for n in range(30, 60)]
    counts: Counter[str] = Counter()
    found = [time for time, _ in by_log_time([(time, None) for time in times], counts)]
    assert sorted(found) == sorted(times)
    assert counts["messages_out_of_order"] == 1


@given(st.lists(st.tuples(st.integers(0, 10**13), st.integers(0, 10**13)), max_size=30))
def test_the_time_to_merge_by_never_goes_back(pairs):
    clock = TopicClock(Counter())
    keys = [clock.key(stamp, log) for stamp, log in pairs]
    assert keys == sorted(keys)


def test_pauses_and_queues_are_no_jumps():
    """A recorder that hangs for 1.5 s, then a driver that is silent for a minute."""
    counts: Counter[str] = Counter()
    clock = TopicClock(counts)
    stamps = [n * 20 * MS for n in range(100)] + [62 * NS]
    logs = [max(stamp, 1_500 * MS) for stamp in stamps]
    assert [clock.key(stamp, log) for stamp, log in zip(stamps, logs, strict=True)] == stamps
    assert not +counts
