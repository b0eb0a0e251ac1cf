"""A feed served while something runs: the address told, and a browser opened where there is one."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from mer_ros.web.feed import Feed
from mer_ros.web.server import PageServer


@contextmanager
def shown(title: str, say: Callable[[str], None], *, browser: bool) -> Iterator[Feed]:
    """Serve a page, which `say` tells the address of, and give its feed. browser: open one, where there is a display.

    Raises OptionError where the page cannot be served.
    """
    with PageServer(feed := Feed(title)) as server:
        say(f"the page is at {server.address}, for this machine alone")
        if browser and has_display():
            # It may wait for the browser, and the graph must not.
            threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
        yield feed


def has_display(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a browser has a place to show something; without one, a text browser would take the terminal."""
    if sys.platform == "darwin":
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
