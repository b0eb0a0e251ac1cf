"""What is counted while a recording is replayed, and told of it in the end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from mer_ros import __version__
from mer_ros.emotion import EMOTIONS, UNKNOWN, EmotionEstimate
from mer_ros.pipeline import Pipeline
from mer_ros.replay.loaded import Loaded
from mer_ros.replay.machine import machine, peak_memory_mb
from mer_ros.replay.media import MediaSource, Recording
from mer_ros.replay.records import read_lines
from mer_ros.replay.sample import SampleDialogue
from mer_ros.utterance import AudioChunk, Frame

NS = 1_000_000_000
SAMPLE = "sample"
BROKE_OFF = "not all was replayed"


class Account:
    """The figures of one replay.

    counts: frames, refused_chunks, refused_frames. refusals: how often each sentence was said of what was refused.
    problem: why it ended early, in one sentence; empty when all was read.
    """

    def __init__(self, source: Recording, zero_ns: int) -> None:
        self.counts: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.problem = ""
        self._source = source
        self._zero_ns = self._end_ns = zero_ns
        self._sound_s = self._speech_s = 0.0
        self._emotions: Counter[str] = Counter()
        self._latency_ms: dict[str, list[float]] = defaultdict(list)

    def counted(self, events: Iterator[Frame | AudioChunk]) -> Iterator[Frame | AudioChunk]:
        """Give all events, and count them on their way."""
        for event in events:
            length_ns = 0
            if isinstance(event, AudioChunk):
                self._sound_s += len(event.samples) / event.sample_rate
                length_ns = len(event.samples) * NS // event.sample_rate
            else:
                self.counts["frames"] += 1
            self._end_ns = max(self._end_ns, event.stamp_ns + length_ns)
            yield event

    def keep(self, estimate: EmotionEstimate) -> None:
        """Count an emotion, which has been written."""
        self._emotions[estimate.emotion] += 1
        self._speech_s += (estimate.end_ns - estimate.start_ns) / NS
        for stage, value in estimate.latency_ms.items():
            self._latency_ms[stage].append(value)

    def recount(self, path: Path) -> None:
        """Count what is written: we may have been interrupted between the writing and the counting."""
        written = list(read_lines(path))
        self._emotions = Counter(told["emotion"] for told in written)
        self._speech_s = sum(told["end_s"] - told["start_s"] for told in written)

    def summary(self, pipeline: Pipeline, loaded: Loaded) -> dict[str, Any]:
        """What the same input gives each time."""
        source = self._source
        counts = self.counts + pipeline.counts
        counts.update({f"recording.{name}": count for name, count in source.counts.items()})
        warnings = [*source.warnings, *(f"{text} ({n})" for text, n in sorted(self.refusals.items()))]
        if not source.has_video and not warnings:
            warnings.append("no video: faces are left out")
        if counts["listener.robot_speaking_overdue"]:
            warnings.append(
                f"robot_speaking told nothing for {pipeline.longest_own_voice_s:g} s since it was true: sound was "
                "heard again; the robot has to publish false when it has spoken"
            )
        if failed := counts["observer.failed"]:
            warnings.append(f"faces could not be looked for {failed} times; the first: {pipeline.failure}")
        if self.problem:
            warnings.append(f"{BROKE_OFF}: {self.problem}")
        return {
            "kind": kind_of(source),
            "mer": __version__,
            "chosen": dict(source.chosen),
            "complete": not self.problem and source.is_whole,
            "zero_ns": self._zero_ns,
            "duration_s": round((self._end_ns - self._zero_ns) / NS, 3),
            "audio_s": round(self._sound_s, 3),
            "frames": self.counts["frames"],
            "frame_rate_hz": round(source.frame_rate_hz, 3),
            "width": source.size[0],
            "height": source.size[1],
            "utterances": sum(self._emotions.values()),
            "speech_s": round(self._speech_s, 3),
            "emotions": {name: self._emotions[name] for name in (*EMOTIONS, UNKNOWN)},
            "warnings": warnings,
            "counts": {name: int(count) for name, count in sorted(counts.items()) if count},
            "settings": {node: changed for node, p in loaded.settings.items() if (changed := p.changed())},
            "models": loaded.models,
        }

    def run(self, loaded: Loaded, origin: str, wall_s: float, cpu_s: float, threads: int) -> dict[str, Any]:
        """What differs from run to run. origin: the path of what was replayed."""
        length_s = (self._end_ns - self._zero_ns) / NS
        return {
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "input": origin,
            "machine": machine(),
            "providers": dict(loaded.providers),
            "recording_s": round(length_s, 3),
            "wall_s": round(wall_s, 3),
            "cpu_s": round(cpu_s, 3),
            "speed": round(length_s / wall_s, 2),
            "peak_memory_mb": peak_memory_mb(),
            "threads": threads,
            "latency_ms": {stage: percentiles(values) for stage, values in sorted(self._latency_ms.items())},
        }


def percentiles(values: list[float]) -> dict[str, float]:
    """Count, median and 95th percentile of what was measured."""
    p50, p95 = np.percentile(values, [50, 95]).tolist()
    return {"n": len(values), "p50": round(p50, 3), "p95": round(p95, 3)}


def kind_of(source: Recording) -> str:
    """Return sample, media or bag."""
    if isinstance(source, SampleDialogue):
        return SAMPLE
    return "media" if isinstance(source, MediaSource) else "bag"
