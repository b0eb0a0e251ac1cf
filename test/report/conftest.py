"""A run and its page."""

from __future__ import annotations

import pytest
from made_runs import make_run
from read_page import Page

from mer_ros.report.report import write_report


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "talk"
    make_run(folder, 24, scores=True)
    return folder


@pytest.fixture(scope="module")
def page(run):
    return Page(write_report(run).read_text(encoding="utf-8"))
