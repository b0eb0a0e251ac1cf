"""The graph at full rate: what is lost, what it costs in processor and memory. Exit code 1 when a mark is missed.

python benchmarks/load.py [--minutes 10] [--only silent half composed] [--cores 1] [--write]

Raw 640x480 images at 30 Hz and sound at 16 kHz are played in real time over DDS by a process of its own, which does not
count. silent: people in view, nobody speaks. half: somebody speaks half the time. Both in separate processes; composed:
as half, all nodes in one process. Each is a result of its own, so that they can be run apart.

Processor time is that of all processes of the graph from when the film begins until it ends. Memory is the most that
they held at a time from their very start, looked at twice a second, pages that they share (libraries) counted once; of
one process its peak as the system tells it. The sum of each one's own peak, where such pages count for each, is told
beside.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common import Mark, Result, begin, finish, options, table
from film import film, round_s
from live import PLAYER, Follower, Heard, Running, apart, cpu_s, peak_mb, running

CORES_SILENT, CORES_HALF = 0.6, 1.0
MB_APART, MB_COMPOSED = 900.0, 500.0
FRAMES_PERCENT = 99.5
HALF = 0.5
TITLES = {"silent": "nobody speaks", "half": "half the time", "composed": "half the time, in one process"}


@dataclass
class Course:
    """A film that was played. cpu_s, peak_mb: by process. mb: of all at a time. spoken_s: of all utterances."""

    wall_s: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)
    mb: float = 0.0
    frames: tuple[int, int] = (0, 0)
    chunks: tuple[int, int] = (0, 0)
    lost_samples: int = 0
    shed: int = 0
    late: int = 0
    utterances: int = 0
    emotions: int = 0
    spoken_s: float = 0.0

    @property
    def cores(self) -> float:
        """Processor time a second."""
        return sum(self.cpu_s.values()) / self.wall_s

    @property
    def lost_chunks(self) -> int:
        """Sound that was published and not received; a gap that the listener found counts as one at least."""
        return max(self.chunks[0] - self.chunks[1], int(self.lost_samples > 0))

    @property
    def received_percent(self) -> float:
        """Of the frames that were published."""
        return 100.0 * self.frames[1] / self.frames[0] if self.frames[0] else float("nan")


def play(minutes: float, *, voices: bool = True, composed: bool = False) -> Course:
    """Play a film of at least so long to a graph."""
    folder = Path(tempfile.mkdtemp(prefix="mer-load-"))
    rounds = max(1, round(minutes * 60 / round_s(HALF)))
    path = film(folder / "film.mp4", rounds, voices=voices, share=HALF)
    follower = Follower()
    try:
        with running(folder, follower, weighs=True, composed=composed) as graph, graph.play(path):
            return watch(graph, rounds * round_s(HALF))
    finally:
        follower.close()


def watch(graph: Running, film_s: float) -> Course:
    """Take account of the graph while a film is played to it."""
    heard, course = graph.heard, Course()
    if not graph.wait(lambda: heard.count(PLAYER, "frames") > 0, 60):
        raise SystemExit(f"error: the player does not begin; the logs are in {graph.folder / 'logs'}")
    begun, before = time.monotonic(), spent(graph.pids)
    if not graph.wait(graph.played, 60 + 1.2 * film_s):
        raise SystemExit(f"error: the player does not come to its end; the logs are in {graph.folder / 'logs'}")
    course.wall_s = time.monotonic() - begun
    after = spent(graph.pids)
    course.cpu_s = {name: after[name] - before[name] for name in after}
    time.sleep(3.0)  # each node tells its counts once a second
    course.peak_mb = {name: peak_mb(pid) for name, pid in graph.pids.items()}
    course.mb = graph.mb if len(course.peak_mb) > 1 else sum(course.peak_mb.values())
    count(course, heard)
    return course


def spent(pids: dict[str, int]) -> dict[str, float]:
    """Processor time of each process so far, in s."""
    return {name: cpu_s(pid) for name, pid in pids.items()}


def count(course: Course, heard: Heard) -> None:
    """Take over what the nodes and the topics told."""
    course.frames = heard.count(PLAYER, "frames"), heard.count("camera", "received_image_raw")
    course.chunks = heard.count(PLAYER, "chunks"), heard.count("microphone", "received_audio")
    course.lost_samples = heard.count("microphone", "lost_samples")
    course.shed = heard.count("camera", "frames_shed")
    course.late = heard.count(PLAYER, "late")
    course.utterances, course.emotions = len(heard.ended), len(heard.emotions)
    course.spoken_s = sum(m.end.sec - m.start.sec + (m.end.nanosec - m.start.nanosec) / 1e9 for _, m in heard.ended)


def marks_of(name: str, course: Course) -> list[Mark]:
    """The marks of a film that was played."""
    film_s = f"{course.wall_s / 60:.0f} minutes"
    marks = [
        Mark("chunks of sound lost, 640x480 at 30 Hz, 16 kHz", 0, course.lost_chunks, note=film_s),
        Mark("frames received", FRAMES_PERCENT, course.received_percent, "%", at_least=True, note=film_s),
    ]
    if name == "composed":
        return [*marks, Mark("memory, composed", MB_COMPOSED, course.mb, "MB", note=film_s)]
    what, most = ("nobody speaks", CORES_SILENT) if name == "silent" else ("half the time", CORES_HALF)
    return [
        *marks,
        Mark(f"processor of the whole graph, {what}", most, course.cores, "cores", note=film_s),
        Mark("memory, separate processes", MB_APART, course.mb, "MB", note=film_s),
    ]


def lines_of(course: Course) -> list[str]:
    """By process, as Markdown."""
    rows = [[n, f"{s / course.wall_s:.3f}", f"{course.peak_mb[n]:.0f}"] for n, s in course.cpu_s.items()]
    rows.append(["all", f"{course.cores:.3f}", f"{sum(course.peak_mb.values()):.0f}"])
    return [
        f"{course.wall_s:.0f} s, {course.utterances} utterances in {course.spoken_s / course.wall_s:.0%} of the time, "
        f"{course.emotions} emotions; {course.frames[1]} of {course.frames[0]} frames and {course.chunks[1]} of "
        f"{course.chunks[0]} chunks received, {course.lost_samples} samples missing, {course.shed} frames left out "
        f"under load; the player was late {course.late} times.",
        "",
        *table(("process", "cores", "own peak, MB"), rows),
    ]


def measure(name: str, minutes: float) -> Result:
    """Run one course."""
    course = play(minutes, voices=name != "silent", composed=name == "composed")
    command = f"python benchmarks/load.py --only {name} --minutes {minutes:g}"
    order = 20 + list(TITLES).index(name)
    return Result(f"load_{name}", f"Load: {TITLES[name]}", command, order, marks_of(name, course), lines_of(course))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of each film (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=list(TITLES), default=list(TITLES))
    given = begin(parser, arguments)
    if not given.minutes > 0:
        parser.error(f"--minutes is {given.minutes}: give more than 0")
    apart()
    print(f"takes about {len(given.only) * (given.minutes + 0.6):.0f} minutes", flush=True)
    return max([finish(measure(name, given.minutes), given.write) for name in given.only])


if __name__ == "__main__":
    sys.exit(main())
