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
