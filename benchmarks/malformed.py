"""Messages that nobody should send, at each node: does it end, does it grow? Exit code 1 if so.

python benchmarks/malformed.py [--messages 100000] [--cores 0] [--write]

Runs test/nodes/test_malformed_messages.py with so many messages at each node: half of them with any value in every
field of every type that the node subscribes, the others good ones with some fields spoilt. After each 500 the test
looks whether all were counted, none was a fault, and how much the node keeps. Growth is that of the process's resident
memory after the first third, without the record that pytest keeps of all that is logged. It measures no time, so the
machine need not be quiet; it takes about three minutes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from common import Mark, Result, begin, finish, options, table

TEST = Path(__file__).resolve().parents[1] / "test" / "nodes" / "test_malformed_messages.py"
NAME = re.compile(r"test_rubbish_neither_ends_a_node_nor_makes_it_grow\[(.+)\]")
MESSAGES, GROWTH_MB = 100_000, 5.0


@dataclass(frozen=True)
class Tally:
    """What a node was given. grown_mb: NaN when it did not come to its end."""

    node: str
    messages: int
    refused: int
    grown_mb: float
    seconds: float


def tallies(report: Path) -> tuple[list[Tally], int]:
    """Each node's, and how many tests failed, by what pytest wrote (JUnit's XML)."""
    found, failed = [], 0
    for case in ElementTree.parse(report).iter("testcase"):
        failed += case.find("failure") is not None or case.find("error") is not None
        if named := NAME.fullmatch(case.get("name", "")):
            told = {item.get("name"): float(item.get("value", "nan")) for item in case.iter("property")}
            messages, refused = int(told.get("messages", 0)), int(told.get("refused", 0))
            grown_mb = told.get("grown_mb", float("nan"))
            found.append(Tally(named[1], messages, refused, grown_mb, float(case.get("time", 0))))
    return found, failed


def result(found: Sequence[Tally], failed: int, messages: int) -> Result:
    """What came of it."""
    least, nodes = min((t.messages for t in found), default=0), f"{len(found)} nodes and settings"
    grown = max(found, key=lambda t: t.grown_mb if t.grown_mb == t.grown_mb else float("inf"), default=None)
    marks = [
        Mark("malformed messages at each node", MESSAGES, least, at_least=True, note=nodes),
        Mark("malformed messages: nodes that end, raise or lose count", 0, failed),
        Mark(
            "malformed messages: growth of memory",
            GROWTH_MB,
            grown.grown_mb if grown else float("nan"),
            "MB",
            note=f"the most: {grown.node}" if grown else "",
        ),
    ]
    rows = ([t.node, t.messages, t.refused, f"{t.grown_mb:.1f}", f"{t.seconds:.0f}"] for t in found)
    lines = table(("node", "messages", "refused", "grown, MB", "s"), rows)
    command = f"python benchmarks/malformed.py --messages {messages}"
    return Result("malformed", "Malformed messages", command, 90, marks, lines, conditions="")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES, help="at each node (default: %(default)s)")
    given = begin(parser, arguments)
    if given.messages < 100:
        parser.error(f"--messages is {given.messages}: give 100 or more")
    with tempfile.TemporaryDirectory(prefix="mer-malformed-") as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            str(TEST),
            "-p",
            "no:logging",
            "-o",
            "junit_family=xunit1",
            f"--junitxml={report}",
        ]
        environment = {**os.environ, "MER_MESSAGES": str(given.messages)}
        code = subprocess.run(command, check=False, env=environment).returncode
        if code > 1 or not report.is_file():
            return 2
        found, failed = tallies(report)
    return finish(result(found, failed, given.messages), given.write)


if __name__ == "__main__":
    sys.exit(main())
