"""Pairs of least cost, with NumPy alone: SciPy's, which gives the same, takes half a second and 45 MB to load."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def least_cost(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs of a row and a column of [n, m], each in one pair at most, as many as there can be: those that cost least.

    Shortest augmenting paths (Crouse, "On implementing 2D rectangular assignment algorithms", 2016). Raises ValueError
    for costs that are not finite.
    """
    if not np.isfinite(cost).all():
        raise ValueError("costs of an assignment must be finite")
    if len(cost) > cost.shape[1]:
        return sorted((row, column) for column, row in least_cost(cost.T))
    columns = cost.shape[1]
    of_row, of_column = (
        np.zeros(len(cost)),
        np.zeros(columns),
    )  # prices: what is asked of a pair less these is never < 0
    row_at, column_at = np.full(columns, -1), np.full(len(cost), -1)
    for first in range(len(cost)):
        way, before = np.full(columns, np.inf), np.full(columns, -1)
        done = np.zeros(columns, bool)
        row, length, rows = first, 0.0, {}
        while True:
            asked = length + cost[row] - of_row[row] - of_column
            shorter = ~done & (asked < way)
            way[shorter], before[shorter] = asked[shorter], row
            column = int(np.where(done, np.inf, way).argmin())
            length, done[column] = float(way[column]), True
            if row_at[column] < 0:
                break
            row = int(row_at[column])
            rows[row] = length
        of_row[first] += length
        for passed, at in rows.items():
            of_row[passed] += length - at
        of_column[done] -= length - way[done]
        row = -1
        while row != first:  # back along the way: each row takes the column that it led to
            row = int(before[column])
            row_at[column] = row
            column, column_at[row] = int(column_at[row]), column
    return [(row, int(column)) for row, column in enumerate(column_at)]
