"""`mer replay`: recordings through the pipeline, faster than life."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mer_ros.errors import OptionError
from mer_ros.graph import DEVICES, RECOGNISERS

RUNS = Path("replays")
NOT_ALL = 2
_EPILOG = """examples:
  mer replay talk.mp4                    a video: results in replays/talk
  mer replay sample                      the sample dialogue
  mer replay bag/ --output bag-replayed  a rosbag2 folder; a single .mcap or .db3 file works as well
  mer replay session/ --jobs 4           all recordings below a folder, four at a time

written to the folder: emotions.jsonl (a line for each utterance, the same bytes every time), emotions.mcap
(/emotion for Foxglove and ros2 bag play), summary.json, timings.jsonl, run.json, report.html. What was computed
is kept when a recording breaks off, the disk is full, or you press Ctrl-C; exit code 2 tells of the first two."""


def add_replay_parser(subparsers: Any) -> None:
    """Add `mer replay`."""
    parser = subparsers.add_parser(
        "replay",
        help="emotions of rosbags, videos and sound files, faster than life",
        description="Replays recordings through the stages of the live graph: the same input, the same emotions.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("input", metavar="INPUT", help="rosbag, video or sound file, a folder of these, or 'sample'")
    add("--output", type=Path, metavar="DIR", help="folder of the results (default: replays/ and the input's name)")
    add("--params-file", type=Path, metavar="FILE", help="parameters of the nodes, as the live graph takes them")
    add("--models", default="", metavar="DIR", help="model folder (default: the models of this package)")
    add("--device", default="", choices=DEVICES, help="where models run (default: as the parameters say)")
    add("--recogniser", default="", choices=RECOGNISERS[:2], help="speech recogniser (default: as the parameters say)")
    add("--recogniser-model", default="", metavar="DIR", help="model folder of the recogniser, for vosk")
    add("--image-topic", default="", metavar="TOPIC", help="of a bag; needed where it has several")
    add("--audio-topic", default="", metavar="TOPIC", help="of a bag; needed where it has several")
    add("--jobs", type=int, default=1, metavar="N", help="recordings at a time, each in a process (default: 1)")
    add("--thumbnails", action="store_true", help="keep the speakers' faces, and show them in the report")
    add("--json", action="store_true", help="print the summary as one JSON object on the last line")
    add("--quiet", action="store_true", help="print errors alone")
    parser.set_defaults(handler=_replay)


def _replay(given: argparse.Namespace) -> int:
    from mer_ros.replay.many import replay_all
    from mer_ros.replay.options import ReplayOptions
    from mer_ros.replay.show import Show
    from mer_ros.replay.task import tasks_of

    if given.jobs < 1:
        raise OptionError(f"--jobs is {given.jobs}: give 1 or more")
    options = ReplayOptions(
        params_file=given.params_file,
        models=given.models,
        device=given.device,
        recogniser=given.recogniser,
        recogniser_model=given.recogniser_model,
        image_topic=given.image_topic,
        audio_topic=given.audio_topic,
        thumbnails=given.thumbnails,
    )
    path = Path(given.input).expanduser()
    output = given.output or RUNS / (path.resolve().stem if path.is_file() else path.resolve().name)
    tasks = tasks_of(path, output)
    begun_s = time.perf_counter()
    console = Console(markup=False, highlight=False)
    with Show(Console(markup=False, highlight=False, stderr=given.json), given.quiet) as show:
        result = replay_all(tasks, output, options, show, jobs=given.jobs)
    if not given.quiet:
        _print(console, result.summary, time.perf_counter() - begun_s)
        console.print(f"report: {output / 'report.html'}")
    if given.json:
        print(json.dumps(result.summary, ensure_ascii=False))
    for problem in result.problems:
        print(f"error: {' '.join(problem.split())}; what was computed is in {output}", file=sys.stderr)
    return NOT_ALL if result.problems else 0


def _print(console: Console, summary: Mapping[str, Any], wall_s: float) -> None:
    emotions: Mapping[str, int] = summary["emotions"]
    found: Sequence[str] = sorted((name for name in emotions if emotions[name]), key=lambda name: -emotions[name])
    table = Table("emotion", "utterances", "share", box=None, pad_edge=False)
    for name in found:
        table.add_row(name, str(emotions[name]), f"{emotions[name] / summary['utterances']:.0%}")
    if found:
        console.print(table)
    for warning in summary["warnings"]:
        console.print(f"warning: {warning}")
    length_s = summary["duration_s"]
    console.print(
        f"{summary['utterances']} utterances in {length_s:.1f} s of recording, replayed in {wall_s:.1f} s "
        f"({length_s / wall_s:.1f} x real time)"
    )
