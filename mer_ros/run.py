"""`mer run`: the graph as processes, for machines without `ros2 launch`."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any

from mer_ros.checks import check_ros, check_settings
from mer_ros.graph import BROUGHT_UP, Graph, GraphSettings, NodeSpec, describe, is_flag
from mer_ros.log_lines import by_node
from mer_ros.orphans import STARTED_BY
from mer_ros.respawn import Respawn, sentence

_PATIENCE_S = (5.0, 3.0, 2.0)  # after SIGINT, after SIGTERM, after SIGKILL
_POLL_S = 0.1


def command(spec: NodeSpec, graph: Graph) -> list[str]:
    """Return the command line of one node."""
    common = ["--log-level", graph.log_level, "--params-file", str(graph.params_file)]
    if not spec.parts:  # it would be the name of every part
        common += ["-r", f"__node:={spec.name}"]
    if graph.namespace:
        common += ["-r", f"__ns:=/{graph.namespace.strip('/')}"]
    start = [sys.executable, "-m", "mer_ros.nodes.start", spec.executable]
    return [*start, *spec.part_arguments, "--ros-args", *common, *spec.own_arguments]


@dataclass
class _Child:
    spec: NodeSpec
    process: subprocess.Popen[bytes]
    log: IO[bytes] | None = None
    reader: threading.Thread | None = None  # of the output that is not written to a log by the process itself
    begun_at: float = field(default_factory=time.monotonic)
    respawn: Respawn = field(default_factory=Respawn)
    ended: bool = False
    back_at: float | None = None  # when it is started again

    def close_log(self) -> None:
        if self.reader is not None:  # it ends with the process, unless that has children who write on
            self.reader.join(timeout=1.0)
        if self.log is not None:
            self.log.close()


@dataclass
class GraphProcesses:
    """The running graph. Use it as a context: leaving it ends all processes, gently first.

    They end as well, on Linux, when the thread ends that has started them or is killed with its process.

    log_dir: each node's output goes to <log_dir>/<node>.log; None: to our own output, each line with its node's name.
    aloud: what tells how the graph is, the words of lifecycle manager and drivers, goes to our own output in any case.
    restarts: how often each node was started again. given_up: those that failed and are not started again.
    failed: after the end, those that did not end cleanly. exit_codes: of all, after the end.
    """

    graph: Graph
    log_dir: Path | None = None
    aloud: bool = False
    restarts: dict[str, int] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    exit_codes: dict[str, int | None] = field(default_factory=dict)
    _children: list[_Child] = field(default_factory=list)

    def __enter__(self) -> GraphProcesses:
        try:
            for spec in self.graph.nodes:
                self._children.append(self._start(spec))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def pid_of(self, name: str) -> int:
        """Return the id of the process that a node lives in."""
        return next(
            child.process.pid
            for child in self._children
            if child.spec.name == name or any(part.name == name for part in child.spec.parts)
        )

    def poll(self) -> bool:
        """Start again what has ended by itself; return False when a node that ends the graph has ended."""
        for child in self._children:
            code = child.process.poll()
            if code is None:
                continue
            if child.spec.ends_graph:
                if code and child.spec.name not in self.given_up:
                    self.given_up.append(child.spec.name)
                return False
            if not child.ended:
                self._note_end(child, code)
            elif child.back_at is not None and time.monotonic() >= child.back_at:
                child.close_log()
                fresh = self._start(child.spec.again)
                child.process, child.log, child.begun_at = fresh.process, fresh.log, fresh.begun_at
                child.reader = fresh.reader
                child.ended, child.back_at = False, None
                self.restarts[child.spec.name] = self.restarts.get(child.spec.name, 0) + 1
        return True

    def _note_end(self, child: _Child, code: int) -> None:
        child.ended = True
        if not child.spec.respawn:
            return
        now = time.monotonic()
        wait_s = child.respawn.after(code, now - child.begun_at)
        print(sentence(child.spec.name, code, wait_s), file=sys.stderr)
        if wait_s is None:
            self.given_up.append(child.spec.name)
        else:
            child.back_at = now + wait_s

    def stop(self) -> list[str]:
        """End all processes; return the names of those that did not end cleanly."""
        if not self._children:
            return self.failed
        for number, patience in zip((signal.SIGINT, signal.SIGTERM, signal.SIGKILL), _PATIENCE_S, strict=True):
            alive = [child for child in self._children if child.process.poll() is None]
            for child in alive:
                child.process.send_signal(number)
            deadline = time.monotonic() + patience
            while any(child.process.poll() is None for child in alive) and time.monotonic() < deadline:
                time.sleep(0.02)
        self.exit_codes = {child.spec.name: child.process.poll() for child in self._children}
        self.failed = [name for name, code in self.exit_codes.items() if code != 0]
        for child in self._children:
            child.close_log()
        self._children = []
        return self.failed

    def _start(self, spec: NodeSpec) -> _Child:
        environment = {**os.environ, **self.graph.environment, **spec.environment, "PYTHONUNBUFFERED": "1"}
        environment[STARTED_BY] = str(os.getpid())
        log, aloud = None, _tellers(spec) if self.aloud else []
        if self.log_dir is not None:
            self.log_dir.mkdir(parents=True, exist_ok=True)
            if not (spec.parts or aloud):
                log = open(self.log_dir / f"{spec.name}.log", "ab")  # noqa: SIM115 - lives as long as the process
        # What is sent to the node before it can take it is kept for it: it unblocks both when it can.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            process = subprocess.Popen(
                command(spec, self.graph),
                stdin=subprocess.DEVNULL,
                stdout=log or subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches us alone; we pass it on
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        reader = None
        if process.stdout is not None:
            reader = threading.Thread(target=_forward, args=(spec, process.stdout, self.log_dir, aloud), daemon=True)
            reader.start()
        return _Child(spec, process, log, reader)


def _tellers(spec: NodeSpec) -> list[str]:
    """The nodes of a process that tell how the graph is: all but those that are brought up."""
    return [part.name for part in spec.parts or (spec,) if part.executable not in BROUGHT_UP]


def _forward(spec: NodeSpec, stream: IO[bytes], log_dir: Path | None, aloud: Sequence[str]) -> None:
    """Write a process's output to the logs of its nodes; that of those aloud, or all without logs, to our own.

    There each line has its node's name.
    """
    names = [part.name for part in spec.parts]
    with ExitStack() as files:
        logs: dict[str, IO[bytes]] = {}
        if log_dir is not None:
            for name in names:
                with suppress(OSError):
                    (log_dir / f"{name}.log").touch()  # also of one that says nothing
        for name, line in by_node(stream, names, spec.name):
            if log_dir is None or name in aloud:
                sys.stdout.write(f"[{name}] {line.decode(errors='replace')}")
                sys.stdout.flush()
            if log_dir is None:
                continue
            with suppress(OSError):  # on a full disk its words are lost, but the node must not wait for us
                if name not in logs:
                    logs[name] = files.enter_context(open(log_dir / f"{name}.log", "ab", buffering=0))
                logs[name].write(line)


class Interrupted:
    """A context in which Ctrl-C and SIGTERM are noted instead of raised; true once one came."""

    def __enter__(self) -> Interrupted:
        self._came = False
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        return self._came

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came = True


def run_graph(settings: GraphSettings, log_dir: Path | None = None) -> int:
    """Run the graph until Ctrl-C, or until a file has been played; return 0 after a clean end, else 1."""
    check_ros()
    check_settings(settings)
    with Interrupted() as interrupted:
        processes = GraphProcesses(describe(settings), log_dir, aloud=True)
        if log_dir is not None:
            print(f"each node's output goes to a file of its name in {log_dir}", flush=True)
        with processes:
            while not interrupted and processes.poll():
                time.sleep(_POLL_S)
            if settings.play and not (interrupted or processes.given_up):
                print(f"{settings.play} has been played to its end: the graph ends as well", flush=True)
    if processes.failed:
        ends = ", ".join(f"{name} (exit code {processes.exit_codes[name]})" for name in processes.failed)
        print(f"error: did not end cleanly, see what they say: {ends}", file=sys.stderr)
        return 1
    return 0


def add_setting_arguments(parser: argparse.ArgumentParser, leave_out: Sequence[str] = ()) -> None:
    """Add an option for each setting of the graph."""
    for item in fields(GraphSettings):
        if item.name in leave_out:
            continue
        options: dict[str, Any] = {"help": item.metadata["text"], "default": item.default}
        assert item.default is not MISSING
        if is_flag(item):
            options["action"] = argparse.BooleanOptionalAction
        else:
            options["metavar"] = item.name.upper()
            options["choices"] = item.metadata["choices"] or None
            if item.metadata["choices"]:
                del options["metavar"]
        parser.add_argument("--" + item.name.replace("_", "-"), **options)


def settings_from(arguments: argparse.Namespace) -> GraphSettings:
    """Return the settings that the options give; those without an option keep their default."""
    given = vars(arguments)
    return GraphSettings(**{item.name: given[item.name] for item in fields(GraphSettings) if item.name in given})


def add_run_parser(subparsers: Any) -> None:
    """Add `mer run`."""
    parser = subparsers.add_parser(
        "run",
        help="start the graph on this machine, as ros2 launch mer_ros mer.launch.py does",
        description="Starts the nodes as processes and brings them up in order. Ctrl-C ends all of them, as does the "
        "end of what --play plays.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n"
        "  mer run                                        the drivers of your camera and microphone run elsewhere\n"
        "  mer run --webcam 0 --audio-device default      this machine's own camera and microphone\n"
        "  mer run --play meeting.mp4                     a video file or a bag in their place\n"
        "  mer run --composed                             all nodes in one process\n"
        "  mer run --no-speech-to-text --namespace head   without words; topics below /head",
    )
    add_setting_arguments(parser)
    parser.add_argument(
        "--log-dir", type=Path, help="write each node's output to a file in this folder; here only how the graph is"
    )
    parser.set_defaults(handler=lambda arguments: run_graph(settings_from(arguments), arguments.log_dir))
