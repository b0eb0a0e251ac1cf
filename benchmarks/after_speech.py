"""The time from the end of speech to `/emotion`, by what was heard over DDS.

It counts from the end of the sound with which the hang-over is over, which a second listener finds out from the same
sound, to the arrival of the emotion in another process than the graph's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from live import Heard

from mer_ros import stages
from mer_ros.audio.listener import SpeechListener
from mer_ros.messages.audio import chunk_of
from mer_ros.replay.options import ReplayOptions
from mer_ros.utterance import AudioChunk, SpeechState

NS, MS = 1_000_000_000, 1_000_000
MICROPHONE = "microphone, to the end of the utterance"


@dataclass
class Course:
    """Milliseconds of each utterance, in all and by stage. missing: ended without an emotion. whole: all senses."""

    after: list[float] = field(default_factory=list)
    after_told: list[float] = field(default_factory=list)
    by_stage: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ended: int = 0
    whole: int = 0
    unmatched: int = 0
    missing: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass
class Ends:
    """A second listener. over: start and end of each utterance, to when its sound told that it is over; all in ns."""

    listener: SpeechListener = field(default_factory=lambda: stages.listener(ReplayOptions().settings()["microphone"]))
    over: dict[tuple[int, int], int] = field(default_factory=dict)

    def push(self, chunk: AudioChunk) -> None:
        """Take the next chunk."""
        for utterance in self.listener.push(chunk):
            if utterance.state is SpeechState.ENDED:
                end_ns = chunk.stamp_ns + len(chunk.samples) * NS // chunk.sample_rate
                self.over[utterance.start_ns, utterance.end_ns] = end_ns

    def hear(self, heard: Heard) -> None:
        """Take the messages that came since, and let go of them."""
        messages = heard.chunks[:]
        del heard.chunks[: len(messages)]
        for message in messages:
            self.push(chunk_of(message, 0))


def timed(heard: Heard, ends: Ends) -> Course:
    """The times of all emotions that came."""
    from mer_ros.nodes.conversions.stamps import to_ns

    told = {(to_ns(m.start), to_ns(m.end)): arrived for arrived, m in heard.ended}
    course, answered = Course(ended=len(heard.ended)), set()
    for arrived, message in heard.emotions:
        key = to_ns(message.start), to_ns(message.end)
        answered.add(key)
        if key not in ends.over or key not in told:
            course.unmatched += 1
            continue
        course.after.append((arrived - ends.over[key]) / MS)
        course.after_told.append((arrived - told[key]) / MS)
        for item in message.latency:
            course.by_stage[item.stage].append(item.milliseconds)
        course.by_stage[MICROPHONE].append((told[key] - ends.over[key]) / MS)
        course.whole += all(item.available for item in message.modalities)
        course.reasons.update(f"{m.modality}: {m.reason}" for m in message.modalities if not m.available)
    course.missing = len(told.keys() - answered)
    return course
