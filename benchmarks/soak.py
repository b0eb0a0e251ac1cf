"""The graph at full rate for long: does memory grow, do descriptors or threads, does latency? Exit code 1 if so.

python benchmarks/soak.py [--minutes 60] [--composed] [--write]

Plays the sample dialogue as a 640x480 video at 30 Hz with sound at 16 kHz, in real time, again and again, over DDS.
--write renews benchmarks/results/soak.md. Run it on a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import datetime
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replay import RATE_HZ, SIZE, write_once

from mer_ros import resources
from mer_ros.graph import GraphSettings, describe
from mer_ros.replay.machine import machine
from mer_ros.run import GraphProcesses

NODES = ("fusion", "speech_to_text", "camera", "microphone")
MOST_MB = {False: 900.0, True: 500.0}  # in separate processes, in one
WARM_S = 30.0  # what is loaded and allocated at the first use is there by then
MOST_GROWTH, MOST_DRIFT_MS, LEAST_FRAMES = 0.05, 20.0, 0.995
SLOWER, SLACK_MS = 1.25, 25.0  # how much longer an emotion may take at the end than at the start
SETTINGS = """\
/**/file_player:
  ros__parameters:
    loop: true
    reliability: reliable
"""
RESULTS = Path(__file__).parent / "results" / "soak.md"
_PAGE, _TICK = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


@dataclass
class Sample:
    """What the processes hold at one time.

    at_s: since the graph is up. mb: resident, pages that processes share counted once. each_mb: the sum of what each
    has resident. cpu_s: spent so far.
    """

    at_s: float
    mb: float = 0.0
    each_mb: float = 0.0
    descriptors: int = 0
    threads: int = 0
    cpu_s: float = 0.0


@dataclass
class Course:
    """What was seen. emotions: arrival and milliseconds since the end of speech, and the start of each utterance."""

    samples: list[Sample] = field(default_factory=list)
    emotions: list[tuple[float, float, int]] = field(default_factory=list)
    ended: int = 0
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    composed: bool = False

    def part(self, begin: float, end: float) -> list[Sample]:
        """The samples of a part of the time after the warm-up, as shares of it."""
        last = self.samples[-1].at_s
        low, high = (WARM_S + share * (last - WARM_S) for share in (begin, end))
        return [sample for sample in self.samples if low <= sample.at_s <= high]

    def count(self, node: str, key: str) -> int:
        """A count of a node's last diagnostics."""
        return int(self.values.get(node, {}).get(key, 0))


@dataclass(frozen=True)
class Row:
    """One thing that was measured. good: None when nothing is asked of it."""

    what: str
    value: str
    mark: str = ""
    good: bool | None = None


def look(pids: Sequence[int], at_s: float) -> Sample:
    """Look at the processes once; one that is gone counts nothing."""
    sample = Sample(at_s)
    for pid in pids:
        try:
            sample.each_mb += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            sample.mb += next(int(line.split()[1]) * 1024 / 1e6 for line in rollup if line.startswith("Pss:"))
            sample.descriptors += len(os.listdir(f"/proc/{pid}/fd"))
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            sample.threads += int(stat[17])
            sample.cpu_s += (int(stat[11]) + int(stat[12])) / _TICK
        except (OSError, StopIteration):
            continue
    return sample


class Follower:
    """Listens to emotions, utterances and diagnostics; spun by hand."""

    def __init__(self, course: Course) -> None:
        import rclpy
        from diagnostic_msgs.msg import DiagnosticArray
        from mer_msgs.msg import Emotion, Utterance
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.signals import SignalHandlerOptions

        from mer_ros.nodes import qos

        self._course = course
        self._rclpy, self._ended = rclpy, Utterance.ENDED
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node("soak")
        self.node.create_subscription(Emotion, "emotion", self._on_emotion, qos.emotions())
        self.node.create_subscription(Utterance, "utterance", self._on_utterance, qos.events())
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)

    def spin(self, seconds: float) -> None:
        """Take what comes for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def close(self) -> None:
        """Listen no more."""
        self._executor.shutdown()
        self.node.destroy_node()
        self._rclpy.try_shutdown()

    def _on_emotion(self, message: Any) -> None:
        after = next(item.milliseconds for item in message.latency if item.stage == "since_end")
        start_ns = message.start.sec * 1_000_000_000 + message.start.nanosec
        self._course.emotions.append((time.monotonic(), after, start_ns))

    def _on_utterance(self, message: Any) -> None:
        self._course.ended += message.state == self._ended

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            self._course.values[status.name] = {item.key: item.value for item in status.values}


def soak(minutes: float, folder: Path, composed: bool = False) -> Course:
    """Run the graph for so long after it is up, and follow it."""
    film, settings = folder / "sample.mp4", folder / "settings.yaml"
    write_once(film)
    settings.write_text(SETTINGS)
    graph = describe(GraphSettings(params_file=str(settings), composed=composed))
    nothing = dict.fromkeys(NODES, False)
    player = describe(GraphSettings(play=str(film), params_file=str(settings), **nothing))
    os.environ.update(graph.environment)
    course = Course(composed=composed)
    follower = Follower(course)
    stopped: list[int] = []
    before = {number: signal.signal(number, lambda n, _: stopped.append(n)) for number in (2, 15)}
    try:
        with GraphProcesses(graph, folder / "logs") as processes:
            begun = time.monotonic()
            while any(course.values.get(node, {}).get("state") != "active" for node in NODES):
                follower.spin(0.2)
                if not processes.poll() or time.monotonic() - begun > 120:
                    raise SystemExit(f"error: the graph did not come up; the logs are in {folder / 'logs'}")
            with GraphProcesses(player, folder / "logs") as playing:  # it is no part of what is measured
                begun = time.monotonic()
                while not stopped and time.monotonic() - begun < 60 * minutes and processes.poll() and playing.poll():
                    follower.spin(1.0)
                    pids = [processes.pid_of(spec.name) for spec in graph.nodes]
                    course.samples.append(look(pids, time.monotonic() - begun))
            course.restarts = processes.restarts
        course.failed = processes.failed
    finally:
        follower.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    return course


def drift_ms(starts_ns: Sequence[int], period: int) -> float:
    """How much longer a round of the dialogue is at the end than at the start, by the stamps of its utterances.

    period: utterances in a round. Medians, as the noise before an utterance may move its start a little.
    """
    rounds = [later - earlier for earlier, later in zip(starts_ns, starts_ns[period:], strict=False)]
    if len(rounds) < 2 * period:
        return 0.0
    return abs(statistics.median(rounds[-period:]) - statistics.median(rounds[:period])) / 1e6


def rows(course: Course, utterances: int = 6) -> list[Row]:
    """What came of it. utterances: in one round of the dialogue."""
    early, late = course.part(0.0, 0.25), course.part(0.75, 1.0)
    growth = statistics.mean(s.mb for s in late) / statistics.mean(s.mb for s in early) - 1
    grown = {
        name: max(getattr(s, name) for s in late) - max(getattr(s, name) for s in early)
        for name in ("descriptors", "threads")
    }
    third = max(1, len(course.emotions) // 3)
    first, last = (
        statistics.median(after for _, after, _ in part) if part else float("nan")
        for part in (course.emotions[:third], course.emotions[-third:])
    )
    missing = course.ended - len(course.emotions)
    sent, received = course.count("file_player", "frames"), course.count("camera", "received_image_raw")
    spent = late[-1].cpu_s - early[0].cpu_s, late[-1].at_s - early[0].at_s
    drift = drift_ms([start for _, _, start in course.emotions], utterances)
    peak, most_mb = max(s.mb for s in course.samples), MOST_MB[course.composed]
    lost = course.count("microphone", "lost_samples")
    faults = sum(int(values.get("faults", 0)) for values in course.values.values())
    return [
        Row("time, min", f"{course.samples[-1].at_s / 60:.1f}"),
        Row("memory, at most, MB, shared pages once", f"{peak:.0f}", f"{most_mb:.0f}", peak <= most_mb),
        Row("memory, at most, MB, sum of the processes", f"{max(s.each_mb for s in course.samples):.0f}"),
        Row("memory, growth", f"{growth:+.1%}", f"{MOST_GROWTH:.0%}", growth <= MOST_GROWTH),
        *(Row(f"{name}, growth", f"{n:+d} of {getattr(late[-1], name)}", "0", n <= 0) for name, n in grown.items()),
        Row("processor, cores", f"{spent[0] / spent[1]:.2f}"),
        Row("utterances, with an emotion", f"{len(course.emotions)} of {course.ended}", "all", 0 <= missing <= 1),
        Row(
            "after the end of speech, ms, first and last third",
            f"{first:.0f}, {last:.0f}",
            f"{SLOWER:g} times",
            last <= first * SLOWER + SLACK_MS,
        ),
        Row("sound lost, samples", str(lost), "0", lost == 0),
        Row(
            "frames received",
            f"{received / max(sent, 1):.2%} of {sent}",
            f"{LEAST_FRAMES:.1%}",
            received >= LEAST_FRAMES * (sent - 2 * RATE_HZ),  # the two tell their counts a second apart
        ),
        Row("drift from round to round, ms", f"{drift:.1f}", f"{MOST_DRIFT_MS:g}", drift <= MOST_DRIFT_MS),
        Row("faults, restarts", f"{faults}, {sum(course.restarts.values())}", "0", not faults and not course.restarts),
        Row("ended cleanly", ", ".join(course.failed) or "all", "all", not course.failed),
    ]


def table(measured: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| what | measured | at most, or least | |", "|---|---|---|---|"]
    said = {None: "", True: "met", False: "**missed**"}
    return "\n".join([*lines, *(f"| {row.what} | {row.value} | {row.mark} | {said[row.good]} |" for row in measured)])


def main() -> int:
    """Run it; return 0 when every mark is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--composed", action="store_true", help="all nodes in one process")
    parser.add_argument("--write", action="store_true", help=f"renew {RESULTS.name}")
    arguments = parser.parse_args()
    if not arguments.minutes > 1.5 * WARM_S / 60:
        parser.error(f"--minutes is {arguments.minutes}: the first {WARM_S:g} s are not measured; give 1 or more")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    for name, value in resources.dds_environment().items():
        os.environ.setdefault(name, value)
    folder = Path(tempfile.mkdtemp(prefix="mer-soak-"))
    measured = rows(soak(arguments.minutes, folder, arguments.composed))
    print(table(measured))
    way = "in one process" if arguments.composed else "in separate processes"
    if arguments.write:
        today = datetime.date.today().isoformat()
        head = f"# Soak\n\n{today}, {machine()}. {SIZE[0]}x{SIZE[1]} at {RATE_HZ} Hz, {way}.\n\n"
        RESULTS.write_text(f"{head}{table(measured)}\n\nMade by `python benchmarks/soak.py --write`.\n")
    print(f"the logs are in {folder / 'logs'}")
    return 0 if all(row.good is not False for row in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
