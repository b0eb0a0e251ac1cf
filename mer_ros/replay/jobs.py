"""Several recordings at a time, each in a process of its own that lives on for the next one."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any

from mer_ros.errors import OutputError
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.show import Show, told
from mer_ros.replay.task import InterruptedTasks, Outcome, Task, replay_task

TELL_EVERY_S = 0.2
_ENDING = (signal.SIGINT, signal.SIGTERM)
PATIENCE_S = 10.0  # for workers that are interrupted, to write what they have


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    task: Task | None = None


def replay_in_processes(tasks: Sequence[Task], options: ReplayOptions, show: Show, jobs: int) -> Iterator[Outcome]:
    """Outcomes as they come; a recording whose process dies has a problem, and the others go on.

    Raises OutputError when a folder cannot be written; InterruptedTasks, with what the workers had done, where Ctrl-C
    comes.
    """
    options = replace(options, read_ahead=False)  # the cores are busy already
    waiting = deque(tasks)
    workers: list[_Worker] = []
    try:
        for _ in range(min(jobs, len(tasks))):
            workers.append(_start(options))
        for worker in workers:
            _give(worker, waiting)
        while busy := {worker.pipe: worker for worker in workers if worker.task}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                outcome = _hear(worker, show)
                if outcome is None:
                    continue
                if not worker.process.is_alive() and waiting:
                    workers[workers.index(worker)] = worker = _start(options)
                if worker.process.is_alive():
                    _give(worker, waiting)
                else:
                    worker.task = None
                yield outcome
    except KeyboardInterrupt:
        raise InterruptedTasks(_rest(workers)) from None
    finally:
        _end(workers)


def _start(options: ReplayOptions) -> _Worker:
    context = multiprocessing.get_context("spawn")  # threads and models do not survive a fork
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, options), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _give(worker: _Worker, waiting: deque[Task]) -> None:
    worker.task = waiting.popleft() if waiting else None
    with suppress(OSError):  # it has died: the pipe tells
        worker.pipe.send(worker.task)


def _hear(worker: _Worker, show: Show) -> Outcome | None:
    """Take one message; return an outcome when the recording is done, or its process is."""
    assert worker.task is not None
    try:
        kind, *content = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        code = worker.process.exitcode
        how = f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended with code {code}"
        return Outcome(worker.task, problem=f"the process that replayed it {how}")
    if kind == "opened":
        show.opened(worker.task, content[0])
    elif kind == "progress":
        show.progress(worker.task, *content)
    elif kind == "full":
        raise OutputError(content[0])
    else:
        outcome: Outcome = content[0]
        return outcome
    return None


def _rest(workers: Sequence[_Worker]) -> list[Outcome]:
    """End those at work, and take what they have done so far."""
    outcomes: list[Outcome] = []
    busy = [worker for worker in workers if worker.task is not None]
    for worker in busy:
        worker.process.terminate()
    until_s = time.monotonic() + PATIENCE_S
    for worker in busy:
        with suppress(EOFError, OSError):
            while worker.pipe.poll(max(0.0, until_s - time.monotonic())):
                kind, *content = worker.pipe.recv()
                if kind == "outcome":
                    outcomes.append(content[0])
    return outcomes


def _end(workers: Sequence[_Worker]) -> None:
    """Let idle ones go, and end those at work."""
    for worker in workers:
        with suppress(OSError):
            worker.pipe.send(None)
        if worker.task is not None and worker.process.is_alive():
            worker.process.terminate()
    until_s = time.monotonic() + PATIENCE_S
    for worker in workers:
        worker.process.join(max(0.1, until_s - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.pipe.close()


def _interrupt(number: int, frame: Any) -> None:
    """Ctrl-C reaches every process of a terminal, and then we are told once more: what is done is written once."""
    for other in _ENDING:
        signal.signal(other, lambda *_: None)  # SIG_IGN makes Python complain of one that is under way
    raise KeyboardInterrupt


def _work(pipe: Connection, options: ReplayOptions) -> None:
    """The process: replays what it is given until it is given None. SIGTERM ends it as Ctrl-C does, the first time."""
    for number in _ENDING:
        signal.signal(number, _interrupt)
    with suppress(KeyboardInterrupt, EOFError, BrokenPipeError):
        while (task := pipe.recv()) is not None:
            last_s = 0.0

            def progress(done_s: float, total_s: float | None) -> None:
                nonlocal last_s
                if time.monotonic() - last_s >= TELL_EVERY_S:
                    last_s = time.monotonic()
                    pipe.send(("progress", done_s, total_s))

            try:
                outcome = replay_task(task, options, progress, lambda source: pipe.send(("opened", told(source))))
            except OutputError as error:
                pipe.send(("full", str(error)))
                return
            except InterruptedTasks as end:
                for part in end.outcomes:
                    pipe.send(("outcome", part))
                return
            pipe.send(("outcome", outcome))
