"""The assignment of least cost against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from mer_ros.vision.assignment import least_cost


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2), (3, 7), (7, 3), (20, 20), (100, 60)])
@pytest.mark.parametrize("kind", ["any", "few values", "mostly refused", "all alike"])
def test_it_costs_as_little_as_scipys(shape, kind):
    chance = np.random.default_rng(sum(shape))
    for _ in range(10):
        cost = chance.uniform(-1, 1, shape)
        if kind == "few values":
            cost = np.round(cost)
        if kind == "mostly refused":
            cost[chance.random(shape) < 0.8] = 1e6
        if kind == "all alike":
            cost[:] = 3.0
        pairs = least_cost(cost)
        rows, columns = zip(*pairs, strict=True)
        assert len(set(rows)) == len(set(columns)) == len(pairs) == min(shape)
        assert cost[rows, columns].sum() == pytest.approx(cost[linear_sum_assignment(cost)].sum(), abs=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_costs_that_are_none_are_refused(value):
    with pytest.raises(ValueError, match="finite"):
        least_cost(np.array([[0.0, value], [1.0, 2.0]]))
