"""Several nodes in one process, each in a thread with an executor of its own.

Arguments: `camera [--ends-graph] [--no-respawn] [--ros-args ...] -- microphone ... -- [--ros-args ...]`: a group for
each node, set apart by `--`; a group without a name is for all of them.

What a node does holds up only itself: a slow stage spends its time in ONNX Runtime, OpenCV or the recogniser, which
leave Python's interpreter to the others meanwhile. A node that ends by an error is made again, alone, as a process of
its own would be; a fault that ends the process ends all of them, and whoever started it starts it again.
"""

from __future__ import annotations

import importlib
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from mer_ros.errors import MerError
from mer_ros.memory import give_back
from mer_ros.nodes.arguments import NODE_ARGUMENTS
from mer_ros.nodes.parameter_file import NODES
from mer_ros.nodes.process import RCLError, live
from mer_ros.nodes.usage import is_help_wanted, usage
from mer_ros.respawn import WRONG_SETTINGS, Respawn, sentence

ENDS_GRAPH, NO_RESPAWN = "--ends-graph", "--no-respawn"
_AGAIN = ("--ros-args", "-p", "autostart:=true")  # of a node that is made again
_LOOK_S = 0.1
_TRIM_S = 60.0
_SWITCH_S = 0.001  # how long a node computes in Python while another one waits: sound comes every 20 ms

_making = threading.Lock()  # modules are loaded and nodes are made one after the other


@dataclass
class Part:
    """One node: its executable's name, and its own arguments.

    code: what its process would have ended with; None while it lives.
    """

    name: str
    arguments: Sequence[str] = ()
    ends_graph: bool = False
    respawn: bool = True
    code: int | None = None
    _again: Respawn = field(default_factory=Respawn)

    def run(self, ended: threading.Event) -> None:
        """Live until `ended`; in a thread of its own."""
        NODE_ARGUMENTS.set(self.arguments)
        code: int | None = None
        while not ended.is_set():
            begun = time.monotonic()
            code = self._live(ended)
            if code is None or ended.is_set() or self.ends_graph or not self.respawn:
                break
            wait_s = self._again.after(code, time.monotonic() - begun)
            self._say(sentence(self.name, code, wait_s))
            if wait_s is None:
                break
            ended.wait(wait_s)
            NODE_ARGUMENTS.set([*self.arguments, *_AGAIN])
        self.code = code or 0

    def _live(self, ended: threading.Event) -> int | None:
        """Live once; return None after a clean end, else the exit code."""
        try:
            live(self._make, ended)
        except ExternalShutdownException:
            return None
        except SystemExit as end:  # a player that has come to its end
            return int(end.code or 0)
        except (MerError, ParameterException) as error:
            self._say(f"error: {str(error).splitlines()[0]}")
            return WRONG_SETTINGS
        except Exception:
            self._say(traceback.format_exc())
            return 1
        return None

    def _make(self) -> Node:
        with _making:
            module = importlib.import_module(f"mer_ros.nodes.{self.name}")
            node: Node = getattr(module, NODES[self.name])()
            return node

    def _say(self, text: str) -> None:
        rclpy.logging.get_logger(self.name).error(text)


def parts_of(arguments: Sequence[str]) -> tuple[list[Part], list[str]]:
    """Return the nodes that a command line names, and the arguments for all of them."""
    groups: list[list[str]] = [[]]
    for word in arguments:
        if word == "--":
            groups.append([])
        else:
            groups[-1].append(word)
    parts, common = [], []
    for group in filter(None, groups):
        if group[0].startswith("-"):
            common += group
            continue
        own = [word for word in group[1:] if word not in (ENDS_GRAPH, NO_RESPAWN)]
        parts.append(Part(group[0], own, ENDS_GRAPH in group, NO_RESPAWN not in group))
    return parts, common


def main() -> int:
    """Run the nodes until SIGINT or SIGTERM; return the exit code of the process."""
    if is_help_wanted(sys.argv[1:]):
        print(usage(sys.modules[main.__module__], "NODE [--ros-args ...] -- NODE ... -- [--ros-args ...]"))
        return 0
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    parts, common = parts_of(sys.argv[1:])
    unknown = [part.name for part in parts if part.name not in NODES]
    if unknown or not parts:
        print(f"error: no such node: '{' '.join(unknown)}'; name some of: {', '.join(NODES)}", file=sys.stderr)
        return WRONG_SETTINGS
    try:
        rclpy.init(args=[sys.argv[0], *common], signal_handler_options=SignalHandlerOptions.NO)
    except RCLError as error:
        print(f"error: {str(error).splitlines()[0]}", file=sys.stderr)
        return WRONG_SETTINGS
    sys.setswitchinterval(_SWITCH_S)
    threads = [threading.Thread(target=partial(part.run, ended), name=part.name) for part in parts]
    for thread in threads:
        thread.start()
    trimmed_s = time.monotonic()
    while not ended.is_set():
        time.sleep(_LOOK_S)  # `ended.wait` holds the lock that `set` takes, and a signal may come just then
        if time.monotonic() - trimmed_s > _TRIM_S:
            give_back()  # what one node's thread has freed of another's
            trimmed_s = time.monotonic()
        over = [part for part in parts if part.code is not None]
        if len(over) == len(parts) or any(part.ends_graph for part in over):
            ended.set()
    for thread in threads:
        thread.join()
    rclpy.try_shutdown()
    return max(part.code or 0 for part in parts)


if __name__ == "__main__":
    sys.exit(main())
