"""All recordings of a run: one after another, or several at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.run_folder import prepare
from mer_ros.replay.show import Show, told
from mer_ros.replay.task import Outcome, Task, check, merge, replay_task


@dataclass(frozen=True)
class Result:
    """summary: the content of summary.json, of all recordings. problems: of those that were not replayed whole."""

    summary: Mapping[str, Any]
    problems: tuple[str, ...]


def replay_all(tasks: Sequence[Task], folder: Path, options: ReplayOptions, show: Show, *, jobs: int = 1) -> Result:
    """Replay all of them; the folder then holds the same files whatever `jobs` is.

    Raises InputError when none of them could be replayed, OutputError when the folder cannot be written.
    """
    begun_s = time.perf_counter()
    single = len(tasks) == 1 and tasks[0].folder == folder
    if not single:
        prepare(folder)
    outcomes: list[Outcome] = []
    try:
        for outcome in _one_by_one(tasks, options, show):
            show.ended(outcome)
            outcomes.append(outcome)
    finally:
        if not single and outcomes:  # also of those that were done when it broke off
            summary = merge(folder, outcomes, time.perf_counter() - begun_s, options)
    check(outcomes)
    problems = tuple(o.problem if single else f"{o.task.name}: {o.problem}" for o in outcomes if o.problem)
    if single:
        summary = dict(outcomes[0].content or {})
    return Result(summary, problems)


def _one_by_one(tasks: Sequence[Task], options: ReplayOptions, show: Show) -> Iterator[Outcome]:
    for task in tasks:
        yield replay_task(
            task,
            options,
            lambda done_s, total_s, task=task: show.progress(task, done_s, total_s),
            lambda source, task=task: show.opened(task, told(source)),
        )
