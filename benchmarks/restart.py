"""A node is killed (SIGKILL): how long until it is active again. Exit code 1 when the mark is missed.

python benchmarks/restart.py [--runs 3] [--cores 0] [--write]

Each node of the running graph is killed in turn, also that which brings the others up again. The mark counts from when
the node's process is there again until the lifecycle manager logs that it is active; the time from the kill, with the
wait before it is started again, is told beside. For the manager itself: until it has found all nodes active.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from common import Mark, Result, begin, finish, number, options, table
from live import PATIENCE_S, apart
from startup import active_at

from mer_ros.graph import LIFECYCLE, GraphSettings, describe
from mer_ros.run import GraphProcesses

MOST_S = 2.0
MANAGER = "lifecycle_manager"
RESTED_S = 3.0  # between two kills: what was begun again has told everybody of itself
LOOK_S = 0.02


def wait_active(processes: GraphProcesses, log: Path, nodes: Sequence[str], since: float) -> float:
    """When the last of these nodes became active after `since`, in s of the system's clock."""
    limit = time.monotonic() + PATIENCE_S
    while time.monotonic() < limit and processes.poll():
        active = active_at(log.read_text(errors="replace")) if log.is_file() else {}
        if all(active.get(name, 0.0) > since for name in nodes):
            return max(active[name] for name in nodes)
        time.sleep(LOOK_S)
    raise SystemExit(f"error: {', '.join(nodes)} did not become active; the logs are in {log.parent}")


def kill(processes: GraphProcesses, log: Path, node: str) -> tuple[float, float]:
    """Kill a node; how long it took until it was active, in s: from its return, and from the kill."""
    before = processes.restarts.get(node, 0)
    killed = time.time()
    os.kill(processes.pid_of(node), signal.SIGKILL)
    while processes.restarts.get(node, 0) == before:
        if not processes.poll() or time.time() - killed > PATIENCE_S:
            raise SystemExit(f"error: {node} was not started again; the logs are in {log.parent}")
        time.sleep(LOOK_S)
    returned = time.time()
    active = wait_active(processes, log, LIFECYCLE if node == MANAGER else [node], returned)
    return active - returned, active - killed


def main(arguments: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--runs", type=int, default=3, help="how often each node is killed (default: %(default)s)")
    given = begin(parser, arguments)
    if given.runs < 1:
        parser.error(f"--runs is {given.runs}: give 1 or more")
    apart()
    took: dict[str, list[tuple[float, float]]] = {node: [] for node in (*LIFECYCLE, MANAGER)}
    folder = Path(tempfile.mkdtemp(prefix="mer-restart-"))
    log = folder / f"{MANAGER}.log"
    with GraphProcesses(describe(GraphSettings()), folder) as processes:
        wait_active(processes, log, LIFECYCLE, 0.0)
        for _ in range(given.runs):
            for node, times in took.items():
                time.sleep(RESTED_S)
                times.append(kill(processes, log, node))
    medians = {node: [statistics.median(column) for column in zip(*times, strict=True)] for node, times in took.items()}
    longest = max(back for times in took.values() for back, _ in times)
    rows = [
        [node, *(number(value) for value in medians[node]), number(max(back for back, _ in times))]
        for node, times in took.items()
    ]
    note = f"the longest of {given.runs} kills of each node"
    mark = Mark("killed node active again after its return", MOST_S, longest, "s", note=note)
    lines = table(("node", "from its return to active, s", "from the kill, s", "longest from its return, s"), rows)
    result = Result("restart", "Restart", f"python benchmarks/restart.py --runs {given.runs}", 35, [mark], lines)
    return finish(result, given.write)


if __name__ == "__main__":
    sys.exit(main())
