"""What is told of a sensor whose stamps stop, stand still or jump; pure."""

from __future__ import annotations

import numpy as np
import pytest

from mer_ros.nodes.load import FramePolicy
from mer_ros.nodes.sensor_watch import CONFIRMING, TOLD_S, SensorWatch

S = 1_000_000_000
START = 1_700_000_000 * S


@pytest.fixture
def watch():
    made = SensorWatch("image", "images")
    made.begin(0.0)
    return made


def run(watch: SensorWatch, begin_s: float, end_s: float, ahead_s: float = 0.0, rate_hz: float = 25.0) -> list[str]:
    """Let messages come whose stamps are so far ahead of the clock; return what was to be logged."""
    told = []
    for now_s in np.arange(begin_s, end_s, 1 / rate_hz):
        stamp_ns = START + round((now_s + ahead_s) * S)
        told.append(watch.take(stamp_ns, float(now_s), START + round(now_s * S)))
    return [sentence for sentence in told if sentence]


@pytest.mark.parametrize(
    ("ahead_s", "sentence"),
    [
        (3600.0, "stamps of images jumped 3600.0 s ahead"),
        (-10.0, "stamps of images jumped 10.0 s back"),
        (-0.8, "stamps of images jumped 0.8 s back"),
        (-1.7e9, "stamps of images jumped 1700000000.0 s back"),
        (4e8, "stamps of images jumped 400000000.0 s ahead"),
    ],
)
def test_a_jump_is_told_once_each_way(watch, ahead_s, sentence):
    assert run(watch, 0, 5) == []
    assert run(watch, 5, 10, ahead_s) == [sentence]
    assert watch.complaint(10.0).startswith(sentence)
    assert watch.counts["stamps_ahead_ms"] == pytest.approx(ahead_s * 1000, abs=2)
    (back,) = run(watch, 10, 15)
    assert ("back" in back) == (ahead_s > 0)
    assert run(watch, 15, 16 + TOLD_S) == []
    assert watch.complaint(16 + TOLD_S) == ""
    assert watch.counts["clock_jumps"] == 2


def test_a_few_wrong_stamps_are_no_jump(watch):
    for at_s in range(5):
        run(watch, at_s, at_s + 0.8)
        for n in range(CONFIRMING - 1):
            assert watch.take(n + 1, at_s + 0.8, START) == ""
    assert watch.counts["clock_jumps"] == 0


def test_pauses_and_lateness_are_no_jumps(watch):
    run(watch, 0, 5)
    run(watch, 12, 15)  # a driver that paused
    run(watch, 20, 25, ahead_s=-5.0)  # a simulation that did
    for n in range(100):  # what queued up meanwhile comes at once
        assert watch.take(START + round((20 + n / 20) * S), 25.0 + n / 1000, START) == ""
    assert watch.counts["clock_jumps"] == 0


def test_a_clock_that_runs_slower_does_not_jump(watch):
    for n in range(1000):
        assert watch.take(START + n * S // 50, n / 25, START) == ""
    assert watch.counts["clock_jumps"] == 0


def test_what_stops_or_freezes_is_told_and_logged_once(watch):
    assert watch.complaint(1.0) == ""
    assert watch.complaint(3.0) == "no image for 3 s: is the driver running?"
    run(watch, 3, 4)
    assert watch.complaint(4.0) == ""
    for n in range(100):
        watch.take(START, 4 + n / 25, START)
    still = watch.complaint(8.0)
    assert still == "frozen: images come, but their stamps stand still for 4 s"
    assert [watch.news(still), watch.news(watch.complaint(8.1))] == [still, ""]
    run(watch, 8, 9)
    assert watch.complaint(9.0, frozen=True) == "frozen: the same image comes again and again, and is left out"
    assert watch.news(watch.complaint(9.0)) == "images are no longer frozen"
    assert watch.news("") == ""


def test_what_was_before_a_new_start_is_not_told(watch):
    run(watch, 0, 5)
    run(watch, 5, 10, ahead_s=3600.0)
    frozen = watch.complaint(10.0, frozen=True)
    assert watch.news(frozen) == frozen
    watch.begin(12.0)
    assert watch.complaint(12.5, frozen=True) == ""  # nothing has come since
    assert watch.news("") == ""
    run(watch, 13, 14)
    assert watch.complaint(14.0) == ""
    assert watch.news(frozen) == frozen
    assert watch.counts["clock_jumps"] == 1


@pytest.mark.parametrize("ahead_ms", [3_600_000.0, -3_600_000.0, 10_000.0])
def test_a_clock_that_jumps_is_no_load(ahead_ms):
    """Frames of 15 ms, half of the time: were they late, there would be fewer of them."""
    policy, levels = FramePolicy(), set()
    for frame in range(30 * 60):
        age_ms = 20.0 + (ahead_ms if 10 <= frame // 30 < 30 else 0.0)
        if policy.wants(age_ms, frame * S // 30):
            policy.spent(15_000_000)
        levels.add(policy.level)
    assert max(levels) <= 1
    assert policy.level == 0
