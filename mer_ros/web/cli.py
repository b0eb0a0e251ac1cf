"""`mer view`: the live page of a graph that runs already."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from mer_ros import resources
from mer_ros.checks import check_ros
from mer_ros.graph import check_name
from mer_ros.run import Interrupted
from mer_ros.terminal import printable
from mer_ros.web.show import shown


def run_view(given: argparse.Namespace) -> int:
    """Show the graph until Ctrl-C or SIGTERM; return 0, or 1 when nothing was heard of it."""
    check_ros()
    os.environ.update(resources.dds_environment())
    namespace = "/" + given.namespace.strip("/")
    if namespace != "/":
        check_name("--namespace", given.namespace.strip("/"), private=False)
    check_name("--emotion-topic", given.emotion_topic)
    title = "the graph" if namespace == "/" else f"the graph in {namespace}"
    with Interrupted() as interrupted, shown(title, _say, browser=given.browser) as feed:
        from mer_ros.nodes.page_watcher import watch

        heard = watch(feed, namespace, given.emotion_topic, lambda: bool(interrupted))
    if not heard:
        print("error: nothing was heard: is the graph running, on this ROS_DOMAIN_ID?", file=sys.stderr)
    return 0 if heard else 1


def _say(sentence: str) -> None:
    print(f"{printable(sentence)}; Ctrl-C ends it", flush=True)


def add_view_parser(subparsers: Any) -> None:
    """Add `mer view`."""
    parser = subparsers.add_parser(
        "view",
        help="a page of a running graph in the browser",
        description="Shows in a browser what a graph that runs already sees, hears and tells: the camera's picture "
        "with names and emotions, everybody now, all that was said, the health of the nodes. The page is served to "
        "this machine alone, on 127.0.0.1, and nothing is stored. Ctrl-C ends it; the graph goes on.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n"
        "  mer view                     a graph on this network and ROS_DOMAIN_ID\n"
        "  mer view --namespace head    one whose topics lie below /head\n"
        "  mer view --emotion-topic mood    one that was started with that option\n"
        "  mer demo --view              the demo with such a page",
    )
    parser.add_argument("--namespace", default="", help="namespace of the graph")
    parser.add_argument(
        "--emotion-topic", default="emotion", metavar="TOPIC", help="topic of the emotions, where it is another one"
    )
    add_browser_argument(parser)
    parser.set_defaults(handler=run_view)


def add_browser_argument(parser: argparse.ArgumentParser) -> None:
    """Add --no-browser."""
    parser.add_argument(
        "--no-browser", dest="browser", action="store_false", help="print the page's address, and open no browser"
    )
