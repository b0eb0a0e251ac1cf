"""What is given up under load: in the stated order, without chance, and so that latency does not grow."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mer_ros.nodes.load import LEVELS, MS, Busy, FramePolicy, S, reduced
from mer_ros.settings.load import LoadOptions
from mer_ros.vision.observer_options import ObserverOptions


def seconds(policy: FramePolicy, count: int, cost_ms: float, rate_hz: float = 30.0, start_s: int = 0, age_ms=20.0):
    """Let frames come for so long; return the level and the frames that were used in each second."""
    course = []
    for second in range(start_s, start_s + count):
        used = 0
        for frame in range(int(rate_hz)):
            at_ns = second * S + round(frame * S / rate_hz)
            if policy.wants(age_ms, at_ns):
                used += 1
                policy.spent(round(cost_ms * MS))
        course.append((policy.level, used))
    return course


def test_a_machine_that_keeps_up_gives_nothing_up():
    assert set(seconds(FramePolicy(), 60, cost_ms=25.0)) == {(0, 30)}


@pytest.mark.parametrize(
    ("cost_ms", "level"),
    [(25.0, 0), (40.0, 1), (70.0, 2), (150.0, 3), (2000.0, 3)],
)
def test_the_level_follows_from_what_the_frames_ask_for(cost_ms, level):
    policy = FramePolicy()
    course = seconds(policy, 20, cost_ms)
    assert [at for at, _ in course] == sorted(at for at, _ in course)  # in order, one a second at most
    assert max(b - a for (a, _), (b, _) in pairwise(course)) <= 1
    assert course[-1][0] == level
    if level:
        used = course[-1][1]
        assert used >= 5  # frames are fewer, but there are some
        assert used * cost_ms / 1000 <= 0.65 or used == 5
        assert policy.counts["frames_shed"] == 20 * 30 - sum(used for _, used in course)


def test_levels_are_given_back_one_after_the_other_when_it_is_calm():
    policy = FramePolicy()
    assert seconds(policy, 10, cost_ms=150.0)[-1][0] == 3
    course = [level for level, _ in seconds(policy, 60, cost_ms=10.0, start_s=10)]
    assert course[-1] == 0
    assert sorted(course, reverse=True) == course
    assert all(course.count(level) >= 5 for level in (1, 2))  # not at the first good second


def test_a_load_at_a_limit_does_not_make_it_swing():
    policy = FramePolicy()
    levels = [seconds(policy, 1, cost_ms, start_s=n)[0][0] for n, cost_ms in enumerate([28.0, 29.0] * 60)]
    assert sum(a != b for a, b in pairwise(levels)) <= 1


def test_late_frames_are_a_sign_of_load_whatever_the_clocks():
    for offset_ms in (0.0, 3_600_000.0, -3_600_000.0):
        policy = FramePolicy()
        assert seconds(policy, 5, 15.0, age_ms=offset_ms)[-1][0] == 0
        assert seconds(policy, 2, 15.0, start_s=5, age_ms=offset_ms + 400)[-1][0] >= 1


def test_stamps_that_run_slower_than_the_clock_are_no_load():
    policy = FramePolicy()
    assert {seconds(policy, 1, 6.0, start_s=n, age_ms=500.0 * n)[0][0] for n in range(60)} == {0}


def test_it_can_be_switched_off():
    policy = FramePolicy(LoadOptions(shed=False))
    assert set(seconds(policy, 10, cost_ms=500.0)) == {(0, 30)}


def test_the_age_of_what_is_used_does_not_grow_however_slow_the_machine_is():
    """Frames at 30 Hz wait in a queue of five, of which the oldest is lost; using one takes 120 ms."""
    policy, queue, now, ages = FramePolicy(), [], 0, []
    arrivals = [round(n * S / 30) for n in range(30 * 60)]
    while arrivals or queue:
        while arrivals and arrivals[0] <= now:
            queue = [*queue, arrivals.pop(0)][-5:]
        if not queue:
            now = arrivals[0]
            continue
        stamp = queue.pop(0)
        if policy.wants((now - stamp) / MS, now):
            ages.append((now - stamp) / MS)
            policy.spent(120 * MS)
            now += 120 * MS
        else:
            now += MS // 10
    assert policy.level == 3
    assert max(ages[len(ages) // 2 :]) <= max(ages) <= 170
    assert len(ages) * 120 / 60_000 < 0.7  # the rest of the time is the others'


def test_busy_is_high_until_it_is_clearly_lower():
    busy, course = Busy(), []
    for second, share in enumerate([0.5, 0.95, 0.8, 0.7, 0.5, 0.8]):
        for tenth in range(10):
            begun = second * S + tenth * S // 10
            busy.add(begun, begun + round(share * S / 10))
        busy.add((second + 1) * S - 1, (second + 1) * S)
        course.append(busy.is_high)
    assert course == [False, True, True, True, False, False]


def test_windows_get_smaller_before_interim_ones_go():
    given = ObserverOptions(window_frames=16, sample_period_ms=100, interim_period_ms=500)
    course = [reduced(given, level) for level in range(4)]
    assert [o.window_frames for o in course] == [16, 16, 8, 8]
    assert [o.sample_period_ms for o in course] == [100, 100, 200, 200]
    assert [o.interim_period_ms for o in course] == [500, 500, 500, 0]
    assert course[0] == given


def test_each_level_has_its_words():
    assert len(LEVELS) == 4
    assert all(LEVELS[n + 1].startswith(LEVELS[n]) for n in (1, 2))
