"""A node is killed (SIGKILL): how long until it is active again. Exit code 1 when the mark is missed.

python benchmarks/restart.py [--runs 3] [--cores 0] [--write]

Each node of the running graph is killed in turn. The marks count from when the node's process is there again until the
node logs that it is active, and until another process has found what it listens to, from when on it is used again.
Told beside: the time from the kill, and how long it took the lifecycle manager, which is killed as well, to find all
nodes active: nothing waits for that.
"""

from __future__ import annotations

import os
import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from common import Mark, Result, begin, finish, number, options, table
from live import PATIENCE_S, apart
from startup import ACTIVE

from mer_ros.graph import LIFECYCLE, GraphSettings, describe
from mer_ros.run import GraphProcesses

MOST_S = 2.0
MANAGER = "lifecycle_manager"
ITSELF = re.compile(r"\[(\d+\.\d+)\] \[(?:[\w./]*\.)?(\w+)\]: active by itself")
HEARS = {"fusion": "utterance", "speech_to_text": "utterance", "camera": "utterance", "microphone": "audio"}
RESTED_S = 3.0  # between two kills: what was begun again has told everybody of itself
LOOK_S = 0.02


def wait_active(processes: GraphProcesses, log: Path, since: float) -> float:
    """When this log's node told after `since` that it is active, or the manager that all are; in s of the clock."""
    told, wanted = (ACTIVE, set(LIFECYCLE)) if log.stem == MANAGER else (ITSELF, {log.stem})
    limit = time.monotonic() + PATIENCE_S
    while time.monotonic() < limit and processes.poll():
        found = told.findall(log.read_text(errors="replace")) if log.is_file() else []
        active = {name: float(at) for at, name in found if float(at) > since}
        if active.keys() >= wanted:
            return max(active.values())
        time.sleep(LOOK_S)
    raise SystemExit(f"error: {', '.join(wanted)} did not become active; the logs are in {log.parent}")


class Finder:
    """Another process's view of what nodes listen to."""

    def __init__(self) -> None:
        import rclpy
        from rclpy.context import Context

        self._context = Context()
        rclpy.init(args=[], context=self._context)
        self._node = rclpy.create_node("bench", context=self._context)

    def endpoints(self, name: str) -> set[bytes]:
        """The subscriptions of what the node hears, also those of one that was killed for a while.

        By topic: whose one is, a process is told later than what it needs for sending to it.
        """
        return {bytes(info.endpoint_gid) for info in self._node.get_subscriptions_info_by_topic(HEARS[name])}

    def wait_fresh(self, name: str, before: set[bytes]) -> float:
        """When there was one more than before, in s of the clock."""
        limit = time.monotonic() + PATIENCE_S
        while time.monotonic() < limit:
            if self.endpoints(name) - before:
                return time.time()
            time.sleep(LOOK_S)
        raise SystemExit(f"error: {name} was not found again")

    def close(self) -> None:
        """Look no more."""
        self._node.destroy_node()
        self._context.try_shutdown()


def kill(processes: GraphProcesses, finder: Finder, log: Path, node: str) -> tuple[float, float, float]:
    """Kill a node; how long it took, in s: from its return until it was active, and found; from the kill until active.

    The manager listens to nothing; it counts as found when it has found all others.
    """
    before = processes.restarts.get(node, 0)
    known = set() if node == MANAGER else finder.endpoints(node)
    killed = time.time()
    os.kill(processes.pid_of(node), signal.SIGKILL)
    while processes.restarts.get(node, 0) == before:
        if not processes.poll() or time.time() - killed > PATIENCE_S:
            raise SystemExit(f"error: {node} was not started again; the logs are in {log.parent}")
        time.sleep(LOOK_S)
    returned = time.time()
    active = wait_active(processes, log, returned)
    found = active if node == MANAGER else finder.wait_fresh(node, known)
    return active - returned, found - returned, active - killed


def main(arguments: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--runs", type=int, default=3, help="how often each node is killed (default: %(default)s)")
    given = begin(parser, arguments)
    if given.runs < 1:
        parser.error(f"--runs is {given.runs}: give 1 or more")
    apart()
    took: dict[str, list[tuple[float, float, float]]] = {node: [] for node in (*LIFECYCLE, MANAGER)}
    folder = Path(tempfile.mkdtemp(prefix="mer-restart-"))
    finder = Finder()
    with closing(finder), GraphProcesses(describe(GraphSettings()), folder) as processes:
        wait_active(processes, folder / f"{MANAGER}.log", 0.0)
        for _ in range(given.runs):
            for node, times in took.items():
                time.sleep(RESTED_S)
                times.append(kill(processes, finder, folder / f"{node}.log", node))
    medians = {node: [statistics.median(column) for column in zip(*times, strict=True)] for node, times in took.items()}
    longest = [max(times[column] for node in LIFECYCLE for times in took[node]) for column in range(2)]
    rows = [
        [node, *(number(value) for value in medians[node]), number(max(back for back, *_ in times))]
        for node, times in took.items()
    ]
    note = f"the longest of {given.runs} kills of each node"
    marks = [
        Mark(f"killed node {what} again after its return", MOST_S, value, "s", note=note)
        for what, value in zip(("active", "found"), longest, strict=True)
    ]
    head = (
        "node",
        "from its return to active, s",
        "until found, s",
        "from the kill to active, s",
        "longest to active, s",
    )
    lines = table(head, rows)
    result = Result("restart", "Restart", f"python benchmarks/restart.py --runs {given.runs}", 35, marks, lines)
    return finish(result, given.write)


if __name__ == "__main__":
    sys.exit(main())
