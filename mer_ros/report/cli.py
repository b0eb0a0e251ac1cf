"""`mer report` and `mer compare`: pages of one run, and of two."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mer_ros.errors import InputError
from mer_ros.replay.arguments import path_of
from mer_ros.replay.records import EMOTIONS_FILE
from mer_ros.terminal import printable


def add_report_parser(subparsers: Any) -> None:
    """Add `mer report`."""
    parser = subparsers.add_parser(
        "report",
        help="a page of a run: dialogue, scores, latencies",
        description="Writes report.html into a run's folder anew, for instance after its labels were evaluated.",
    )
    parser.add_argument("folder", type=path_of, metavar="DIR", help="folder that `mer replay` has written")
    parser.add_argument("--thumbnails", action="store_true", help="with the faces that `mer replay --thumbnails` kept")
    parser.set_defaults(handler=_report)


def add_compare_parser(subparsers: Any) -> None:
    """Add `mer compare`."""
    parser = subparsers.add_parser(
        "compare",
        help="a page of two runs side by side",
        description="Compares two runs: scores, emotions that changed, timelines, latencies, settings and models.",
    )
    parser.add_argument("first", type=path_of, metavar="A", help="folder that `mer replay` has written")
    parser.add_argument("second", type=path_of, metavar="B", help="another one")
    parser.add_argument(
        "--output", type=path_of, default=Path("compare.html"), metavar="FILE", help="the page (default: %(default)s)"
    )
    parser.set_defaults(handler=_compare)


def _report(given: argparse.Namespace) -> int:
    from mer_ros.report.report import write_report

    _check(given.folder)
    print(printable(str(write_report(given.folder, given.thumbnails))))
    return 0


def _compare(given: argparse.Namespace) -> int:
    from mer_ros.report.compare import write_comparison

    for folder in (given.first, given.second):
        _check(folder)
    print(printable(str(write_comparison(given.first, given.second, given.output))))
    return 0


def _check(folder: Path) -> None:
    if not (folder / EMOTIONS_FILE).is_file():
        raise InputError(f"{folder} holds no {EMOTIONS_FILE}: give a folder that `mer replay` has written")
