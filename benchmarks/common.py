"""What the benchmarks share: marks that are met or missed, results as dated files, cores to run on, percentiles."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mer_ros.replay.machine import machine

RESULTS = Path(__file__).parent / "results"
HEAD = ("what", "asked", "measured", "")


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the result to benchmarks/results")
    parser.add_argument("--cores", type=int, nargs="+", help="run all processes on these alone, and say so")
    return parser


def begin(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse; with --cores, begin this program again on these cores, so that all it starts stays there."""
    given = parser.parse_args(arguments)
    if given.cores:
        allowed = os.sched_getaffinity(0)
        if not allowed.issuperset(given.cores):
            there = ", ".join(map(str, sorted(allowed)))
            parser.error(f"--cores is {' '.join(map(str, given.cores))}: give some of {there}")
        if allowed != set(given.cores):
            os.sched_setaffinity(0, given.cores)
            sys.stdout.flush()
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # libraries have threads by now
    return given


def cores_of_machine() -> int:
    """How many it has, whichever of them this process may run on."""
    return os.cpu_count() or 1


def pinned() -> str:
    """The cores to which this process and all that it starts are bound, in words; nothing where it has all."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if not cores or len(cores) == cores_of_machine():
        return ""
    return f"pinned to core {' and '.join(map(str, cores))}, beside other measurements"


@dataclass(frozen=True)
class Mark:
    """One row of the table: what was asked for and what was measured, in the same unit.

    at_least: whether more is better. note: said beside it, such as why it is missed.
    """

    what: str
    asked: float
    measured: float
    unit: str = ""
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether it is; what could not be measured (NaN) is not."""
        return self.measured >= self.asked if self.at_least else self.measured <= self.asked

    @property
    def excess(self) -> float:
        """By how much it is on the wrong side; below 0 on the right one, infinite when it was not measured."""
        over = self.asked - self.measured if self.at_least else self.measured - self.asked
        return float("inf") if np.isnan(over) else over

    @property
    def verdict(self) -> str:
        """Met, or by how much it is missed."""
        if self.met:
            return "met"
        if not np.isfinite(self.measured):
            return "**missed**: not measured"
        short = abs(self.measured - self.asked)
        share = f" ({short / self.asked:.0%})" if self.asked else ""
        return f"**missed** by {number(short)} {self.unit}".rstrip() + share

    @property
    def cells(self) -> list[str]:
        """What, asked, measured, verdict."""
        bound = "at least" if self.at_least else "at most"
        values = [f"{number(value)} {self.unit}".rstrip() for value in (self.asked, self.measured)]
        return [self.what, f"{bound} {values[0]}", values[1], self.verdict + (f"; {self.note}" if self.note else "")]


@dataclass(frozen=True)
class Result:
    """What a benchmark found: its marks, and lines of Markdown with all else worth knowing.

    title: of its section. command: that makes it. order: of its rows in the table. conditions: see `pinned`.
    """

    name: str
    title: str
    command: str
    order: int
    marks: Sequence[Mark]
    lines: Sequence[str] = ()
    date: str = field(default_factory=lambda: datetime.date.today().isoformat())
    machine: dict[str, Any] = field(default_factory=lambda: machine() | {"cores": cores_of_machine()})
    conditions: str = field(default_factory=pinned)

    @property
    def where(self) -> str:
        """Date, machine and versions in a line."""
        return ", ".join([self.date, *(f"{name} {value}" for name, value in self.machine.items())])

    def cells(self, mark: Mark) -> list[str]:
        """The cells of one of its marks, which say where it was pinned."""
        bound = f"; {self.conditions.partition(',')[0]}" if self.conditions else ""
        return [*mark.cells[:-1], mark.cells[-1] + bound]

    @property
    def good(self) -> bool:
        """Whether every mark is met."""
        return all(mark.met for mark in self.marks)

    def text(self) -> str:
        """All of it as Markdown."""
        how = ", ".join(filter(None, (self.where, self.conditions)))
        head = [f"## {self.title}", "", f"{how}. `{self.command}`", ""]
        return "\n".join([*head, *table(HEAD, map(self.cells, self.marks)), "", *self.lines])

    def write(self, folder: Path = RESULTS) -> Path:
        """Write it as <name>.json."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> Result:
        """Read what `write` wrote."""
        told = json.loads(path.read_text())
        return cls(**({"conditions": ""} | told | {"marks": [Mark(**mark) for mark in told["marks"]]}))


def finish(result: Result, write: bool) -> int:
    """Print a result, write it if that is asked for; return the exit code: 1 where a mark is missed."""
    print(result.text())
    if write:
        print(f"\nwrote {result.write()}")
    return 0 if result.good else 1


def table(head: Sequence[str], rows: Any) -> list[str]:
    """A Markdown table."""
    return [f"| {' | '.join(map(str, cells))} |" for cells in (head, ["---"] * len(head), *rows)]


def number(value: float) -> str:
    """A number with as many digits as matter."""
    if value == int(value) if np.isfinite(value) else False:
        return f"{value:.0f}"
    digits = 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.{digits}f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The percentile (share: 0..100) of the values; NaN of none."""
    return float(np.percentile(values, share)) if len(values) else float("nan")


def spread(values: Sequence[float]) -> str:
    """Median, 95th percentile and most of milliseconds."""
    return ", ".join(f"{percentile(values, share):.1f}" for share in (50, 95, 100))
