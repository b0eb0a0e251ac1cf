"""The options of the utterance segmenter, and what they come to in frames and samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from mer_ros.errors import OptionError
from mer_ros.utterance import SAMPLE_RATE

_SHORTEST_PAUSE_MS = 100.0  # a shorter tail does not make each moment between two syllables a pause


@dataclass(frozen=True)
class SegmenterOptions:
    """When an utterance begins and ends. The defaults were chosen on acted speech, clean and in noise at 10 dB.

    speech_probability: a frame this probable is speech. keep_probability: once somebody speaks, a frame this
    probable still is. onset_window_ms, onset_speech_ms: an utterance begins when so much of the last so much is
    speech. pre_roll_ms: how much before its first frame of speech it begins. hang_over_ms: it ends when of the last
    so much no more than hang_over_share is speech. tail_ms: how much after its last frame of speech it ends; the
    rest of the hang-over is left out. shortest_ms: with less speech than this it is dropped, and never told.
    longest_ms: it is cut here at the latest, at the quietest moment of the last cut_search_ms, and the rest becomes
    the next utterance (however short). update_ms: how often new samples are told while it goes on; those of the
    last cut_search_ms come with its end only.
    """

    speech_probability: float = 0.3
    keep_probability: float = 0.15
    onset_window_ms: float = 300.0
    onset_speech_ms: float = 90.0
    pre_roll_ms: float = 200.0
    hang_over_ms: float = 600.0
    hang_over_share: float = 0.1
    tail_ms: float = 150.0
    shortest_ms: float = 250.0
    longest_ms: float = 10_000.0
    cut_search_ms: float = 2_500.0
    update_ms: float = 200.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isinstance(value, (int, float)) and math.isfinite(value) and value >= 0):
                raise OptionError(f"{field.name} is {value!r}: give a number, 0 or more")
        if not 0 < self.keep_probability <= self.speech_probability <= 1:
            both = f"{self.keep_probability} and {self.speech_probability}"
            raise OptionError(f"keep_probability and speech_probability are {both}: give 0 < keep <= speech <= 1")
        if not 0 < self.onset_speech_ms <= self.onset_window_ms:
            raise OptionError(f"onset_speech_ms is {self.onset_speech_ms}: give above 0, up to onset_window_ms")
        if self.hang_over_share >= 0.5:
            raise OptionError(f"hang_over_share is {self.hang_over_share}: give 0 to below 0.5")
        if self.hang_over_ms < max(100, self.tail_ms):
            raise OptionError(f"hang_over_ms is {self.hang_over_ms}: give 100 or more, and no less than tail_ms")
        if not 1_000 <= self.longest_ms <= 60_000:
            raise OptionError(f"longest_ms is {self.longest_ms}: give 1000 to 60000")
        if not 200 <= self.cut_search_ms <= self.longest_ms / 2:
            raise OptionError(f"cut_search_ms is {self.cut_search_ms}: give 200 up to half of longest_ms")
        begin = self.pre_roll_ms + self.onset_window_ms
        if begin + max(self.shortest_ms, self.hang_over_ms) > self.longest_ms - self.cut_search_ms:
            raise OptionError(
                f"longest_ms is {self.longest_ms}: without cut_search_ms it must exceed pre_roll_ms + onset_window_ms"
                " and the larger of shortest_ms and hang_over_ms"
            )

    def in_frames(self, frame_length: int) -> Limits:
        """The same for a detector with frames of so many samples; times become whole frames, at least one."""

        def samples(milliseconds: float) -> int:
            return round(milliseconds * SAMPLE_RATE / 1000)

        def frames(milliseconds: float) -> int:
            return max(1, round(samples(milliseconds) / frame_length))

        window, hang_over = frames(self.onset_window_ms), frames(self.hang_over_ms)
        return Limits(
            onset_window=window,
            onset_speech=frames(self.onset_speech_ms),
            hang_over=hang_over,
            hang_over_speech=int(self.hang_over_share * hang_over),
            pre_roll=samples(self.pre_roll_ms),
            tail=samples(self.tail_ms),
            pause=samples(max(self.tail_ms, _SHORTEST_PAUSE_MS)),
            shortest=samples(self.shortest_ms),
            longest=samples(self.longest_ms),
            cut_search=samples(self.cut_search_ms),
            update=samples(self.update_ms),
            most_samples=samples(self.longest_ms) + samples(self.pre_roll_ms) + (window + 1) * frame_length,
        )


@dataclass(frozen=True)
class Limits:
    """SegmenterOptions for one detector: onset and hang-over in frames, the rest in samples."""

    onset_window: int
    onset_speech: int
    hang_over: int
    hang_over_speech: int
    pre_roll: int
    tail: int
    pause: int
    shortest: int
    longest: int
    cut_search: int
    update: int
    most_samples: int
