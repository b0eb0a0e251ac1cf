"""How faces are collected."""

from __future__ import annotations

from dataclasses import dataclass, field

from mer_ros.errors import check_ranges
from mer_ros.vision.crops import MARGIN, UPRIGHT_DEG
from mer_ros.vision.tracker import TrackerOptions


@dataclass(frozen=True)
class ObserverOptions:
    """How faces are collected.

    window_frames: at most so many samples a window. sample_period_ms: frames at least this far apart are
    cropped. buffer_s: how long crops are kept, hence the longest utterance that is covered whole.
    interim_period_ms: between interim windows; 0 for none. interim_span_ms: what one covers at most.
    deadline_ms: poll() gives an ended utterance its window when no frame has come for so long after its end.
    max_rate_hz: frames above this rate are dropped; 0 for no limit. jump_ms: stamps further apart are a jump.
    frozen_ms: the same picture is no longer looked at when it has come for so long; 0 for never.
    margin: side of the face crop / size of the box. upright_deg: heads tilted further are turned upright.
    out_of_view: an utterance whose speaker is out of view with at least this probability gets no face; 1 for never.
    """

    window_frames: int = 16
    sample_period_ms: int = 100
    buffer_s: float = 15.0
    interim_period_ms: int = 500
    interim_span_ms: int = 1_000
    deadline_ms: int = 500
    max_rate_hz: float = 0.0
    jump_ms: int = 2_000
    frozen_ms: int = 3_000
    margin: float = MARGIN
    upright_deg: float = UPRIGHT_DEG
    out_of_view: float = 0.8
    tracker: TrackerOptions = field(default_factory=TrackerOptions)

    def __post_init__(self) -> None:
        limits = {
            "window_frames": (1, 256),
            "sample_period_ms": (10, 10_000),
            "buffer_s": (1.0, 120.0),
            "interim_period_ms": (0, 60_000),
            "interim_span_ms": (100, 60_000),
            "deadline_ms": (0, 60_000),
            "max_rate_hz": (0.0, 1_000.0),
            "jump_ms": (100, 600_000),
            "frozen_ms": (0, 60_000),
            "margin": (0.5, 3.0),
            "upright_deg": (0.0, 180.0),
            "out_of_view": (0.0, 1.0),
        }
        check_ranges(self, limits)
