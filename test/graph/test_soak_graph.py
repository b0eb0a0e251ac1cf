"""A minute of what `make soak` does for an hour: nothing grows, every utterance has its emotion."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(400)]
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
# What a busy machine misses says nothing of growth: these rows are for the hour on a quiet one.
QUIET = ("frames received", "sound lost", "after the end of speech")


@pytest.fixture(scope="module")
def soak():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import soak as module

        yield module
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_nothing_grows_in_a_minute(own_domain, patient_end, soak, tmp_path, monkeypatch):
    monkeypatch.setattr(soak, "WARM_S", 20.0)
    environment = dict(os.environ)
    try:
        course = soak.soak(1.2, tmp_path)
    finally:
        os.environ.clear()
        os.environ.update(environment)
    measured = soak.rows(course)
    print(soak.table(measured))
    assert len(course.emotions) >= 6
    assert len(measured) == 14
    assert [row for row in measured if row.good is False and not row.what.startswith(QUIET)] == []


def test_what_grows_is_seen(soak):
    """The same rows for a course that was made up."""
    course = soak.Course(ended=12)
    for second in range(120):
        grown = second / 120
        course.samples.append(soak.Sample(float(second), 500 * (1 + grown), 900, 40 + second // 30, 20, second * 0.5))
        if second % 10 == 5:
            start_ns = round((second + grown) * 1e9)
            course.emotions.append((float(second), 100 + 100 * grown, start_ns))
    course.values = {"file_player": {"frames": "3600"}, "camera": {"received_image_raw": "3000", "faults": "1"}}
    course.failed = ["camera"]
    bad = {row.what for row in soak.rows(course, utterances=4) if row.good is False}
    assert {
        "memory, at most, MB, shared pages once",
        "memory, growth",
        "descriptors, growth",
        "frames received",
        "faults, restarts",
        "ended cleanly",
    } <= bad
    assert "after the end of speech, ms, first and last third" in bad
    assert not any(what.startswith("threads") for what in bad)


def test_drift_is_told_in_spite_of_one_utterance_that_begins_elsewhere(soak):
    even = [round_ * 10_000_000_000 + number * 2_000_000_000 for round_ in range(4) for number in range(3)]
    assert soak.drift_ms(even, 3) == 0.0
    moved = [start + (500_000_000 if n == 4 else 0) for n, start in enumerate(even)]
    assert soak.drift_ms(moved, 3) == 0.0
    slower = [start + round(start * 0.0005 * (start / even[-1])) for start in even]
    assert soak.drift_ms(slower, 3) > 3.0
