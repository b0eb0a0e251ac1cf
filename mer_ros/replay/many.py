"""All recordings of a run: one after another, or several at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mer_ros.replay.cluster import replay_on_cluster
from mer_ros.replay.jobs import replay_in_processes
from mer_ros.replay.media import Recording
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.run_folder import check_usable, prepare
from mer_ros.replay.show import Show, told
from mer_ros.replay.task import InterruptedTasks, Outcome, Task, check, merge, named, replay_task


@dataclass(frozen=True)
class Result:
    """summary: the content of summary.json, of all recordings. problems: of those that were not replayed whole."""

    summary: Mapping[str, Any]
    problems: tuple[str, ...]


def replay_all(
    tasks: Sequence[Task],
    folder: Path,
    options: ReplayOptions,
    show: Show,
    *,
    jobs: int = 1,
    scheduler: str = "",
    origin: Path | None = None,
) -> Result:
    """Replay all of them; the folder then holds the same emotions whatever `jobs` and `scheduler` are.

    jobs: recordings at a time on this machine. scheduler: address of a Dask cluster's, in place of this machine.
    origin: where the recordings come from. Raises InputError when none of them could be replayed, OutputError when
    the folder cannot be written.
    """
    begun_s = time.perf_counter()
    check_usable(folder)
    single = len(tasks) == 1 and tasks[0].folder == folder
    if not single:
        prepare(folder)
    outcomes: list[Outcome] = []
    try:
        for outcome in _outcomes(tasks, options, show, jobs, scheduler):
            show.ended(outcome)
            outcomes.append(outcome)
    except InterruptedTasks as end:
        outcomes += end.outcomes
        raise
    finally:
        if not single and outcomes:  # also of those that were done when it broke off
            summary = merge(folder, outcomes, time.perf_counter() - begun_s, options, origin)
    check(outcomes)
    problems = tuple(o.problem if single else named(o.task.name, o.problem) for o in outcomes if o.problem)
    if single:
        summary = dict(outcomes[0].content or {})
    return Result(summary, problems)


def _outcomes(
    tasks: Sequence[Task], options: ReplayOptions, show: Show, jobs: int, scheduler: str
) -> Iterator[Outcome]:
    if scheduler:
        return replay_on_cluster(tasks, options, show, scheduler)
    if jobs > 1 and len(tasks) > 1:
        return replay_in_processes(tasks, options, show, jobs)
    return _one_by_one(tasks, options, show)


def _one_by_one(tasks: Sequence[Task], options: ReplayOptions, show: Show) -> Iterator[Outcome]:
    for task in tasks:

        def opened(source: Recording, task: Task = task) -> None:
            show.opened(task, told(source))

        yield replay_task(task, options, partial(show.progress, task), opened)
