"""The recordings of a run, each with its folder, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer_ros import __version__
from mer_ros.emotion import EMOTIONS, UNKNOWN
from mer_ros.errors import InputError, MerError, OutputError
from mer_ros.replay.account import SAMPLE
from mer_ros.replay.bag import find_recordings
from mer_ros.replay.machine import machine
from mer_ros.replay.media import Recording
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.records import EMOTIONS_FILE, RUN_FILE, SUMMARY_FILE, TIMINGS_FILE
from mer_ros.replay.run import InterruptedReplay, Opened, Progress, replay_one
from mer_ros.replay.run_folder import cannot_write, prepare, write_json
from mer_ros.report.report import write_report

_SUMMED = ("duration_s", "audio_s", "speech_s", "frames", "utterances")


@dataclass(frozen=True)
class Task:
    """One recording to replay, or where it is. name: unique in the run. folder: where its files go."""

    path: Path | Recording
    name: str
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a task. content, run: of its summary.json and run.json; None when there was nothing to replay.

    problem: a sentence when it was not replayed, or not to its end.
    """

    task: Task
    content: Mapping[str, Any] | None = None
    run: Mapping[str, Any] | None = None
    problem: str = ""


class InterruptedTasks(KeyboardInterrupt):
    """Ctrl-C came. outcomes: of the recordings that were replayed in part, whose files are in their folders."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        super().__init__()
        self.outcomes = tuple(outcomes)


def tasks_of(path: Path, output: Path) -> list[Task]:
    """The recording, or those in a folder, by their names. Raises InputError for a folder that holds none."""
    if str(path) == SAMPLE and not path.exists():
        return [Task(path, SAMPLE, output)]
    found = find_recordings(path)
    if found == [path]:
        return [Task(path, path.name, output)]
    tasks: dict[str, Task] = {}
    for recording in sorted(found):
        name = recording.relative_to(path).as_posix().replace("/", "_")
        while name in tasks:
            name += "_"
        tasks[name] = Task(recording, name, output / name)
    return list(tasks.values())


def replay_task(
    task: Task, options: ReplayOptions, progress: Progress | None = None, opened: Opened | None = None
) -> Outcome:
    """Replay one recording with its report; what is wrong with it alone is told in the outcome.

    Raises OutputError where its folder cannot be written: then no other's can either; InterruptedTasks where Ctrl-C
    comes.
    """
    try:
        try:
            summary = replay_one(task.path, task.folder, options, progress, task.name, opened)
        except InterruptedReplay as end:
            write_report(task.folder, options.thumbnails)
            told = end.summary
            raise InterruptedTasks((Outcome(task, told.content, told.run, told.problem),)) from None
        write_report(task.folder, options.thumbnails)
    except OutputError:
        raise
    except MerError as error:
        return Outcome(task, problem=str(error))
    except OSError as error:  # the report
        raise cannot_write(task.folder, error) from error
    return Outcome(task, summary.content, summary.run, summary.problem)


def merge(
    folder: Path, outcomes: Sequence[Outcome], wall_s: float, options: ReplayOptions, origin: Path | None = None
) -> dict[str, Any]:
    """Write the files of all recordings together, in the order of their names; return the summary.

    origin: where the recordings come from. Raises OutputError.
    """
    outcomes = sorted(outcomes, key=lambda o: o.task.name)
    done = [o for o in outcomes if o.content is not None]
    prepare(folder)
    for name in (EMOTIONS_FILE, TIMINGS_FILE):
        try:
            with open(folder / name, "wb") as joined:
                for outcome in done:
                    joined.write((outcome.task.folder / name).read_bytes())
        except OSError as error:
            raise cannot_write(folder / name, error) from error
    summary = summary_of_all(outcomes)
    write_json(folder / SUMMARY_FILE, summary)
    write_json(folder / RUN_FILE, run_of_all(done, summary["duration_s"], wall_s, origin))
    try:
        write_report(folder, options.thumbnails)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return summary


def summary_of_all(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The sums over all recordings, and what became of each."""
    contents = [o.content for o in outcomes if o.content is not None]
    first: Mapping[str, Any] = contents[0] if contents else {}
    counts: dict[str, int] = {}
    for content in contents:
        for name, count in content["counts"].items():
            counts[name] = counts.get(name, 0) + count
    return {
        "recordings": [
            {
                "recording": o.task.name,
                "complete": o.content is not None and o.content["complete"],
                "problem": o.problem,
                **{name: o.content[name] if o.content is not None else 0 for name in _SUMMED},
            }
            for o in outcomes
        ],
        "mer": __version__,
        "complete": all(o.content is not None and o.content["complete"] for o in outcomes),
        **{name: round(sum(c[name] for c in contents), 3) for name in _SUMMED},
        "emotions": {name: sum(c["emotions"][name] for c in contents) for name in (*EMOTIONS, UNKNOWN)},
        "warnings": [named(c["recording"], text) for c in contents for text in c["warnings"]]
        + [named(o.task.name, o.problem) for o in outcomes if o.content is None],
        "counts": dict(sorted(counts.items())),
        "settings": first.get("settings", {}),
        "models": first.get("models", {}),
    }


def named(recording: str, text: str) -> str:
    """A sentence with the recording that it tells of, once."""
    first = text.partition(" ")[0].rstrip(":")
    return text if Path(first).name == recording else f"{recording}: {text}"


def run_of_all(done: Sequence[Outcome], length_s: float, wall_s: float, origin: Path | None = None) -> dict[str, Any]:
    """What differs from run to run, of all recordings."""
    runs = {o.task.name: o.run for o in done if o.run is not None}
    first: Mapping[str, Any] = next(iter(runs.values()), {})
    return {
        "date": first.get("date", ""),
        "input": str(origin.resolve()) if origin else "",
        "machine": first.get("machine", machine()),
        "providers": first.get("providers", {}),
        "recording_s": length_s,
        "wall_s": round(wall_s, 3),
        "cpu_s": round(sum(run["cpu_s"] for run in runs.values()), 3),
        "speed": round(length_s / wall_s, 2) if wall_s else 0.0,
        "peak_memory_mb": max((run["peak_memory_mb"] for run in runs.values()), default=0.0),
        "recordings": {name: {"speed": run["speed"], "wall_s": run["wall_s"]} for name, run in runs.items()},
    }


def check(outcomes: Sequence[Outcome]) -> None:
    """Raise InputError when nothing at all could be replayed."""
    if outcomes and all(o.content is None for o in outcomes):
        others = f" (and {len(outcomes) - 1} more likewise)" if len(outcomes) > 1 else ""
        raise InputError(outcomes[0].problem + others)
