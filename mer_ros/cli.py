"""The `mer` command. Its parts are imported only when they are asked for, so that help is quick and needs nothing."""

from __future__ import annotations

import argparse
import difflib
import errno
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from mer_ros import __version__
from mer_ros.errors import MerError
from mer_ros.terminal import drop_output, ensure_streams, printable

# command: module and function that adds its parser, and the line of the overview
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("mer_ros.demo", "add_demo_parser", "see it work: a sample dialogue, a file, or your own camera"),
    "run": ("mer_ros.run", "add_run_parser", "start the graph of nodes on this machine"),
    "view": ("mer_ros.web.cli", "add_view_parser", "a page of a running graph in the browser"),
    "record": ("mer_ros.record", "add_record_parser", "record the graph's topics into a bag"),
    "replay": ("mer_ros.replay.cli", "add_replay_parser", "emotions of rosbags, videos and sound files, fast"),
    "report": ("mer_ros.report.cli", "add_report_parser", "a page of a run: dialogue, scores, latencies"),
    "compare": ("mer_ros.report.cli", "add_compare_parser", "a page of two runs side by side"),
    "models": ("mer_ros.inference.cli", "add_models_parser", "list the models, check their files, show their cards"),
    "evaluate": ("mer_ros.evaluation.cli", "add_evaluate_parser", "measure models and whole recordings against labels"),
    "heard": ("mer_ros.heard.cli", "add_heard_parser", "speak and recognise lines, to test with what a robot hears"),
    "train": ("mer_ros.training.cli", "add_train_parser", "train a model from a corpus"),
    "export": ("mer_ros.training.cli", "add_export_parser", "turn a trained model into an ONNX file with its card"),
    "card": ("mer_ros.training.cli", "add_card_parser", "measure exported models and write their cards"),
}

NEED_MODELS = ("models", "evaluate", "train", "export", "card")  # their parsers are told where the models lie

EPILOG = """examples:
  mer demo                          a sample dialogue through the whole graph, with a live view
  mer demo --camera 0               your own camera and microphone
  mer run --play talk.mp4           play a file into the graph and read /emotion from your own program
  mer replay talk.mp4               the emotions of a recording, a report, a bag for Foxglove
  mer models                        what is installed, whether it is whole, how good it is
  mer models show NAME              the card of a model: its data, their terms, all scores, its limits

'mer COMMAND --help' explains a command. Exit codes: 0 well, 1 it ran but did not succeed,
2 wrong usage or something is missing. Ctrl-C is how 'demo', 'run', 'view' and 'record' end: they exit with
0 or 1 as well; any other command that it interrupts exits with 130."""


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
NO_PLACE = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT)


class _Parser(argparse.ArgumentParser):
    """Suggests the nearest word when one is unknown; says errors in one sentence."""

    def error(self, message: str) -> NoReturn:
        print(f"error: {message.rstrip('.')}; see '{self.prog} --help'", file=sys.stderr)
        raise SystemExit(2)

    def print_help(self, file: Any = None) -> None:
        """As argparse's, but what cannot be written is no secret."""
        (file or sys.stdout).write(self.format_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `mer`; return the exit code of the process."""
    ensure_streams()
    try:
        code = _code(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
        return code
    except MerError as error:
        print(f"error: {' '.join(printable(str(error)).split())}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package in ("", "mer_ros"):  # a fault of ours
            raise
        print(f"error: this needs the Python package {package}: run `pip install {package}`", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, `head` for instance, has gone; that is no fault
        drop_output()
        return 0
    except OSError as error:
        if error.errno in NO_PLACE and error.filename:  # what a command did not look at before
            where = printable(str(error.filename))
            print(f"error: {where} cannot be used: {error.strerror}; give another path", file=sys.stderr)
            return 2
        if error.errno not in NO_ROOM:
            raise
        drop_output()
        where = error.filename or "the output"
        print(f"error: {where} cannot be written: {error.strerror}; make room, or write elsewhere", file=sys.stderr)
        return 2


def _code(arguments: list[str]) -> int:
    """Run, and take the exit code also from those who raise SystemExit."""
    try:
        return _run(arguments)
    except SystemExit as end:  # argparse, after help or a usage error
        if isinstance(end.__context__, BrokenPipeError):  # so rich ends when the reader has gone
            return 0
        return end.code if isinstance(end.code, int) else 0


def _run(arguments: list[str]) -> int:
    command = next((word for word in arguments if not word.startswith("-")), None)
    if command is not None and command not in COMMANDS:
        near = difflib.get_close_matches(command, COMMANDS, 1)
        hint = f"did you mean 'mer {near[0]}'?" if near else "choose one of: " + ", ".join(COMMANDS)
        print(f"error: there is no command '{command}'; {hint}", file=sys.stderr)
        return 2
    parser = _parser(command)
    given, unknown = parser.parse_known_args(arguments)
    if unknown:
        _refuse(parser, command, unknown[0])
    if command is None:
        parser.print_help()
        return 0
    return int(given.handler(given) or 0)


def _refuse(parser: argparse.ArgumentParser, command: str | None, word: str) -> NoReturn:
    """Say which argument is not known to the command, and which one is near."""
    prog = f"mer {command}" if command else "mer"
    subparsers = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    options = [o for a in (subparsers.choices[command] if command else parser)._actions for o in a.option_strings]
    near = difflib.get_close_matches(word.split("=")[0], options, 1)
    hint = f"did you mean {near[0]}?" if near else "leave it out, or"
    print(f"error: '{prog}' does not know {word}; {hint} see '{prog} --help'", file=sys.stderr)
    raise SystemExit(2)


def _parser(command: str | None) -> argparse.ArgumentParser:
    """The whole parser, of which only the chosen command is filled in."""
    parser = _Parser(
        prog="mer",
        description="Multimodal emotion recognition for ROS 2: what a speaker feels, from face, voice and words.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mer {__version__}")
    subparsers: Any = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, (module, function, text) in COMMANDS.items():
        if name == command:
            add = getattr(importlib.import_module(module), function)
            add(subparsers, _models_dir()) if name in NEED_MODELS else add(subparsers)
        else:
            subparsers.add_parser(name, help=text)
    return parser


def _models_dir() -> Path:
    """Where the models lie, or would: what is missing is said when it is needed, not while parsing."""
    from mer_ros import resources

    try:
        return resources.models_dir()
    except resources.ResourceError:
        return Path(__file__).resolve().parents[1] / "models"


if __name__ == "__main__":
    sys.exit(main())
