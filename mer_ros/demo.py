"""`mer demo`: the whole graph as processes on a sample, a file or one's own devices, with a live view."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mer_ros import resources
from mer_ros.checks import check_ros, check_settings
from mer_ros.errors import InputError, OptionError
from mer_ros.graph import GraphSettings, describe
from mer_ros.inference.manifest import choose_entry, load_manifest
from mer_ros.run import GraphProcesses, Interrupted
from mer_ros.show import Show
from mer_ros.terminal import kept_clean
from mer_ros.view import ViewState
from mer_ros.web.cli import add_browser_argument
from mer_ros.web.show import shown

if TYPE_CHECKING:
    from mer_ros.nodes.watcher import WatcherNode
    from mer_ros.web.feed import Feed

START_S = 120.0  # a slow machine loads models from a slow disk
TROUBLE_S = 10.0  # a node that complains for so long while the graph starts will not come up
GRACE_S = 20.0  # after the file's end, for utterances that have no emotion yet
SETTLE_S = 1.5  # after the file's end, for an utterance that nobody has told of yet
MANY_RESTARTS = 3
SAFE_DOMAINS = 100  # above 101 the ports of a domain meet those that Linux gives out


@dataclass(frozen=True)
class DemoOptions:
    """What to show.

    settings: of the graph. title: what the view calls it. plain: a line an emotion instead of the view.
    duration_s: end after this long; 0 does not. log_dir: where the nodes' output goes; None: a temporary folder,
    removed when all went well. page: show it in the browser as well, on a page of this machine. browser: open that.
    """

    settings: GraphSettings
    title: str
    plain: bool = False
    duration_s: float = 0.0
    log_dir: Path | None = None
    page: bool = False
    browser: bool = True


def private_network(environment: Any = os.environ) -> None:
    """Keep to this machine and to a domain of our own, unless the user has chosen a domain.

    A demo must not talk into the graph of a robot on the same network.
    """
    if not environment.get("ROS_DOMAIN_ID"):
        environment["ROS_DOMAIN_ID"] = str(1 + os.getpid() % SAFE_DOMAINS)
        environment.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


def run_demo(options: DemoOptions) -> int:
    """Show the demo; return 0 when final emotions came, else 1."""
    check_ros()
    check_settings(options.settings)
    _check_models(options.settings)
    private_network()
    log_dir = options.log_dir or Path(tempfile.mkdtemp(prefix="mer-demo-"))
    try:
        log_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"--log-dir is {log_dir}, where nothing can be written ({error}); give another") from error
    os.environ.setdefault("ROS_LOG_DIR", str(log_dir))
    graph = describe(options.settings)
    os.environ.update(graph.environment)
    with kept_clean(log_dir / "demo.log") as terminal, Interrupted() as interrupted:
        show = Show(options.title, terminal, plain=options.plain)
        with shown(options.title, show.say, browser=options.browser) if options.page else nullcontext() as feed:
            show.state.page = feed.address if feed else ""
            problem = _watch(GraphProcesses(graph, log_dir), show, interrupted, options, feed)
            if feed:
                feed.end(problem)
        stopped = bool(interrupted)
    good = _report(show.state, problem, stopped, log_dir)
    if (good or stopped) and options.log_dir is None:
        shutil.rmtree(log_dir, ignore_errors=True)
    return 0 if good else 1


def _check_models(settings: GraphSettings) -> None:
    """Raise ModelError unless every sense has a model."""
    entries = load_manifest(Path(settings.models) if settings.models else resources.models_dir())
    for task in ("face", "speech", "text"):
        choose_entry(entries, task)


def _watch(
    processes: GraphProcesses, show: Show, interrupted: Interrupted, options: DemoOptions, feed: Feed | None
) -> str:
    """Run the graph to its end; return what went wrong, or an empty text."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    from mer_ros.nodes.page_watcher import PageWatcher
    from mer_ros.nodes.watcher import WatcherNode

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        watcher = PageWatcher(show.state, feed) if feed else WatcherNode(show.state)
        executor = SingleThreadedExecutor()
        executor.add_node(watcher)
        with show, processes:
            return _loop(processes, executor, watcher, show, interrupted, options)
    finally:
        rclpy.try_shutdown()


def _loop(
    processes: GraphProcesses,
    executor: Any,
    watcher: WatcherNode,
    show: Show,
    interrupted: Interrupted,
    options: DemoOptions,
) -> str:
    begin = troubled_at = time.monotonic()
    over_at: float | None = None  # when the file came to its end
    came_up = False
    while not interrupted:
        executor.spin_once(timeout_sec=0.05)
        now = time.monotonic()
        show.state.running_s = now - begin
        arrived, watcher.arrived = watcher.arrived, []
        watcher.forget_stale()
        show.update(arrived, is_starting=not (watcher.all_active or watcher.counts["finals"]))
        came_up = came_up or watcher.all_active
        if over_at is None and not processes.poll():
            over_at = now
        if over_at is not None:
            patience = GRACE_S if watcher.pending else SETTLE_S
            if now - over_at > patience:
                return ""
        if options.duration_s and came_up and now - begin > options.duration_s:
            return ""
        for name in processes.given_up:
            return f"{name} cannot go on: {_last_words(processes.log_dir, name)}"
        for name, times in processes.restarts.items():
            if times >= MANY_RESTARTS:
                return f"{name} keeps ending: {_last_words(processes.log_dir, name)}"
        if watcher.all_active or not show.state.troubles:
            troubled_at = now
        if not came_up and now - troubled_at > TROUBLE_S:
            return "; ".join(f"{name}: {text}" for name, text in show.state.troubles.items())
        if not came_up and now - begin > START_S:
            waiting = ", ".join(f"{name} is {label}" for name, label in show.state.nodes.items() if label != "active")
            return f"the graph did not come up within {START_S:.0f} s: {waiting or 'no node answers'}"
    return ""


def _last_words(log_dir: Path | None, name: str) -> str:
    """The last line of a node's output."""
    file = (log_dir or Path()) / f"{name}.log"
    lines = file.read_text(errors="replace").split("\n") if file.is_file() else []
    said = [text.strip() for text in lines if text.strip()]
    return said[-1].removeprefix("error: ") if said else "it says nothing"


def _report(state: ViewState, problem: str, stopped: bool, log_dir: Path) -> bool:
    """Print how it went; return whether emotions came."""
    finals = state.answered
    utterances = max(state.utterances, finals)
    if finals:
        middle = statistics.median(after for after in state.waits_s)
        spoken = "utterance" if utterances == 1 else "utterances"
        print(f"{finals} of {utterances} {spoken} got an emotion, {middle:.2f} s after the end (median)")
    if problem:
        print(f"error: {problem}; the logs are in {log_dir}", file=sys.stderr)
    elif not finals and stopped:
        print("error: it was stopped before the first emotion came", file=sys.stderr)
    elif not finals:
        troubles = "; ".join(f"{name}: {text}" for name, text in state.troubles.items())
        heard = f"{utterances} utterances were heard" if utterances else "no speech was heard"
        why = f"; {troubles}" if troubles else ""
        print(f"error: no emotion came, {heard}{why}; the logs are in {log_dir}", file=sys.stderr)
    elif finals < utterances and not stopped:
        print(f"the logs are in {log_dir}")
    return finals > 0 and not problem


def add_demo_parser(subparsers: Any) -> None:
    """Add `mer demo`."""
    parser = subparsers.add_parser(
        "demo",
        help="see it work: a sample dialogue, a file, or your own camera",
        description="Starts the whole graph as processes, plays a sample dialogue into it as camera and microphone, "
        "and shows what arrives on /emotion. It ends by itself; exit code 0 only if emotions arrived.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n"
        "  mer demo                              the sample: two faces, two voices, six utterances, half a minute\n"
        "  mer demo --file talk.mp4              a video or sound file of yours\n"
        "  mer demo --camera 0                   your own camera and default microphone, until Ctrl-C\n"
        "  mer demo --camera /dev/video2 --microphone USB\n"
        "  mer demo --view                       with the picture and all that is told of it in the browser\n"
        "  mer demo --plain | tee emotions.txt   a line an emotion\n\n"
        "Unless ROS_DOMAIN_ID is set, the demo keeps to this machine and to a domain of its own. With it, your own\n"
        "programs can listen:  ROS_DOMAIN_ID=42 mer demo",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--file", metavar="PATH", help="play this video or sound file instead of the sample")
    source.add_argument("--camera", metavar="DEVICE", help="index or path of a camera; the microphone comes with it")
    parser.add_argument("--microphone", metavar="DEVICE", help="index, part of a name, or 'default'")
    parser.add_argument("--duration", type=float, default=0.0, metavar="S", help="end after so many seconds")
    parser.add_argument(
        "--view", action="store_true", help="show it in the browser too, on a page that only this machine can open"
    )
    add_browser_argument(parser)
    parser.add_argument("--plain", action="store_true", help="a line an emotion instead of the live view")
    parser.add_argument(
        "--models", default="", metavar="DIR", help="model folder (default: the models of this package)"
    )
    parser.add_argument("--device", default="", help="where models run: auto, cpu, cuda or tensorrt")
    parser.add_argument("--params-file", default="", metavar="FILE", help="parameters (default: config/mer.yaml)")
    parser.add_argument("--log-dir", type=Path, metavar="DIR", help="keep the output of every node here")
    parser.set_defaults(handler=lambda arguments: run_demo(options_from(arguments)))


def options_from(arguments: argparse.Namespace) -> DemoOptions:
    """What the command line asks for. Raises OptionError and InputError for what cannot be shown."""
    if not 0 <= arguments.duration < math.inf:
        raise OptionError(f"--duration is {arguments.duration}; give seconds, or 0 for no end")
    if arguments.file and arguments.microphone:
        raise OptionError("--file and --microphone exclude each other; choose one source of sound")
    sources: dict[str, Any]
    if arguments.camera is not None or arguments.microphone is not None:
        microphone = arguments.microphone or "default"
        sources = {"webcam": arguments.camera or "", "audio_device": microphone, "camera": bool(arguments.camera)}
        title = (
            f"camera {arguments.camera}, microphone {microphone}" if arguments.camera else f"microphone {microphone}"
        )
    else:
        if arguments.file and not Path(arguments.file).is_file():
            raise InputError(f"there is no file {arguments.file}: give the path of a sound or video file")
        sources = {"play": str(Path(arguments.file).resolve()) if arguments.file else "sample"}
        title = Path(arguments.file).name if arguments.file else "sample dialogue"
    settings = GraphSettings(
        **sources, models=arguments.models, device=arguments.device, params_file=arguments.params_file
    )
    return DemoOptions(
        settings, title, arguments.plain, arguments.duration, arguments.log_dir, arguments.view, arguments.browser
    )
