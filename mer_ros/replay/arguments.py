"""The options of every command that replays recordings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from mer_ros.errors import InputError, OptionError
from mer_ros.graph import DEVICES, RECOGNISERS

if TYPE_CHECKING:
    from mer_ros.replay.options import ReplayOptions
    from mer_ros.replay.task import Task

_RECOGNISER_HELP = "speech recogniser (default: as the parameters say); outside: the words are in the bag"
RUNS = Path("replays")
_TOPICS = ("image_topic", "audio_topic", "words_topic", "robot_speaking_topic")
_CHANGING = ("params_file", "models", "device", "recogniser", "recogniser_model", "scheduler", *_TOPICS)


def path_of(text: str) -> Path:
    """A path as it is given, `~` also where the shell leaves it (`--output=~/run`). An empty one would be `.`."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; give a path, '.' for the folder that you are in")
    return Path(os.path.expanduser(text))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them; `options_of`, `output_of` and the values `jobs`, `scheduler` and `quiet` tell what was given."""
    add = parser.add_argument
    add("--output", type=path_of, metavar="DIR", help="folder of the results (default: replays/ and the input's name)")
    add("--params-file", type=path_of, metavar="FILE", help="parameters of the nodes, as the live graph takes them")
    folder = os.path.expanduser
    add("--models", type=folder, default="", metavar="DIR", help="model folder (default: the models of this package)")
    add("--device", default="", choices=DEVICES, help="where models run (default: as the parameters say)")
    add("--recogniser", default="", choices=RECOGNISERS, help=_RECOGNISER_HELP)
    add("--recogniser-model", type=folder, default="", metavar="DIR", help="model folder of the recogniser, for vosk")
    add("--image-topic", default="", metavar="TOPIC", help="of a bag; needed where it has several")
    add("--audio-topic", default="", metavar="TOPIC", help="of a bag; needed where it has several")
    add("--words-topic", default="", metavar="TOPIC", help="of a bag, with the recogniser 'outside' (default: words)")
    add(
        "--robot-speaking-topic", default="", metavar="TOPIC", help="of a bag (default: robot_speaking, if it is there)"
    )
    add("--jobs", type=int, default=1, metavar="N", help="recordings at a time, each in a process (default: 1)")
    add("--scheduler", default="", metavar="ADDRESS", help="of a Dask cluster, whose workers see the same paths")
    add("--thumbnails", action="store_true", help="keep the speakers' faces, and show them in the report")
    add("--quiet", action="store_true", help="print errors alone")


def replay_options(given: argparse.Namespace) -> list[str]:
    """Those given that change what a replay computes, or how."""
    return _named(given, _CHANGING) + ["--jobs"] * (given.jobs != 1)


def check_topics(given: argparse.Namespace, tasks: Sequence[Task]) -> None:
    """Raise OptionError for a topic that is named where there is no bag."""
    from mer_ros.replay.storage.bag import is_bag_file, is_bag_folder

    topics, paths = _named(given, _TOPICS), [task.path for task in tasks if isinstance(task.path, Path)]
    if topics and not any(is_bag_file(path) or is_bag_folder(path) for path in paths):
        raise OptionError(f"{topics[0]} names a topic of a bag, and {tasks[0].name} is none: leave it out")


def _named(given: argparse.Namespace, names: Sequence[str]) -> list[str]:
    return ["--" + name.replace("_", "-") for name in names if getattr(given, name)]


def options_of(given: argparse.Namespace) -> ReplayOptions:
    """The options of the replay itself. Raises OptionError."""
    from mer_ros.replay.options import ReplayOptions

    if given.jobs < 1:
        raise OptionError(f"--jobs is {given.jobs}: give 1 or more")
    return ReplayOptions(
        params_file=given.params_file,
        models=given.models,
        device=given.device,
        recogniser=given.recogniser,
        recogniser_model=given.recogniser_model,
        image_topic=given.image_topic,
        audio_topic=given.audio_topic,
        words_topic=given.words_topic,
        robot_speaking_topic=given.robot_speaking_topic,
        thumbnails=given.thumbnails,
    )


def output_of(given: argparse.Namespace, path: Path) -> Path:
    """The folder that was named, or one of the name of what is replayed, which holds no run of another recording."""
    if given.output:
        return Path(given.output)
    whole = path.resolve()
    names = chain([whole.stem] if path.is_file() else [], [whole.name], (f"{whole.name}-{n}" for n in count(2)))
    ours = ("", str(whole if path.exists() else path))
    return next(RUNS / name for name in names if _origin(RUNS / name) in ours)


def _origin(folder: Path) -> str:
    """What was replayed into a folder; empty where nothing tells."""
    from mer_ros.replay.records import RUN_FILE, read_object

    try:
        return str(read_object(folder / RUN_FILE).get("input", ""))
    except InputError:
        return ""
