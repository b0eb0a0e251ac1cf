"""The graph over DDS, fed in real time by a player of its own, and an ear on what it says."""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mer_ros import resources
from mer_ros.graph import LIFECYCLE, GraphSettings, describe
from mer_ros.run import GraphProcesses

PLAYER = "file_player"
PATIENCE_S = 120.0
LOOK_S = 0.5
# It waits until its topics are matched: what is told before a listener is there would count as lost.
PLAYER_SETTINGS = """\
/**/file_player:
  ros__parameters:
    start_delay_s: 5.0
    exit_at_end: false
"""
DOMAINS = range(215, 232)
AGAIN = """\
    loop: true
    tail_s: 0.0
"""
NODES = {"fusion": False, "speech_to_text": False, "camera": False, "microphone": False}

_locks: list[IO[str]] = []


def take_domain() -> str:
    """A ROS domain that no other benchmark on this machine has, ours until this process ends.

    Of those beside the usual ones, whose ports lie above those that Linux gives out. SystemExit when all are taken.
    """
    for number in DOMAINS:
        lock = open(Path(tempfile.gettempdir()) / f"mer-bench-domain-{number}.lock", "a")  # noqa: SIM115 - kept
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        _locks.append(lock)
        return str(number)
    raise SystemExit(f"error: all ROS domains for benchmarks ({DOMAINS[0]} to {DOMAINS[-1]}) are taken: end some")


def apart() -> None:
    """Keep the graph apart from others on this machine; call it before rclpy is imported."""
    os.environ["ROS_DOMAIN_ID"] = take_domain()
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    for name, value in resources.dds_environment().items():
        os.environ.setdefault(name, value)


@dataclass
class Heard:
    """What came, each with the time of its arrival on the system's clock, in ns."""

    emotions: list[tuple[int, Any]] = field(default_factory=list)
    ended: list[tuple[int, Any]] = field(default_factory=list)
    chunks: list[Any] = field(default_factory=list)
    values: dict[str, dict[str, str]] = field(default_factory=dict)

    def value(self, node: str, key: str) -> str:
        """A value of a node's last diagnostics, or an empty text."""
        return self.values.get(node, {}).get(key, "")

    def count(self, node: str, key: str) -> int:
        """A count of a node's last diagnostics; 0 where there is none."""
        return int(self.value(node, key) or 0)


class Follower:
    """Hears emotions, ends of utterances and diagnostics in a thread, if asked to the sound; can be a recogniser."""

    def __init__(self, *, sound: bool = False, words: Callable[[int], str] | None = None) -> None:
        """words: what a recogniser outside says the moment that an utterance ends, given how many ended before."""
        import rclpy
        from diagnostic_msgs.msg import DiagnosticArray
        from mer_msgs.msg import AudioChunk, Emotion, Utterance
        from rclpy.context import Context
        from rclpy.executors import SingleThreadedExecutor
        from std_msgs.msg import String

        from mer_ros.nodes import qos

        self.heard = Heard()
        self._ended, self._words, self._string = Utterance.ENDED, words, String
        self._context = Context()
        rclpy.init(args=[], context=self._context)
        self._node = rclpy.create_node("bench", context=self._context)
        self._node.create_subscription(Emotion, "emotion", self._on_emotion, qos.emotions())
        self._node.create_subscription(Utterance, "utterance", self._on_utterance, qos.events())
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)
        if sound:
            self._node.create_subscription(AudioChunk, "audio", self.heard.chunks.append, qos.audio())
        self._said = self._node.create_publisher(String, "words", qos.events()) if words else None
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._closing.set()
        self._thread.join(timeout=30)
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        from rclpy.executors import ExternalShutdownException

        with suppress(ExternalShutdownException):
            while not self._closing.is_set():
                self._executor.spin_once(timeout_sec=0.1)

    def _on_emotion(self, message: Any) -> None:
        self.heard.emotions.append((time.time_ns(), message))

    def _on_utterance(self, message: Any) -> None:
        if message.state != self._ended:
            return
        if self._said and self._words:
            self._said.publish(self._string(data=self._words(len(self.heard.ended))))
        message.samples = []  # an hour of them is 150 MB
        self.heard.ended.append((time.time_ns(), message))

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            self.heard.values[status.name] = {item.key: item.value for item in status.values} | {
                "message": status.message
            }


@dataclass
class Running:
    """A graph, with what feeds it. `play` starts the player. mb: the most that it has held so far, if it `weighs`."""

    processes: GraphProcesses
    follower: Follower
    folder: Path
    weighs: bool = False
    mb: float = 0.0
    _looked: float = 0.0

    @property
    def heard(self) -> Heard:
        """What has come."""
        return self.follower.heard

    @property
    def pids(self) -> dict[str, int]:
        """The graph's processes; the player is none of them."""
        return {spec.name: self.processes.pid_of(spec.name) for spec in self.processes.graph.nodes}

    @contextmanager
    def play(self, film: Path, *, loop: bool = False) -> Iterator[GraphProcesses]:
        """Play a film in real time in a process that is none of the graph's, while in this context."""
        settings = self.folder / "player.yaml"
        settings.write_text(PLAYER_SETTINGS + (AGAIN if loop else ""))
        graph = describe(GraphSettings(**NODES, play=str(film), params_file=str(settings)))
        with GraphProcesses(graph, self.folder / "logs") as player:
            check_cores([player.pid_of(PLAYER)])
            yield player

    def wait(self, until: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until it holds; return whether it did in time. No node may end meanwhile."""
        limit = time.monotonic() + timeout_s
        while not until():
            if time.monotonic() > limit:
                return False
            if not self.processes.poll() or self.processes.restarts:
                raise SystemExit(f"error: a node of the graph has ended; the logs are in {self.folder / 'logs'}")
            if self.weighs and time.monotonic() - self._looked >= LOOK_S:
                pids = list(self.pids.values())
                self.mb, self._looked = max(self.mb, shared_mb(pids)), time.monotonic()
            time.sleep(0.1)
        return True

    def played(self) -> bool:
        """Whether the player has come to its end."""
        return self.heard.value(PLAYER, "message") == "finished"


@contextmanager
def running(folder: Path, follower: Follower, *, weighs: bool = False, **settings: Any) -> Iterator[Running]:
    """The graph with these settings, up while in the context; SystemExit where it does not come up.

    weighs: its memory is looked at twice a second, from its very start.
    """
    graph = describe(GraphSettings(**settings))
    with GraphProcesses(graph, folder / "logs") as processes:
        live = Running(processes, follower, folder, weighs)
        nodes = [name for name in LIFECYCLE if settings.get(name, True)]
        if not live.wait(lambda: all_active(follower.heard, nodes), PATIENCE_S):
            raise SystemExit(f"error: the graph did not come up; the logs are in {folder / 'logs'}")
        check_cores(live.pids.values())
        yield live


def check_cores(pids: Iterable[int]) -> None:
    """SystemExit where a thread of a process may run elsewhere than we may: the result would claim what is not so."""
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            if (cores := os.sched_getaffinity(int(task))) != os.sched_getaffinity(0):
                raise SystemExit(f"error: process {pid} runs on cores {cores}, not on those of the measurement")


def all_active(heard: Heard, nodes: Sequence[str]) -> bool:
    """Whether these nodes have told that they are active."""
    return all(heard.value(node, "state") == "active" for node in nodes)


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, of all its threads, in s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """The most that a process has had resident so far."""
    return _kilobytes(Path(f"/proc/{pid}/status"), "VmHWM") * 1024 / 1e6


def shared_mb(pids: Sequence[int]) -> float:
    """What processes have resident together, pages that they share counted once."""
    return sum(_kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in pids) * 1024 / 1e6


def _kilobytes(path: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(f"{name}:"))
