"""Recordings sent to a Dask cluster; the results come back as bytes and are written here.

The workers read the recordings by their paths, so these must lie at the same place on every machine (a shared disk),
and so must parameter files and models that are named. Nothing else is shared. A task whose worker is lost is done
again by another one.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mer_ros.errors import InputError, MissingDependencyError
from mer_ros.replay.media import Recording
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.run_folder import cannot_write, prepare
from mer_ros.replay.show import Show
from mer_ros.replay.task import Outcome, Task, replay_task

CONNECT_S = 30
LOST_TIMES = 3  # a recording that has taken so many workers with it is given up

Files = dict[str, bytes]  # by their path below the run's folder


def replay_on_cluster(tasks: Sequence[Task], options: ReplayOptions, show: Show, scheduler: str) -> Iterator[Outcome]:
    """Outcomes as they come, each written to its folder. scheduler: address of a Dask scheduler.

    Raises MissingDependencyError without the package `distributed`, InputError where no scheduler answers,
    OutputError when a folder cannot be written.
    """
    try:
        from distributed import Client, as_completed
        from distributed.comm import get_address_host_port
    except ImportError as error:
        raise MissingDependencyError(
            "--scheduler needs the package distributed: run `pip install mer_ros[cluster]`"
        ) from error
    logging.getLogger("distributed").setLevel(logging.ERROR)  # a lost worker is no news: its task is done again
    try:
        get_address_host_port(scheduler)  # a client that is refused its address is a minute in going
        client = Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {scheduler} ({error}): give its address, host:port") from error
    options = replace(options, params_file=_absolute(options.params_file), models=str(_absolute(options.models) or ""))
    with client:
        futures = {
            client.submit(
                replay_to_bytes,
                _sent(task.path),
                task.name,
                options,
                key=f"mer replay {task.name} {os.urandom(8).hex()}",
                retries=LOST_TIMES,
                pure=False,
            ): task
            for task in tasks
        }
        for future in as_completed(list(futures), loop=client.loop):
            task = futures.pop(future)
            yield _take(task, future, show)
            future.release()


def replay_to_bytes(path: Path | Recording, name: str, options: ReplayOptions) -> tuple[Outcome, Files]:
    """On a worker: replay one recording; return its outcome and its files."""
    with tempfile.TemporaryDirectory(prefix="mer-replay-") as temporary:
        folder = Path(temporary) / name
        outcome = replay_task(Task(path, name, folder), replace(options, read_ahead=False))
        files = {
            str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()
        }
    return outcome, files


def _take(task: Task, future: Any, show: Show) -> Outcome:
    try:
        outcome, files = future.result()
    except Exception as error:  # whatever happened on the worker, also that there was no worker left
        return Outcome(task, problem=f"the cluster could not replay it ({type(error).__name__}: {error})")
    if outcome.content is not None:
        show.opened(task, "replayed on the cluster")
        prepare(task.folder)
        for name, content in files.items():
            file = task.folder / name
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            except OSError as error:
                raise cannot_write(file, error) from error
    return replace(outcome, task=task)


def _sent(path: Path | Recording) -> Path | Recording:
    """As a worker finds it, whose folder is another one."""
    return path.expanduser().resolve() if isinstance(path, Path) and path.exists() else path


def _absolute(path: Path | str | None) -> Path | None:
    return Path(path).expanduser().resolve() if path else None
