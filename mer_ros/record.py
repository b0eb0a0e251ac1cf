"""`mer record`: the graph's topics into a bag (MCAP), for machines without `ros2 bag`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from mer_ros import resources
from mer_ros.checks import check_ros
from mer_ros.errors import OptionError
from mer_ros.graph import check_name
from mer_ros.replay.bag_recorder import BagRecorder
from mer_ros.run import Interrupted
from mer_ros.terminal import printable

TOPICS = (
    "image_raw",
    "image_raw/compressed",
    "audio",
    "robot_speaking",
    "words",
    "utterance",
    "transcript",
    "emotion",
    "emotion/live",
    "emotion/events",
    "/diagnostics",
    "/clock",
)
MIB = 1 << 20


def run_record(given: argparse.Namespace) -> int:
    """Record until Ctrl-C or SIGTERM, or for `--seconds`; return 0, or 1 when nothing came."""
    check_ros()
    if given.queue_mib < 1:
        raise OptionError(f"--queue-mib is {given.queue_mib}; give at least 1")
    if given.seconds is not None and not given.seconds > 0:
        raise OptionError(f"--seconds is {given.seconds}; give more than 0, or leave it out")
    if namespace := given.namespace.strip("/"):
        check_name("--namespace", namespace, private=False)
    for topic in given.topics or ():
        check_name("--topics", topic, private=False)
    os.environ.update(resources.dds_environment())
    folder = given.output or Path(time.strftime("recording_%Y_%m_%d-%H_%M_%S"))
    with Interrupted() as interrupted:
        from mer_ros.nodes import recorder as node

        recorder = BagRecorder(folder, queue_bytes=given.queue_mib * MIB)
        _say(f"recording to {folder}; Ctrl-C ends it")
        until = float("inf") if given.seconds is None else time.monotonic() + given.seconds
        try:
            missing = node.record(
                recorder,
                None if given.all else given.topics or TOPICS,
                lambda: bool(interrupted) or time.monotonic() >= until,
                _say,
                namespace=namespace,
                use_sim_time=given.use_sim_time,
            )
        finally:
            recorder.close()
    _report(recorder, missing if given.topics else [])
    return 0 if recorder.counts else 1


def _report(recorder: BagRecorder, missing: list[str]) -> None:
    for topic in recorder.topics:
        lost = f", {recorder.dropped[topic]} dropped" if recorder.dropped[topic] else ""
        _say(f"{recorder.counts[topic]:8d}  {topic}{lost}")
    _say(f"{sum(recorder.counts.values())} messages, {recorder.size / MIB:.1f} MiB in {recorder.folder}")
    if recorder.dropped:
        told = f"{sum(recorder.dropped.values())} messages were dropped, as the disk was too slow"
        print(f"warning: {told}: record fewer topics, or raise --queue-mib", file=sys.stderr)
    if missing:
        print(printable(f"warning: nobody published {', '.join(missing)}"), file=sys.stderr)
    if not recorder.counts:
        print("error: nothing came: is the graph running, on this ROS_DOMAIN_ID?", file=sys.stderr)


def _say(sentence: str) -> None:
    print(printable(sentence), flush=True)


def add_record_parser(subparsers: Any) -> None:
    """Add `mer record`."""
    parser = subparsers.add_parser(
        "record",
        help="record the graph's topics into a bag",
        description="Records topics into a bag (MCAP) that Foxglove, `ros2 bag play` and `mer replay` open. "
        "Ctrl-C ends it; nothing that was received is lost.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="without --topics and --all it records, where they are published:\n  "
        + " ".join(TOPICS)
        + "\n\nIt stores what people say and how they look: tell those around you.\n\n"
        "examples:\n"
        "  mer record --output talk                       sensors and emotions, until Ctrl-C\n"
        "  mer record --topics emotion transcript         without sound and pictures",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="new folder for the bag; default: named by the time")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--topics", nargs="+", metavar="TOPIC", help="the topics to record, and no others")
    what.add_argument("--all", action="store_true", help="record every topic that is not hidden")
    parser.add_argument("--namespace", default="", help="namespace of the graph; relative topics lie in it")
    parser.add_argument("--seconds", type=float, metavar="S", help="end by itself after so long")
    parser.add_argument("--use-sim-time", action="store_true", help="log messages at the time of /clock")
    parser.add_argument(
        "--queue-mib", type=int, default=256, metavar="N", help="memory for what the disk cannot take yet (default 256)"
    )
    parser.set_defaults(handler=run_record)
