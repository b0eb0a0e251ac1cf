"""From `mer run` to the first emotion that is possible: all nodes active. Exit code 1 when the mark is missed.

python benchmarks/startup.py [--runs 5] [--composed] [--cores 0] [--write]

The time counts from the start of the command to when the lifecycle manager logs that the last node is active. Files are
in the system's cache from the second start on: the first, cold one, is told apart and does not count.
"""

from __future__ import annotations

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from common import Mark, Result, begin, finish, number, options, table
from live import PATIENCE_S, apart, take_domain

from mer_ros.graph import LIFECYCLE

MOST_S = 5.0
ACTIVE = re.compile(r"\[(\d+\.\d+)\] \[[\w./]*lifecycle_manager\]: (\w+) is active")


def active_at(log: str) -> dict[str, float]:
    """When each node became active, in s of the system's clock, by the lifecycle manager's log."""
    return {name: float(at) for at, name in ACTIVE.findall(log)}


def start(folder: Path, *more: str) -> dict[str, float]:
    """Start the graph once; how long it took until each node was active, in s."""
    log = folder / "lifecycle_manager.log"
    begun = time.time()
    command = [sys.executable, "-m", "mer_ros.cli", "run", "--log-dir", str(folder), *more]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None and time.time() - begun < PATIENCE_S:
            active = active_at(log.read_text(errors="replace")) if log.is_file() else {}
            if active.keys() >= set(LIFECYCLE):
                return {name: at - begun for name, at in active.items()}
            time.sleep(0.1)
        raise SystemExit(f"error: the graph did not come up; the logs are in {folder}")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--runs", type=int, default=5, help="besides the cold one (default: %(default)s)")
    parser.add_argument("--composed", action="store_true", help="all nodes in one process; is not written")
    given = begin(parser, arguments)
    if given.runs < 1:
        parser.error(f"--runs is {given.runs}: give 1 or more")
    apart()
    more = ["--composed"] if given.composed else []
    domains = cycle((os.environ["ROS_DOMAIN_ID"], take_domain()))  # each apart from the one before
    started = []
    for _, domain in zip(range(given.runs + 1), domains, strict=False):
        with tempfile.TemporaryDirectory(prefix="mer-startup-") as folder:
            os.environ["ROS_DOMAIN_ID"] = domain
            started.append(start(Path(folder), *more))
    cold, warm = started[0], started[1:]
    median = statistics.median(max(times.values()) for times in warm)
    rows = [[name, number(cold[name]), number(statistics.median(t[name] for t in warm))] for name in LIFECYCLE]
    rows.append(["all", number(max(cold.values())), number(median)])
    mark = Mark("start to the first emotion possible", MOST_S, median, "s", note=f"median of {given.runs} starts")
    lines = table(("node is active after, s", "first start", "median of the others"), rows)
    command = f"python benchmarks/startup.py --runs {given.runs}{' --composed' if given.composed else ''}"
    result = Result("startup", "Start", command, 30, [mark], lines)
    return finish(result, given.write and not given.composed)


if __name__ == "__main__":
    sys.exit(main())
