"""Serves the page to browsers on this machine, and to nobody else.

It listens on 127.0.0.1, answers GET alone on a handful of paths, and refuses what another site's page or a name that
was bound anew (DNS rebinding) could ask: the Host must be ours, and so must be the Origin where one is told
(RFC 9110, 7.2; RFC 6454; W3C Fetch Metadata for Sec-Fetch-Site).
"""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from socketserver import TCPServer
from typing import Any

from mer_ros.errors import OptionError
from mer_ros.report import palette
from mer_ros.web.feed import Feed

ADDRESS = "127.0.0.1"
MOST_PAGES = 4  # that are open at a time; when one more comes, the oldest is taken leave of
MOST_CONNECTIONS = 32
IDLE_S = 10.0  # a connection that asks for nothing is closed
SLOW_S = 5.0  # so is one that takes nothing of what it asked for
PING_S = 2.0  # a closed page is noticed when something is sent to it
PAUSE_S = 0.1  # between two sendings to a page, so that ten changes are one
FAREWELL_S = 1.0  # for pages to hear that the graph has ended
BODY = "text/plain; charset=utf-8"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class PageServer:
    """The page of a feed, on a free port. Use it as a context, or call `close`: then no thread is left.

    address: where a browser finds it. Raises OptionError where no port can be had.
    """

    def __init__(self, feed: Feed) -> None:
        try:
            self._server = _Server(feed)
        except OSError as error:
            raise OptionError(
                f"the page cannot be served on {ADDRESS} ({error.strerror or error}); leave --view out"
            ) from error
        self.address = feed.address = f"http://{ADDRESS}:{self._server.server_port}/"
        self._feed = feed
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="page")
        self._thread.start()

    def __enter__(self) -> PageServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Tell every page that the graph has ended, and end."""
        self._feed.end()
        self._server.shutdown()
        self._thread.join()
        self._server.take_leave()
        self._server.server_close()


@dataclass(eq=False)
class _Page:
    """An open page's stream of events. dismissed: a newer one takes its place."""

    dismissed: bool = False


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # they are waited for
    request_queue_size = 16
    allow_reuse_address = False

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._pages: list[_Page] = []
        self._gone = threading.Condition(self._lock)
        super().__init__((ADDRESS, 0), _Handler)
        names = [f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")]
        self.hosts = frozenset(names)
        self.origins = frozenset(f"http://{name}" for name in names)
        self.files = _files()

    def server_bind(self) -> None:
        """As HTTPServer's, but nobody is asked what this machine's name is."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a connection, if there are not too many."""
        with self._lock:
            full = len(self._open) >= MOST_CONNECTIONS
            if not full:
                self._open.add(request)
        if not full:
            super().process_request(request, client_address)
            return
        sentence = f"There are {MOST_CONNECTIONS} connections already; close a page, or wait.\n".encode()
        head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {BODY}\r\nContent-Length: {len(sentence)}\r\n"
        with suppress(OSError):
            request.settimeout(0.05)
            request.recv(65_536)  # what is unread when the connection is closed would take the answer with it
            request.sendall(head.encode() + b"Connection: close\r\n\r\n" + sentence)
        self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """The end of a connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Those who go away in the middle are no fault of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def admit(self) -> _Page:
        """A new page; the oldest gives way to it when there are too many."""
        page = _Page()
        with self._lock:
            self._pages.append(page)
            for old in self._pages[:-MOST_PAGES]:
                old.dismissed = True
            self.feed.watched = len(self._pages)
        self.feed.wake()
        return page

    def dismiss(self, page: _Page) -> None:
        """A page that is there no more."""
        with self._gone:
            self._pages.remove(page)
            self.feed.watched = len(self._pages)
            self._gone.notify_all()

    def take_leave(self) -> None:
        """Give the pages a moment to hear the last, then close every connection."""
        self.closing.set()
        with self._gone:
            self._gone.wait_for(lambda: not self._pages, FAREWELL_S)
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    server: _Server

    def do_GET(self) -> None:
        """Answer, if it is a page of ours that asks."""
        path = self.path.split("?", 1)[0]
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # a body that nobody reads would be taken for the next request
        if refusal := self._refusal(path):
            self._answer(403, refusal)
        elif path in self.server.files:
            kind, content = self.server.files[path]
            self._answer(200, content, kind)
        elif path == "/image.jpg":
            picture = self.server.feed.picture()
            if picture is None:
                self._answer(404, "No picture has come yet.\n")
            else:
                self._answer(200, picture, "image/jpeg")
        elif path == "/events":
            self._events()
        else:
            self._answer(404, "There is no such page here; the only one is /.\n")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself refuses, in our words."""
        self.close_connection = True
        if code == 501:  # so it calls a method that has no function here
            self._answer(405, "Only GET is answered here.\n")
        else:
            self._answer(code, f"{message or 'This cannot be answered'}.\n")

    def version_string(self) -> str:
        """Neither Python's version nor ours is anybody's business."""
        return "mer"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""

    def _refusal(self, path: str) -> str:
        """Why this is not answered; empty when it is."""
        hosts = self.headers.get_all("Host", [])
        origins = self.headers.get_all("Origin", [])
        if len(hosts) != 1 or hosts[0].strip().lower() not in self.server.hosts:
            return f"This answers to the names {ADDRESS} and localhost alone; open http://{ADDRESS}:PORT/.\n"
        if any(origin.strip().lower() not in self.server.origins for origin in origins):
            return "This answers no other site's page.\n"
        # What another site's page takes in as a picture or script has no Origin; a link to the page may be followed.
        if path != "/" and self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return "This answers no other site's page.\n"
        return ""

    def _answer(self, code: int, content: str | bytes, kind: str = BODY) -> None:
        body = content.encode() if isinstance(content, str) else content
        self.send_response(code)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if code == 405:
            self.send_header("Allow", "GET")
        if self.close_connection or code >= 400:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def _events(self) -> None:
        """The stream of events (HTML Living Standard, 9.2), until the page goes or the graph ends."""
        self.close_connection = True
        feed, page = self.server.feed, self.server.admit()
        try:
            self.connection.settimeout(SLOW_S)
            self.send_response(200)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"retry: 1000\n\n")
            seen = feed.start(self.headers.get("Last-Event-ID", ""))
            while not page.dismissed:
                over = feed.over
                self.wfile.write((feed.news(seen, PING_S) or ":\n\n").encode())
                if over:
                    return
                self.server.closing.wait(PAUSE_S)
            self.wfile.write(b"event: bye\ndata:\n\n")
        finally:
            self.server.dismiss(page)


def _files() -> dict[str, tuple[str, bytes]]:
    """Path to type and content: all that there is but the picture and the events."""
    room, report = files("mer_ros.web"), files("mer_ros.report")
    style = palette.style() + (report / "page.css").read_text("utf-8") + (room / "page.css").read_text("utf-8")
    return {
        "/": ("text/html; charset=utf-8", (room / "page.html").read_bytes()),
        "/page.css": ("text/css; charset=utf-8", style.encode()),
        "/page.js": ("text/javascript; charset=utf-8", (room / "page.js").read_bytes()),
        "/icon.svg": ("image/svg+xml", (room / "icon.svg").read_bytes()),
    }
