"""What the benchmarks share: marks that are met or missed, results as dated files, percentiles."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mer_ros.replay.machine import machine

RESULTS = Path(__file__).parent / "results"


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

    title: of its section. command: that makes it. order: of its rows in the table.
    """

    name: str
    title: str
    command: str
    order: int
    marks: Sequence[Mark]
    lines: Sequence[str] = ()
    date: str = field(default_factory=lambda: datetime.date.today().isoformat())
    machine: dict[str, Any] = field(default_factory=machine)

    @property
    def where(self) -> str:
        """Date, machine and versions in a line."""
        return ", ".join([self.date, *(f"{name} {value}" for name, value in self.machine.items())])

    @property
    def good(self) -> bool:
        """Whether every mark is met."""
        return all(mark.met for mark in self.marks)

    def text(self) -> str:
        """All of it as Markdown."""
        head = [f"## {self.title}", "", f"{self.where}. `{self.command}`", ""]
        return "\n".join(
            [*head, *table(("what", "asked", "measured", ""), (m.cells for m in self.marks)), "", *self.lines]
        )

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
        return cls(**(told | {"marks": [Mark(**mark) for mark in told["marks"]]}))


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
