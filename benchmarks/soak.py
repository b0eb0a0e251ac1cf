"""The graph at full rate for long: does memory grow, do descriptors or threads, does latency? Exit code 1 if so.

python benchmarks/soak.py [--minutes 60] [--composed] [--cores 0] [--write]

Plays the sample dialogue as a 640x480 video at 30 Hz with sound at 16 kHz, in real time, again and again, over DDS.
Each minute it says how it stands, and with --write renews benchmarks/results/soak.json, so that what was measured is
kept when it is ended early (Ctrl-C and SIGTERM end it well). Run it on a machine that has nothing else to do.

Growth is from the first quarter of the time to the last one; memory counts pages that processes share once. The time
after the end of speech is that of latency.py. The drift is the larger of two: how far the delay of the sound against
the pictures moved, as the camera node learns it from mouths (in steps of 40 ms); and how far its stamps moved against
the system's clock, by when the microphone node tells that an utterance is over.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import after_speech
import numpy as np
from after_speech import MICROPHONE, Ends, timed
from common import Mark, Result, begin, finish, options, percentile, spread, table
from held import Sample, look
from live import PLAYER, Follower, apart, running
from replay import write_once

from mer_ros.run import Interrupted

WARM_S = 30.0  # what is loaded and allocated at the first use is there by then
LEAST_S = 1.5 * WARM_S
MOST_MB = {False: 900.0, True: 500.0}  # in separate processes, in one
GROWTH_PERCENT, DRIFT_MS, FRAMES_PERCENT = 5.0, 20.0, 99.5
P95_MS, SLOWER_MS = 250.0, 25.0  # SLOWER_MS: how much longer an emotion may take at the end than at the start
CHUNK = 320  # samples
TOLD_S = 2.0  # each node tells its counts once a second
PATIENCE_S = 10.0  # for the last emotion; a busy machine takes longer than is asked


@dataclass
class Course:
    """What was seen. values: the last diagnostics of each node."""

    composed: bool = False
    samples: list[Sample] = field(default_factory=list)
    spoken: after_speech.Course = field(default_factory=after_speech.Course)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def part(self, begin: float, end: float) -> list[Sample]:
        """The samples of a part of the time after the warm-up, as shares of it."""
        last = self.samples[-1].at_s
        low, high = (WARM_S + share * (last - WARM_S) for share in (begin, end))
        return [sample for sample in self.samples if low <= sample.at_s <= high]

    def count(self, node: str, key: str) -> int:
        """A count of a node's last diagnostics."""
        return int(self.values.get(node, {}).get(key, 0))

    @property
    def minutes(self) -> float:
        """How long it went on."""
        return self.samples[-1].at_s / 60 if self.samples else 0.0


def soak(
    minutes: float, folder: Path, composed: bool = False, each_minute: Callable[[Course], None] = lambda _: None
) -> Course:
    """Play to the graph for so long, or until SIGINT or SIGTERM, and follow it."""
    film = folder / "sample.mp4"
    write_once(film)
    course, ends = Course(composed), Ends()
    follower = Follower(sound=True)
    heard = follower.heard

    def take() -> None:
        ends.hear(heard)
        course.spoken, course.values = timed(heard, ends), dict(heard.values)

    try:
        with Interrupted() as interrupted, running(folder, follower, composed=composed) as graph:
            with graph.play(film, loop=True) as player:
                begun, told = time.monotonic(), 0
                while not interrupted and course.minutes < minutes and graph.processes.poll() and player.poll():
                    time.sleep(1.0)
                    ends.hear(heard)
                    delay_ms = heard.count("camera", "sound_delay_ms")
                    course.samples.append(look(graph.pids, time.monotonic() - begun, delay_ms))
                    if course.minutes >= told + 1:
                        told += 1
                        take()
                        each_minute(course)
            time.sleep(TOLD_S)
            limit = time.monotonic() + PATIENCE_S
            take()
            while course.spoken.missing and time.monotonic() < limit:  # an utterance that ended just now
                time.sleep(0.5)
                take()
            course.restarts = dict(graph.processes.restarts)
        course.failed = graph.processes.failed
    finally:
        follower.close()
    return course


def drift_ms(course: Course) -> tuple[float, float]:
    """How far the sound moved against the pictures, and its stamps against the system's clock."""
    early, late = (statistics.median(s.delay_ms for s in course.part(*part)) for part in ((0.0, 0.25), (0.75, 1.0)))
    first, last = (percentile(part, 50) for part in thirds(course.spoken.by_stage[MICROPHONE]))
    return abs(late - early), abs(last - first)


def thirds(after: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    """The first and the last third."""
    third = max(1, len(after) // 3)
    return after[:third], after[-third:]


def span_of(course: Course) -> str:
    """How long at full rate, in words."""
    length = "an hour" if round(course.minutes, 1) == 60 else f"{course.minutes:.0f} minutes"
    return f"{length} at full rate{', composed' if course.composed else ''}"


def marks_of(course: Course) -> list[Mark]:
    """The marks, of which each begins with how long it went on."""
    early, late = course.part(0.0, 0.25), course.part(0.75, 1.0)
    begun_mb, ended_mb = (statistics.mean(s.all_mb for s in part) for part in (early, late))
    grown = {
        name: max(getattr(s, name) for s in late) - max(getattr(s, name) for s in early)
        for name in ("descriptors", "threads")
    }
    held = ", ".join(f"{name} {n:+d} of {getattr(late[-1], name)}" for name, n in grown.items())
    after, ended = course.spoken.after, course.spoken.ended
    first, last = (percentile(part, 95) for part in thirds(after))
    sent, received = course.count(PLAYER, "frames"), course.count("camera", "received_image_raw")
    lost = -(-course.count("microphone", "lost_samples") // CHUNK)
    faults = sum(int(values.get("faults", 0)) for values in course.values.values())
    ends = {"faults": faults, "restarts": sum(course.restarts.values()), "not ended cleanly": len(course.failed)}
    frames = min(100.0, 100.0 * received / sent) if sent else float("nan")
    marks = [
        Mark("memory at most", MOST_MB[course.composed], max(s.all_mb for s in course.samples), "MB"),
        Mark("memory growth", GROWTH_PERCENT, 100 * (ended_mb / begun_mb - 1), "%"),
        Mark("growth of descriptors and threads", 0, sum(max(0, n) for n in grown.values()), note=held),
        Mark("chunks of sound lost", 0, lost),
        Mark("frames received", FRAMES_PERCENT, frames, "%", at_least=True, note=f"of {sent}"),
        Mark("utterances without an emotion", 0, course.spoken.missing, note=f"of {ended}"),
        Mark("end of speech to `/emotion`, 95 %", P95_MS, percentile(after, 95), "ms", note=f"{len(after)} utterances"),
        Mark("the same, grown from first to last third", SLOWER_MS, last - first, "ms"),
        Mark("drift", DRIFT_MS, float(np.max(drift_ms(course))), "ms"),
        Mark("faults and restarts", 0, sum(ends.values()), note=", ".join(f"{k} {n}" for k, n in ends.items() if n)),
    ]
    return [replace(mark, what=f"{span_of(course)}: {mark.what}") for mark in marks]


def lines_of(course: Course) -> list[str]:
    """By part and by process, as Markdown."""
    early, late = course.part(0.0, 0.25), course.part(0.75, 1.0)
    cores = (late[-1].cpu_s - early[0].cpu_s) / (late[-1].at_s - early[0].at_s)
    delay_ms, clock_ms = drift_ms(course)
    after = course.spoken.after
    parts = zip(("all", "first third", "last third"), (after, *thirds(after)), strict=True)
    names = late[-1].mb
    mb = [[statistics.mean(s.mb.get(name, 0.0) for s in part) for part in (early, late)] for name in names]
    return [
        f"{course.minutes:.1f} minutes, {course.spoken.ended} utterances, {len(after)} of them timed, "
        f"{course.spoken.whole} with all three senses; {cores:.3f} cores; {course.count(PLAYER, 'late')} times was the "
        f"player late. The sound moved by {delay_ms:.0f} ms against the pictures, by {clock_ms:.1f} against the clock.",
        "",
        *table(("after the end of speech, ms", "median, 95 %, most"), ([what, spread(part)] for what, part in parts)),
        "",
        *table(
            ("process", "MB, first quarter", "MB, last quarter"),
            ([name, *(f"{value:.1f}" for value in pair)] for name, pair in zip(names, mb, strict=True)),
        ),
    ]


def result(course: Course, minutes: float) -> Result:
    """What came of it so far."""
    command = f"python benchmarks/soak.py --minutes {minutes:g}{' --composed' if course.composed else ''}"
    name, title = ("soak_composed", "Soak, composed") if course.composed else ("soak", "Soak")
    return Result(name, title, command, 80 + course.composed, marks_of(course), lines_of(course))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; return 0 when every mark is met."""
    parser = options(__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="(default: %(default)s)")
    parser.add_argument("--composed", action="store_true", help="all nodes in one process")
    given = begin(parser, arguments)
    if not given.minutes * 60 > LEAST_S:
        parser.error(f"--minutes is {given.minutes}: the first {WARM_S:g} s are not measured; give 1 or more")
    apart()
    folder = Path(tempfile.mkdtemp(prefix="mer-soak-"))

    def each_minute(course: Course) -> None:
        now, after = course.samples[-1], course.spoken.after[-10:]
        print(
            f"{course.minutes:.0f} of {given.minutes:g} minutes: {now.all_mb:.0f} MB, {now.descriptors} descriptors, "
            f"{now.threads} threads, {course.spoken.ended} utterances, the last ones after {spread(after)} ms",
            flush=True,
        )
        if given.write:
            result(course, given.minutes).write()

    course = soak(given.minutes, folder, given.composed, each_minute)
    print(f"the logs are in {folder / 'logs'}")
    if course.minutes * 60 < LEAST_S:
        print(f"error: it ended after {course.minutes:.1f} minutes, too early to say anything", file=sys.stderr)
        return 2
    return finish(result(course, given.minutes), given.write)


if __name__ == "__main__":
    sys.exit(main())
