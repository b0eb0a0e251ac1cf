"""The vocabulary of what is sensed: audio, frames, utterances, windows, words. No logic.

Times are integer nanoseconds from message headers. Speech inside the pipeline is 16 kHz mono int16.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
PAUSE = "pause"  # see Utterance.ended_by


@dataclass(frozen=True)
class AudioChunk:
    """A piece of a microphone's signal. `stamp_ns` is the time of its first sample.

    samples: [n] or [n, channels]; int16, int32, uint8, or floating point in -1..1. stamped: False where the driver
    tells no time; stamp_ns then is when the chunk arrived less its duration, late by what the way took.
    """

    stamp_ns: int
    samples: NDArray[np.generic]
    sample_rate: int
    stamped: bool = True


class SpeechState(Enum):
    """Where an utterance stands. The values are those of mer_msgs/Utterance."""

    STARTED = 0
    ONGOING = 1
    ENDED = 2


@dataclass(frozen=True)
class Utterance:
    """One stretch of speech as it grows (STARTED, ONGOING: what is new) or complete (ENDED: all of it).

    samples: int16 [n], 16 kHz mono; samples[0] is sample number `first_sample` of the utterance.
    end_ns: just after the last sample so far; of a piece without samples, how far somebody has spoken.
    snr_db: NaN when unknown.
    ended_by: silence, length, gap or stop; empty while it goes on, but PAUSE where nobody speaks for now: should
    nobody go on, ENDED will carry just the samples that were told up to here.
    """

    id: int
    state: SpeechState
    start_ns: int
    end_ns: int
    samples: NDArray[np.int16]
    first_sample: int = 0
    snr_db: float = float("nan")
    lost_samples: int = 0
    ended_by: str = ""


@dataclass(frozen=True)
class Frame:
    """A camera frame. image: uint8 [height, width, 3], RGB."""

    stamp_ns: int
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class Box:
    """A face in a frame: left, top, width and height in pixels, inside of the frame."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class FaceSample:
    """One face in one frame.

    face: uint8 [96, 96, 3] RGB. context: uint8 [112, 150, 3] RGB, the frame with every face hidden.
    score: of the detector, 0..1. detected: False when the box was tracked from an earlier detection.
    """

    stamp_ns: int
    box: Box
    score: float
    detected: bool
    face: NDArray[np.uint8]
    context: NDArray[np.uint8]


@dataclass(frozen=True)
class VisualWindow:
    """The faces seen of one person during an utterance, or lately when nobody speaks (`utterance_id` 0).

    speaking: probability that this person said it. out_of_view: that nobody in view did. NaN when unknown.
    person_id: whose face it is, where faces are told apart; empty when that is not known.
    """

    utterance_id: int
    is_final: bool
    start_ns: int
    end_ns: int
    track_id: int
    samples: tuple[FaceSample, ...]
    faces_in_view: int
    frames_seen: int
    image_width: int
    image_height: int
    speaking: float = float("nan")
    out_of_view: float = float("nan")
    person_id: str = ""


@dataclass(frozen=True)
class Transcript:
    """What was said in an utterance; `utterance_id` 0 when unknown. confidence: 0..1, NaN when there is none."""

    utterance_id: int
    start_ns: int
    end_ns: int
    text: str
    is_final: bool
    confidence: float = float("nan")
    language: str = ""
    source: str = ""
    latency_ms: float = 0.0
