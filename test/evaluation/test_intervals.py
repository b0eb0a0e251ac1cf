"""Intervals: they hold the truth as often as they say, and grow where examples hang together."""

from __future__ import annotations

import numpy as np
import pytest

from mer_ros.errors import InputError
from mer_ros.evaluation.intervals import INTERVALS, bootstrap


def test_they_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        labels = rng.integers(0, 3, 150)
        right = rng.random(150) < 0.7
        low, high = bootstrap(labels, np.where(right, labels, (labels + 1) % 3), 3)["accuracy"]
        held += low <= 0.7 <= high
    assert 180 <= held <= 199  # 190 wanted


def test_the_width_is_that_of_a_share():
    labels = np.zeros(400, int)
    predicted = np.repeat([0, 1], [300, 100])
    low, high = bootstrap(labels, predicted, 2)["accuracy"]
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert (low, high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.01)
    assert bootstrap(labels, predicted, 2)["accuracy"] == (low, high)  # the seed is fixed


def test_what_hangs_together_is_drawn_together():
    labels = np.zeros(400, int)
    predicted = np.repeat([0, 1], [300, 100])
    together = [f"dialogue {i // 40}" for i in range(400)]  # ten, each all right or all wrong but for one
    (low, high), (far_low, far_high) = (
        bootstrap(labels, predicted, 2, clusters)["accuracy"] for clusters in (None, together)
    )
    assert far_high - far_low > 3 * (high - low)


def test_all_scores_have_one_and_perfect_ones_have_no_width():
    labels = np.arange(70) % 7
    found = bootstrap(labels, labels, 7)
    assert tuple(found) == INTERVALS
    assert set(found.values()) == {(1.0, 1.0)}


def test_a_class_that_a_draw_lacks_is_left_out_of_its_means():
    labels = np.array([0] * 30 + [1])
    low, high = bootstrap(labels, labels, 7)["uar"]
    assert (low, high) == (1.0, 1.0)


def test_lengths_must_fit():
    with pytest.raises(InputError, match="got 3, 3 and 2"):
        bootstrap(np.zeros(3, int), np.zeros(3, int), 7, ["a", "b"])
