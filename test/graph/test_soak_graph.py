"""A minute of what `make soak` does for an hour: nothing grows, every utterance has its emotion."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(400)]
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
# What a busy machine misses says nothing of growth: these are for the hour on a quiet one.
QUIET = ("frames received", "sound lost", "end of speech", "the same, grown", "drift")


def test_nothing_grows_in_a_minute(own_domain, patient_end, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import soak

    monkeypatch.setattr(soak, "WARM_S", 20.0)
    environment, seen = dict(os.environ), []
    try:
        course = soak.soak(1.2, tmp_path, each_minute=lambda course: seen.append(soak.result(course, 1.2)))
    finally:
        os.environ.clear()
        os.environ.update(environment)
    result = soak.result(course, 1.2)
    print(result.text())
    assert len(seen) == 1  # what there was after a minute would have been written
    assert course.spoken.ended >= 6
    assert course.spoken.unmatched <= 1
    assert len(result.marks) == 10
    assert [m for m in result.marks if not m.met and not any(part in m.what for part in QUIET)] == []
