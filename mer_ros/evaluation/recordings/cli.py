"""`mer evaluate bag|meld`: what the whole pipeline makes of recordings, against labels."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from mer_ros.errors import OptionError
from mer_ros.replay.arguments import add_options, check_topics, options_of, output_of, path_of, replay_options
from mer_ros.terminal import printable

NOT_ALL = 2
_BAG = "recordings: rosbags, videos or sound files, with a csv of labels"
_MELD = "MELD's own clips: a folder of diaX_uttY.mp4 with its csv"
_BAG_EPILOG = """labels: a csv with the columns start, end, emotion and, if known, speaker, sentiment
and recording (the file's name; needed where there are several recordings), or
with MELD's columns (StartTime, EndTime, Emotion, ...).
  start, end  seconds from the recording's start (12.5), h:mm:ss.mmm (0:00:12.500)
              or, told apart by their size, times on the clock of the bag's stamps:
              seconds (1700000012.5) or nanoseconds (1700000012500000000)
  emotion     anger, disgust, fear, joy, neutral, sadness, surprise, or a usual
              synonym, such as happy or angry

A label and an utterance are of each other when they share at least a fifth of
the shorter one. Pairs are made of one label and one utterance, those with the
greatest overlap first. What is left is a missed label or an extra utterance; a
label with several utterances is split, an utterance over several labels merged."""
_MELD_EPILOG = """The clips of a dialogue are played one after another, a second of silence
between them, as one recording, so that the memory of the dialogue works as in
life; the labels' bounds are those of the clips. Clips that are missing or cannot
be played are counted and left out."""


def add_recording_parsers(tasks: Any) -> None:
    """Adds `evaluate bag` and `evaluate meld`."""
    bag = _parser(tasks, "bag", _BAG, _BAG_EPILOG)
    bag.add_argument(
        "--bag", type=path_of, required=True, metavar="INPUT", help="what `mer replay` takes, or a folder that it wrote"
    )
    bag.add_argument("--labels", type=path_of, required=True, metavar="FILE", help="csv, see below")
    bag.set_defaults(handler=_bag)
    meld = _parser(tasks, "meld", _MELD, _MELD_EPILOG)
    meld.add_argument("--clips", type=path_of, required=True, metavar="DIR", help="folder with diaX_uttY.mp4")
    meld.add_argument("--csv", type=path_of, required=True, metavar="FILE", help="such as dev_sent_emo.csv")
    meld.set_defaults(handler=_meld)
    for parser in (bag, meld):
        add_options(parser)
        parser.add_argument("--json", action="store_true", help="print the scores as one JSON object on the last line")


def _parser(tasks: Any, name: str, text: str, epilog: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = tasks.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.\nScores of the whole pipeline, also written to scores.json.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _bag(args: argparse.Namespace) -> int:
    from mer_ros.evaluation.recordings.labels import read_labels
    from mer_ros.evaluation.recordings.placing import assign
    from mer_ros.evaluation.recordings.run import score_bag
    from mer_ros.replay.run_folder import is_run
    from mer_ros.replay.task import tasks_of

    file, source = read_labels(args.labels), args.bag
    if is_run(source):
        if args.output:
            raise OptionError(f"{source} is a replay already, and the scores go there: leave --output out")
        if given := replay_options(args):
            raise OptionError(f"{source} is a replay already, made as its summary.json tells: leave {given[0]} out")
        return _tell(args, source, score_bag(source, file))
    folder = output_of(args, source)
    tasks = tasks_of(source, folder)
    assign(file, [task.name for task in tasks])  # what is wrong with it is said before the work
    problems = _replay(args, tasks, folder)
    return _tell(args, folder, score_bag(folder, file), problems)


def _meld(args: argparse.Namespace) -> int:
    from mer_ros.evaluation.recordings.clips import ClipChain
    from mer_ros.evaluation.recordings.meld import read_part
    from mer_ros.evaluation.recordings.run import score_meld
    from mer_ros.replay.task import Task

    options, part = options_of(args), read_part(args.clips, args.csv)
    folder = output_of(args, args.clips)
    chains = [ClipChain(talk.name, talk.clips, max_width=options.max_width) for talk in part.dialogues]
    tasks = [Task(chain, chain.name, folder / chain.name) for chain in chains]
    problems = _replay(args, tasks, folder)
    for reason in part.broken:
        print(printable(f"left out: {reason}"), file=sys.stderr)
    return _tell(args, folder, score_meld(folder, args.csv, part), problems)


def _replay(args: argparse.Namespace, tasks: Any, folder: Path) -> tuple[str, ...]:
    """What went wrong with a part of the recordings; the others are in the folder."""
    from mer_ros.replay.many import replay_all
    from mer_ros.replay.show import Show, told_when_interrupted

    check_topics(args, tasks)
    console, origin = Console(markup=False, highlight=False, stderr=True), getattr(args, "bag", None) or args.clips
    with told_when_interrupted(folder), Show(console, args.quiet) as show:
        how = {"jobs": args.jobs, "scheduler": args.scheduler, "origin": origin}
        result = replay_all(tasks, folder, options_of(args), show, **how)
    if not args.quiet:  # what is wrong with labels may only come out now: what was computed can be scored again
        console.print(printable(f"emotions: {folder}"), soft_wrap=True)
    return result.problems


def _tell(args: argparse.Namespace, folder: Path, scores: dict[str, Any], problems: tuple[str, ...] = ()) -> int:
    from mer_ros.evaluation.recordings.run import SCORES_FILE
    from mer_ros.evaluation.recordings.tables import print_scores
    from mer_ros.replay.records import SUMMARY_FILE, read_object
    from mer_ros.replay.run_folder import write_json
    from mer_ros.replay.show import tell_problems
    from mer_ros.report.report import write_report

    write_json(folder / SCORES_FILE, scores)
    write_report(folder, args.thumbnails)
    shown = printable(str(folder))
    if not args.quiet:
        print_scores(scores)
        print(f"scores: {shown}/{SCORES_FILE}\nreport: {shown}/report.html")
    if args.json:
        print(json.dumps(scores, ensure_ascii=False))
    whole = read_object(folder / SUMMARY_FILE).get("complete", True)
    missing = problems or (() if whole else ("the scores are of a part: a recording is cut off, see its report",))
    tell_problems(missing, folder)
    return NOT_ALL if missing else 0
