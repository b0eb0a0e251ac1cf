"""The table of all results: what was asked, what was measured, met or missed by how much.

python benchmarks/table.py [--readme]

Reads benchmarks/results/*.json, which the benchmarks write with --write; writes benchmarks/results/table.md, with
--readme the README's part between its two marks as well. Exit code 1 when a mark is missed.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from common import HEAD, RESULTS, Mark, Result, table

README = Path(__file__).resolve().parents[1] / "README.md"
WIDTH = 120  # of the text below the table
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
PINNED = (
    "Pinned: all processes of that measurement, also what plays to the graph and listens to it, had that core alone, "
    "while other measurements ran beside."
)


def results() -> list[Result]:
    """All that were written, in the order of the table."""
    return sorted((Result.read(path) for path in RESULTS.glob("*.json")), key=lambda result: result.order)


def summary(found: Sequence[Result]) -> str:
    """The marks of all, and on what they were measured. Of marks of one name, from parts of a benchmark, the worst."""
    rows: dict[str, tuple[Mark, Result]] = {}
    for result in found:
        for mark in result.marks:
            if mark.what not in rows or mark.excess > rows[mark.what][0].excess:
                rows[mark.what] = mark, result
    lines = table(HEAD, (result.cells(mark) for mark, result in rows.values()))
    places = dict.fromkeys(result.where for result in found)
    notes = [PINNED] if any(result.conditions for _, result in rows.values()) else []
    words = " ".join([*(f"Measured {place}." for place in places), *notes])
    return "\n".join([*lines, "", *textwrap.wrap(words, WIDTH, break_long_words=False, break_on_hyphens=False)])


def page(found: Sequence[Result]) -> str:
    """The table, and below it all of each result."""
    parts = ["# Speed and cost", "", "`make bench` and `make soak` make this page.", "", summary(found)]
    return "\n".join(parts) + "".join(f"\n\n{result.text()}" for result in found) + "\n"


def shown(readme: str, text: str) -> str:
    """The README with the text between its marks. Raises ValueError where it has none."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"README.md lacks {BEGIN} or {END}: put both where the table belongs")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readme", action="store_true", help="renew the table in the README")
    given = parser.parse_args(arguments)
    found = results()
    if not found:
        print(f"there is no result in {RESULTS}: run the benchmarks with --write")
        return 2
    (RESULTS / "table.md").write_text(page(found))
    if given.readme:
        README.write_text(shown(README.read_text(), summary(found)))
    print(summary(found))
    return 0 if all(result.good for result in found) else 1


if __name__ == "__main__":
    sys.exit(main())
