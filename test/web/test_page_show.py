"""Where the page is told of, and when a browser is opened."""

from __future__ import annotations

import threading

import pytest

from mer_ros.cli import main
from mer_ros.errors import OptionError
from mer_ros.web import server, show


@pytest.fixture
def opened(monkeypatch):
    """Addresses that a browser was opened with; nobody has a display unless a test gives one."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(show.sys, "platform", "linux")
    asked: list[str] = []
    came = threading.Event()
    monkeypatch.setattr(show.webbrowser, "open", lambda address: (asked.append(address), came.set()))
    asked_in_time = came.wait
    return asked, asked_in_time


def test_with_a_display_a_browser_is_opened_and_the_address_is_told(opened, monkeypatch):
    asked, in_time = opened
    monkeypatch.setenv("DISPLAY", ":0")
    said: list[str] = []
    with show.shown("talk", said.append, browser=True) as feed:
        assert in_time(60)
        assert not feed.over
    assert feed.over
    assert asked[0].startswith("http://127.0.0.1:")
    assert said == [f"the page is at {asked[0]}, for this machine alone"]


@pytest.mark.parametrize(("browser", "variable"), [(True, None), (False, "DISPLAY"), (False, "BROWSER")])
def test_without_a_display_or_when_told_so_none_is_opened(opened, monkeypatch, browser, variable):
    if variable:
        monkeypatch.setenv(variable, ":0")
    said: list[str] = []
    with show.shown("talk", said.append, browser=browser):
        pass
    assert opened[0] == []
    assert len(said) == 1


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"])
def test_what_counts_as_a_display(variable):
    assert show.has_display({variable: "x"})
    assert not show.has_display({variable: ""})


def test_a_port_that_cannot_be_had_is_a_sentence(monkeypatch):
    monkeypatch.setattr(server, "ADDRESS", "192.0.2.1")  # nobody's (RFC 5737)
    before = threading.active_count()
    with pytest.raises(OptionError, match=r"cannot be served on 192\.0\.2\.1"), show.shown("x", print, browser=False):
        pass
    assert threading.active_count() == before


@pytest.mark.parametrize("option", ["--namespace", "--emotion-topic"])
def test_a_name_that_is_none_is_refused(capsys, option):
    pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")
    assert main(["view", "--no-browser", option, "a b"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {option} is 'a b'")
