"""`mer replay`: recordings through the pipeline, faster than life."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mer_ros.replay.arguments import add_options, check_topics, options_of, output_of, path_of
from mer_ros.report.words import count
from mer_ros.terminal import printable

NOT_ALL = 2
_EPILOG = """examples:
  mer replay talk.mp4                    a video: results in replays/talk
  mer replay sample                      the sample dialogue
  mer replay bag/ --output bag-replayed  a rosbag2 folder; a single .mcap or .db3 file works as well
  mer replay session/ --jobs 4           all recordings in a folder, four at a time

written to the folder: emotions.jsonl (a line for each utterance, the same bytes every time), emotions.mcap
(/emotion for Foxglove and ros2 bag play), summary.json, timings.jsonl, run.json, report.html. What was computed
is kept when a recording breaks off, the disk is full, or you press Ctrl-C; exit code 2 tells of the first two,
also where a recording is cut off or damaged and what is left of it was replayed."""


def add_replay_parser(subparsers: Any) -> None:
    """Add `mer replay`."""
    parser = subparsers.add_parser(
        "replay",
        help="emotions of rosbags, videos and sound files, faster than life",
        description="Replays recordings through the stages of the live graph: the same input, the same emotions.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    what = "rosbag, video or sound file, a folder of these, or 'sample'"
    parser.add_argument("input", type=path_of, metavar="INPUT", help=what)
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object on the last line")
    parser.set_defaults(handler=_replay)


def _replay(given: argparse.Namespace) -> int:
    from mer_ros.replay.many import replay_all
    from mer_ros.replay.show import Show, tell_problems, told_when_interrupted
    from mer_ros.replay.task import tasks_of

    options = options_of(given)
    path: Path = given.input
    output = output_of(given, path)
    tasks = tasks_of(path, output)
    check_topics(given, tasks)
    begun_s = time.perf_counter()
    console = Console(markup=False, highlight=False)
    with (
        told_when_interrupted(output),
        Show(Console(markup=False, highlight=False, stderr=given.json), given.quiet) as show,
    ):
        result = replay_all(tasks, output, options, show, jobs=given.jobs, scheduler=given.scheduler, origin=path)
    if not given.quiet:
        _print(console, result.summary, result.problems, time.perf_counter() - begun_s)
        console.print(printable(f"report: {output / 'report.html'}"), soft_wrap=True)
    if given.json:
        print(json.dumps(result.summary, ensure_ascii=False))
    tell_problems(result.problems or (_cut(result.summary) if given.quiet else ()), output)
    return 0 if result.summary["complete"] else NOT_ALL


def _cut(summary: Mapping[str, Any]) -> list[str]:
    """A sentence for each recording that is not whole; why is among its warnings, of which many are harmless."""
    parts: Sequence[Mapping[str, Any]] = summary.get("recordings", [summary])
    return [f"{p['recording']} is cut off or damaged, see its report" for p in parts if not p["complete"]]


def _print(console: Console, summary: Mapping[str, Any], problems: Sequence[str], wall_s: float) -> None:
    from mer_ros.replay.account import BROKE_OFF

    emotions: Mapping[str, int] = summary["emotions"]
    found: Sequence[str] = sorted((name for name in emotions if emotions[name]), key=lambda name: -emotions[name])
    table = Table("emotion", "utterances", "share", box=None, pad_edge=False)
    for name in found:
        table.add_row(name, str(emotions[name]), f"{emotions[name] / summary['utterances']:.0%}")
    if found:
        console.print(table)
    for warning in summary["warnings"]:
        if warning not in problems and BROKE_OFF not in warning:  # those are told as errors
            console.print(f"warning: {printable(warning)}", soft_wrap=True)
    length_s = summary["duration_s"]
    console.print(
        f"{count(summary['utterances'], 'utterance')} in {length_s:.1f} s of recording, replayed in {wall_s:.1f} s "
        f"({length_s / wall_s:.1f} x real time)"
    )
