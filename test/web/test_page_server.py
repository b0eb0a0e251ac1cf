"""The page's server: whom it answers, what it refuses, and that no client can hold it up or keep it alive."""

from __future__ import annotations

import http.client
import socket
import threading
import time

import pytest

from mer_ros.web import server as server_module
from mer_ros.web.feed import Feed
from mer_ros.web.server import MOST_CONNECTIONS, MOST_PAGES, PageServer

JPEG = b"\xff\xd8 a picture \xff\xd9"
ROUTES = {"/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript", "/icon.svg": "image/svg+xml"}


@pytest.fixture
def feed():
    return Feed("talk.mp4")


@pytest.fixture
def server(feed):
    before = set(threading.enumerate())
    with PageServer(feed) as running:
        yield running
    assert set(threading.enumerate()) <= before


def port_of(server: PageServer) -> int:
    return int(server.address.rstrip("/").rsplit(":", 1)[1])


def ask(server, path="/", method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=60)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=names)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def raw(server, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=60) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
        return answer


class Stream:
    """A page's stream of events, read by hand."""

    def __init__(self, server, **headers) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=60)
        self.connection.request("GET", "/events", headers={k.replace("_", "-"): v for k, v in headers.items()})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200

    def until(self, word: str) -> str:
        """Read until a line begins so; return that line."""
        for line in self.answer:
            if line.decode().startswith(word):
                return line.decode().strip()
        raise AssertionError(f"the stream ended before {word}")

    def rest(self) -> str:
        return self.answer.read().decode()

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


def until(holds) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("path", ROUTES)
def test_the_page_and_its_parts_are_there_and_bound_to_themselves(server, path):
    answer, body = ask(server, path)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith(ROUTES[path])
    assert body
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    for word in ("frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'", "script-src 'self'"):
        assert word in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Python" not in answer.headers["Server"]


def test_the_parts_ask_for_nothing_from_elsewhere(server):
    for path in ROUTES:
        text = ask(server, path)[1].decode().replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text
        assert "https:" not in text
        assert "innerHTML" not in text
    page = ask(server, "/")[1].decode()
    assert " style=" not in page
    assert not [word for word in page.split() if word.startswith("on") and "=" in word]


def test_it_listens_on_this_machine_alone(server):
    assert server.address.startswith("http://127.0.0.1:")
    assert server._server.socket.getsockname()[0] == "127.0.0.1"
    for family, address in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as other, pytest.raises(OSError):  # noqa: PT011  refused, or no such family here
            other.connect((address, port_of(server)))


def test_the_picture_is_the_last_one(server, feed):
    answer, body = ask(server, "/image.jpg")
    assert (answer.status, body) == (404, b"No picture has come yet.\n")
    feed.image(b"old")
    feed.image(JPEG)
    answer, body = ask(server, "/image.jpg?n=7")
    assert (answer.status, answer.headers["Content-Type"], body) == (200, "image/jpeg", JPEG)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.2:{port}", "[::1]:{port}", ""]
)
@pytest.mark.parametrize("path", ["/", "/events", "/image.jpg"])
def test_another_name_is_refused(server, feed, host, path):
    feed.image(JPEG)
    answer, body = ask(server, path, Host=host.format(port=port_of(server)))
    assert answer.status == 403
    assert body.startswith(b"This answers to the names")
    assert body.count(b"\n") == 1


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LocalHost:{port}"])
def test_our_names_are_answered(server, host):
    assert ask(server, Host=host.format(port=port_of(server)))[0].status == 200


def test_no_host_and_two_hosts_are_refused(server):
    host = f"127.0.0.1:{port_of(server)}".encode()
    for request in (
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\nHost: " + host + b"\r\n\r\n",
    ):
        assert raw(server, request).startswith(b"HTTP/1.1 403"), request
    assert b"403" not in raw(server, b"GET / HTTP/1.0\r\nHost: " + host + b"\r\n\r\n").split(b"\r\n")[0]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1", ""])
@pytest.mark.parametrize("path", ["/", "/events", "/image.jpg", "/page.js"])
def test_other_sites_are_refused(server, origin, path):
    answer, body = ask(server, path, Origin=origin.format(port=port_of(server)))
    assert (answer.status, body) == (403, b"This answers no other site's page.\n")


def test_our_own_origin_is_answered(server):
    assert ask(server, "/page.js", Origin=server.address.rstrip("/"))[0].status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_takes_in_without_an_origin_is_refused_but_a_link_may_be_followed(server, feed, site):
    feed.image(JPEG)
    for path in ("/image.jpg", "/events", "/page.js"):
        assert ask(server, path, Sec_Fetch_Site=site)[0].status == 403
    assert ask(server, "/", Sec_Fetch_Site=site)[0].status == 200
    assert ask(server, "/image.jpg", Sec_Fetch_Site="same-origin")[0].status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "BREW"])
def test_get_alone_is_answered(server, method):
    answer, _ = ask(server, "/", method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    "path",
    [
        *("/index.html", "/page.html", "/events/", "/..", "/../server.py", "/%2e%2e/feed.py", "/page.css/../x"),
        *("/etc/passwd", "/page.js%00", "/.", "*", "http://evil.example/", "/IMAGE.JPG", "/" + "a" * 5_000, "/\u00e9"),
    ],
)
def test_no_path_leads_elsewhere(server, path):
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port_of(server)}\r\nConnection: close\r\n\r\n"
    assert raw(server, request.encode()).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x00\xff\xfe\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_the_next_is_answered(server, request_):
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=60) as connection:
        connection.sendall(request_)
        connection.shutdown(socket.SHUT_WR)
        try:
            answer = connection.recv(65_536)
        except ConnectionResetError:
            answer = b""
    assert b" 200 " not in answer.split(b"\r\n")[0]
    assert ask(server)[0].status == 200


def test_a_body_is_not_taken_for_the_next_request(server):
    host = f"Host: 127.0.0.1:{port_of(server)}\r\n"
    inner = f"GET /image.jpg HTTP/1.1\r\n{host}\r\n"
    request = f"GET / HTTP/1.1\r\n{host}Content-Length: {len(inner)}\r\n\r\n{inner}"
    assert raw(server, request.encode()).count(b"HTTP/1.1 ") == 1


def test_a_page_hears_what_comes_and_the_end(server, feed):
    stream = Stream(server)
    assert stream.answer.headers["Content-Type"] == "text/event-stream"
    assert '"title":"talk.mp4"' in stream.until("data: ")
    feed.tell(status="starting", speaking=False, heard=0)
    assert '"status":"starting"' in stream.until("data: ")
    feed.image(JPEG)
    stream.until("event: image")
    feed.end("camera cannot go on")
    assert '"note":"camera cannot go on"' in stream.rest()
    until(lambda: feed.watched == 0)


def test_pages_are_counted_while_they_are_open(server, feed, monkeypatch):
    monkeypatch.setattr(server_module, "PING_S", 0.05)
    streams = [Stream(server) for _ in range(3)]
    for stream in streams:
        stream.until("data: ")
    assert feed.watched == 3
    for stream in streams:
        stream.close()
    until(lambda: feed.watched == 0)


def test_of_too_many_pages_the_oldest_is_taken_leave_of(server, feed):
    streams = []
    for _ in range(MOST_PAGES + 1):
        streams.append(Stream(server))
        streams[-1].until("data: ")
    assert "event: bye" in streams[0].rest()
    feed.tell(status="still here", speaking=False, heard=0)
    for stream in streams[1:]:
        assert "still here" in stream.until("data: ")
    assert feed.watched == MOST_PAGES


def test_of_too_many_connections_the_newest_is_refused_with_a_sentence(server):
    idle = [socket.create_connection(("127.0.0.1", port_of(server)), timeout=60) for _ in range(MOST_CONNECTIONS)]
    until(lambda: len(server._server._open) == MOST_CONNECTIONS)
    answer, body = ask(server)
    assert answer.status == 503
    assert body.decode() == f"There are {MOST_CONNECTIONS} connections already; close a page, or wait.\n"
    for connection in idle:
        connection.close()
    until(lambda: not server._server._open)
    assert ask(server)[0].status == 200


def test_a_page_that_takes_nothing_holds_nobody_up_and_is_closed(server, feed, monkeypatch):
    monkeypatch.setattr(server_module, "SLOW_S", 0.5)
    monkeypatch.setattr(server_module, "PAUSE_S", 0.0)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", port_of(server)))
    slow.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port_of(server)}\r\n\r\n".encode())
    until(lambda: feed.watched == 1)
    quick = Stream(server)
    quick.until("data: ")
    number = 0
    while feed.watched == 2:  # until its buffers are full and it is given up
        number += 1
        assert number < 20_000
        feed.tell(status=f"{number} " + "x" * 1_900, speaking=False, heard=number)
        assert f'"heard":{number},' in quick.until("data: ")
    assert feed.watched == 1
    feed.end()
    assert '"over":true' in quick.rest()
    slow.close()


def test_connections_that_ask_for_nothing_are_closed(feed, monkeypatch):
    monkeypatch.setattr(server_module._Handler, "timeout", 0.2)
    with PageServer(feed) as server, socket.create_connection(("127.0.0.1", port_of(server)), timeout=60) as idle:
        assert idle.recv(100) == b""


def test_the_end_waits_for_nobody_and_leaves_no_thread(feed):
    before = set(threading.enumerate())
    server = PageServer(feed)
    idle = socket.create_connection(("127.0.0.1", port_of(server)), timeout=60)
    half = socket.create_connection(("127.0.0.1", port_of(server)), timeout=60)
    half.sendall(b"GET / HTTP/1.1\r\nHo")
    stuck = socket.create_connection(("127.0.0.1", port_of(server)), timeout=60)
    stuck.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port_of(server)}\r\n\r\n".encode())
    page = Stream(server)
    until(lambda: feed.watched == 2)
    server.close()
    assert set(threading.enumerate()) <= before
    assert '"over":true' in page.rest()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(server)), timeout=60)
    for connection in (idle, half, stuck):
        connection.close()


def test_the_name_of_the_machine_is_asked_of_nobody(feed, monkeypatch):
    def asked(*_):
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getfqdn", asked)
    monkeypatch.setattr(socket, "gethostbyaddr", asked)
    with PageServer(feed) as server:
        assert ask(server)[0].status == 200


def test_nothing_is_written_about_who_asks(server, capfd):
    ask(server)
    ask(server, "/nothing")
    assert capfd.readouterr() == ("", "")
