"""A microphone that gives the same sound again and again, or the same stamp."""

from __future__ import annotations

import numpy as np
import pytest

from mer_ros.audio.stream import AudioStream, StreamOptions
from mer_ros.errors import OptionError
from mer_ros.utterance import AudioChunk

START = 1_700_000_000_000_000_000
MS = 1_000_000
SOUND = np.random.default_rng(0).integers(-9000, 9000, (300, 320)).astype(np.int16)


def heard(stream: AudioStream, sounds, stamps_ms) -> list:
    return [
        block
        for sound, ms in zip(sounds, stamps_ms, strict=True)
        for block in stream.push(AudioChunk(START + round(ms * MS), sound, 16_000))
    ]


def test_the_same_chunk_for_long_is_silence_until_another_one_comes():
    stream = AudioStream()
    blocks = heard(stream, [SOUND[0], *[SOUND[1]] * 99, SOUND[2]], np.arange(101) * 20.0)
    sounding = [bool(block.samples.any()) for block in blocks]
    assert sounding == [True] * 51 + [False] * 49 + [True]
    assert {block.stretch for block in blocks} == {1}
    assert stream.counts == {"chunks": 101, "frozen_chunks": 49}
    assert not stream.is_frozen


@pytest.mark.parametrize("level", [0, 300])
def test_silence_is_not_frozen(level):
    stream = AudioStream()
    heard(stream, [np.full(320, level, np.int16)] * 200, np.arange(200) * 20.0)
    assert stream.counts == {"chunks": 200}


def test_it_can_be_switched_off():
    stream = AudioStream(StreamOptions(frozen_ms=0))
    heard(stream, [SOUND[0]] * 200, np.arange(200) * 20.0)
    assert stream.counts == {"chunks": 200}
    with pytest.raises(OptionError, match="frozen_ms"):
        StreamOptions(frozen_ms=-1.0)


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_stamps_that_stand_still_are_counted_on(rate):
    """The sound goes on; when the stamps do as well, they fit."""
    stream = AudioStream()
    stamps = np.arange(300) * 320e3 / rate
    stamps[50:250] = stamps[50]
    blocks = [
        block
        for sound, ms in zip(SOUND, stamps, strict=True)
        for block in stream.push(AudioChunk(START + round(ms * MS), sound, rate))
    ]
    assert {block.stretch for block in blocks} == {1}
    assert {block.anchor_ns for block in blocks} == {START}
    assert stream.counts == {"chunks": 300, "repeated_stamps": 199}


def test_stamps_that_stand_still_after_a_jump_end_no_utterance():
    stream = AudioStream()
    stamps = [*np.arange(50) * 20.0, *[3_600_000.0] * 100]
    blocks = heard(stream, SOUND[:150], stamps)
    assert {block.stretch for block in blocks} == {1}
    assert sum(len(block.samples) for block in blocks) == 150 * 320


def test_stamps_that_stand_still_are_no_evidence_of_what_came_before():
    """Two stamps are off alike, then one repeats: that is not half a second whose stamps agree."""
    stream = AudioStream()
    blocks = heard(stream, SOUND[:100], [*np.arange(50) * 20.0, 9_000.0, 9_020.0, *[9_040.0] * 48])
    assert sum(len(block.samples) for block in blocks) == 100 * 320
    assert {block.stretch for block in blocks} == {1}
    assert (stream.counts["gaps"], stream.counts["repeated_stamps"]) == (0, 47)


@pytest.mark.parametrize(("chunk_ms", "samples"), [(20, 320), (300, 4_800), (700, 11_200)])
@pytest.mark.parametrize(("jump_ms", "count"), [(104_000, "gaps"), (-104_000, "jumps_back"), (200, "filled_gaps")])
def test_a_jump_is_believed_of_a_driver_that_stamps_two_chunks_alike(chunk_ms, samples, jump_ms, count):
    sounds = np.random.default_rng(1).integers(-9000, 9000, (200, samples)).astype(np.int16)
    stamps = 200_000.0 + np.arange(200) // 2 * 2 * chunk_ms
    stamps[100:] += jump_ms
    stream = AudioStream()
    blocks = heard(stream, sounds, stamps) + stream.flush()
    assert stream.counts[count] == 1
    assert (stream.counts["stray_stamps"], stream.counts["repeated_stamps"]) == (0, 100)
    sound = np.concatenate([block.samples for block in blocks])
    np.testing.assert_array_equal(sound[: 100 * samples], sounds[:100].ravel())
    np.testing.assert_array_equal(sound[-100 * samples :], sounds[100:].ravel())
    if count != "filled_gaps":
        assert [block.stretch for block in blocks if len(block.samples)] == [1] * 100 + [2] * 100
        assert blocks[-1].anchor_ns == START + round(stamps[100] * MS)


def test_one_stray_pair_of_stamps_changes_nothing():
    stamps = 200_000.0 + np.arange(100) // 2 * 40.0
    stamps[50:52] += 104_000
    stream = AudioStream()
    blocks = heard(stream, SOUND[:100], stamps)
    assert {block.stretch for block in blocks} == {1}
    assert stream.counts == {"chunks": 100, "stray_stamps": 2, "repeated_stamps": 50}


@pytest.mark.parametrize(("jump_ms", "rate"), [(104_000, 16_000), (-104_000, 16_000), (0, 8_000)])
def test_repeated_sound_stays_silence_over_a_jump_and_a_change_of_rate(jump_ms, rate):
    stream = AudioStream()
    frozen, sounding = [], []
    for n in range(200):
        ms = 200_000 + n * 20 if n < 100 else 202_000 + jump_ms + (n - 100) * 320_000 // rate
        blocks = stream.push(AudioChunk(START + ms * MS, SOUND[0], rate if n >= 100 else 16_000))
        frozen.append(stream.is_frozen)
        sounding.append(any(block.samples.any() for block in blocks))
    assert frozen == [False] * 50 + [True] * 150
    assert not any(sounding[60:])
    assert stream.counts["gaps"] + stream.counts["jumps_back"] + stream.counts["rate_changes"] == 1
    stream.flush()
    assert not stream.is_frozen
