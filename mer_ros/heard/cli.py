"""`mer heard`: makes a corpus of lines as a robot hears them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mer_ros.errors import OptionError
from mer_ros.heard.corpus import HeardOptions, error_rate_of, rows_to_hear, write_heard
from mer_ros.heard.voice import KINDS, Speaker
from mer_ros.speech.recogniser import SpeechOptions, make_recogniser


def add_heard_parser(subparsers: Any) -> None:
    """Adds `mer heard`."""
    parser = subparsers.add_parser(
        "heard",
        help="speak lines of text and recognise them, to test and train with what a robot hears",
        description="Speaks the lines of a csv in MELD's layout with synthetic voices and recognises them with the "
        "default speech to text. The output has the same columns, and Heard and Voice: `mer evaluate text "
        "--heard` tells what is lost, `mer train text --heard` learns from it. A run that was stopped goes on where it "
        "was.",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="csv with MELD's columns")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="csv to write")
    parser.add_argument(
        "--voice",
        choices=KINDS,
        default="piper",
        help="piper: neural, near human; espeak: robotic, hard to understand; mixed (default: %(default)s)",
    )
    parser.add_argument("--dialogues", type=int, default=0, metavar="N", help="only so many, any ones (default: all)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of voices and dialogues (default: 1)")
    parser.set_defaults(handler=heard)


def heard(arguments: argparse.Namespace) -> int:
    """Run `mer heard`."""
    if arguments.dialogues < 0 or arguments.seed < 0:
        raise OptionError("--dialogues and --seed must be 0 or more")
    options = HeardOptions(arguments.voice, arguments.dialogues, arguments.seed)
    rows = rows_to_hear(arguments.data, options)
    recogniser = make_recogniser(SpeechOptions())
    lines = write_heard(rows, arguments.output, Speaker(arguments.voice), recogniser, options)
    new = sum(1 for _ in tqdm(lines, "lines", len(rows), disable=None))
    rate = error_rate_of(arguments.output)
    print(f"{arguments.output}: {new} lines heard now by {recogniser.name}; word error rate {rate:.3f} over the file")
    return 0
