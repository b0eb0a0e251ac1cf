"""The faces lately seen, bounded, and the windows that are cut from them."""

from __future__ import annotations

import bisect
import math
from collections import Counter, deque
from dataclasses import dataclass

from mer_ros.utterance import FaceSample, VisualWindow
from mer_ros.vision.speaking import Loudness

MAX_STAMPS = 8_192  # of frames, kept to count them: 12 s at 600 Hz


@dataclass(frozen=True)
class SampledFrame:
    """The faces cropped from one frame: track id -> sample. All share one context crop."""

    stamp_ns: int
    samples: dict[int, FaceSample]


@dataclass(frozen=True)
class Span:
    """What a window is about: an utterance, or a stretch of time outside any (id 0). Half open: [start, end)."""

    utterance_id: int
    start_ns: int
    end_ns: int
    is_final: bool
    loudness: Loudness | None = None


class FaceBuffer:
    """The last `buffer_ns` of sampled frames and of frame stamps; stamps must rise, or clear() come before.

    Bounded by buffer_ns / sample period frames of 50 KB of context and 28 KB for each face.
    """

    def __init__(self, buffer_ns: int, max_frames: int) -> None:
        self.image_size = (0, 0)
        self._buffer_ns = buffer_ns
        self._frames: deque[SampledFrame] = deque(maxlen=max_frames)
        self._stamps: deque[int] = deque(maxlen=MAX_STAMPS)

    def see(self, stamp_ns: int, width: int, height: int) -> None:
        """Count a frame, and drop what has become too old."""
        self.image_size = (width, height)
        self._stamps.append(stamp_ns)
        oldest = stamp_ns - self._buffer_ns
        while self._stamps[0] < oldest:
            self._stamps.popleft()
        while self._frames and self._frames[0].stamp_ns < oldest:
            self._frames.popleft()

    def add(self, frame: SampledFrame) -> None:
        """Keep the faces of the frame just seen."""
        self._frames.append(frame)

    def tracks(self, span: Span) -> list[int]:
        """The tracks that have a sample in a span."""
        inside = (f for f in self._frames if span.start_ns <= f.stamp_ns < span.end_ns)
        return sorted({track for frame in inside for track in frame.samples})

    def lasts(self, window: VisualWindow) -> bool:
        """Whether a window's face is also in the last frame of its span that was sampled."""
        inside = [f for f in self._frames if window.start_ns <= f.stamp_ns < window.end_ns]
        return not inside or window.track_id in inside[-1].samples

    def forget_since(self, stamp_ns: int) -> None:
        """Forget the faces, though not the count, of the frames from then on."""
        while self._frames and self._frames[-1].stamp_ns >= stamp_ns:
            self._frames.pop()

    def clear(self) -> None:
        """Forget all."""
        self._frames.clear()
        self._stamps.clear()

    def cut(self, span: Span, window_frames: int, reach_ns: int, track_id: int | None = None) -> VisualWindow:
        """Cut the window of a span: the most prominent face (or `track_id`), at most window_frames of it.

        When the span is too short to hold a sampled frame, the last one up to reach_ns before it is taken.
        """
        stamps = list(self._stamps)
        seen = bisect.bisect_left(stamps, span.end_ns) - bisect.bisect_left(stamps, span.start_ns)
        inside = [f for f in self._frames if span.start_ns <= f.stamp_ns < span.end_ns]
        if not inside:
            before = [f for f in self._frames if span.start_ns - reach_ns <= f.stamp_ns < span.start_ns]
            inside = before[-1:]
        chosen = prominent(inside) if track_id is None else track_id
        samples = spread([f.samples[chosen] for f in inside if chosen in f.samples], window_frames)
        return VisualWindow(
            utterance_id=span.utterance_id,
            is_final=span.is_final,
            start_ns=span.start_ns,
            end_ns=span.end_ns,
            track_id=chosen if samples else 0,
            samples=tuple(samples),
            faces_in_view=len({track for f in inside for track in f.samples}),
            frames_seen=seen,
            image_width=self.image_size[0],
            image_height=self.image_size[1],
        )


def prominent(frames: list[SampledFrame]) -> int:
    """The track with the greatest sum of face sizes over the frames (samples x size); 0 when there is none."""
    sizes: Counter[int] = Counter()
    for frame in frames:
        for track, sample in frame.samples.items():
            sizes[track] += round(math.sqrt(sample.box.width * sample.box.height) * 1_000)
    return min(sizes, key=lambda track: (-sizes[track], track), default=0)


def spread(samples: list[FaceSample], count: int) -> list[FaceSample]:
    """At most `count` of the samples, evenly spread, the first and the last among them."""
    if len(samples) <= count:
        return samples
    if count == 1:
        return [samples[len(samples) // 2]]
    last = len(samples) - 1
    return [samples[(2 * n * last + count - 1) // (2 * (count - 1))] for n in range(count)]
