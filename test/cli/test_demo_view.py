"""`mer demo --view` and `mer view` as a person runs them: the whole graph over DDS, looked at in two pages."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from chromium import CHROMIUM
from test_demo import ENVIRONMENT, command, folder  # noqa: F401  a fixture

WAIT_S = 120

pytestmark = [
    pytest.mark.graph,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install chromium to look at the page"),
]


def address_in(process: subprocess.Popen) -> str:
    line = process.stdout.readline()
    return re.fullmatch(r"the page is at (http://127\.0\.0\.1:\d+/), for this machine alone.*\n", line)[1]


def wait(page, holds: str) -> None:
    end = time.monotonic() + WAIT_S
    while not page.evaluate(holds):
        assert time.monotonic() < end, holds
        page.wait_for_timeout(100)


def test_two_pages_show_the_graph_and_its_end(folder, tmp_path):  # noqa: F811
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    environment = ENVIRONMENT | {
        "ROS_DOMAIN_ID": str(1 + os.getpid() % 100),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    demo = subprocess.Popen(command(folder, "--view", "--no-browser", "--log-dir", str(tmp_path)), **how)
    view = subprocess.Popen([sys.executable, "-m", "mer_ros.cli", "view", "--no-browser"], **how)
    try:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            ours, theirs = browser.new_page(), browser.new_page()
            complaints: list[str] = []
            for page, process in ((ours, demo), (theirs, view)):
                page.on("console", lambda message: complaints.append(message.text))
                page.on("pageerror", lambda error: complaints.append(str(error)))
                page.goto(address_in(process))
            for page in (ours, theirs):
                wait(page, "!document.getElementById('picture').hidden")
                wait(page, "document.querySelectorAll('#people li').length > 0")
                wait(page, "document.querySelectorAll('#said > li').length == 2")
                assert "best of times" in page.inner_text("#said")
                wait(page, "document.getElementById('picture').naturalWidth == 640")  # 0 while the next one comes
                nodes = page.inner_text("#nodes")
                assert all(name in nodes for name in ("camera", "microphone", "speech_to_text", "fusion"))
            wait(ours, "document.getElementById('status').textContent == 'The graph has ended.'")
            assert demo.wait(timeout=WAIT_S) == 0
            wait(theirs, "document.getElementById('status').textContent.startsWith('Nothing is heard of the graph')")
            view.send_signal(signal.SIGINT)
            wait(theirs, "document.getElementById('status').textContent == 'The graph has ended.'")
            assert ours.locator("#said > li").count() == 2
            assert complaints == []
            browser.close()
        assert view.wait(timeout=WAIT_S) == 0
        assert demo.stderr.read() == view.stderr.read() == ""
        assert "2 of 2 utterances got an emotion" in demo.stdout.read()
    finally:
        for process in (demo, view):
            process.send_signal(signal.SIGINT)  # killed, it would leave its graph behind
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=WAIT_S)
            process.kill()
            process.communicate()


def test_ctrl_c_ends_the_demo_and_its_page(folder, tmp_path):  # noqa: F811
    options = command(folder, "--view", "--no-browser", "--log-dir", str(tmp_path))
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": ENVIRONMENT}
    with subprocess.Popen(options, **how) as demo:
        address_in(demo)
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate(timeout=WAIT_S)
    assert demo.returncode == 1
    assert errors == "error: it was stopped before the first emotion came\n"
