"""How far a score would move with other examples: bootstrap intervals, by cluster."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError

DRAWS, SEED, LEVEL = 1000, 1, 0.95
INTERVALS = ("accuracy", "weighted_f1", "macro_f1", "uar")


def bootstrap(
    labels: NDArray[np.integer],
    predicted: NDArray[np.integer],
    classes: int,
    clusters: Sequence[Hashable] | None = None,
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals (Efron & Tibshirani 1993, chapter 13) of the scores in INTERVALS.

    labels, predicted: int [n]. clusters: [n], what hangs together (a dialogue, a speaker) and is drawn as one, with
    replacement; None: each example by itself. 1,000 draws of a fixed seed. Raises InputError when lengths differ.
    """
    names = np.arange(len(labels)) if clusters is None else _numbers(clusters)
    if not len(labels) == len(predicted) == len(names):
        raise InputError(
            f"intervals need one label, prediction and cluster an example; got {len(labels)}, {len(predicted)} and "
            f"{len(names)}"
        )
    count = int(names.max()) + 1
    tables = np.zeros((count, classes * classes))
    np.add.at(tables, (names, np.asarray(labels) * classes + predicted), 1)
    times = np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), DRAWS)
    scores = scores_of((times @ tables).reshape(DRAWS, classes, classes))
    edges = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    return {name: tuple(np.quantile(values, edges).tolist()) for name, values in scores.items()}


def scores_of(confusion: NDArray[np.number]) -> dict[str, NDArray[np.float64]]:
    """The scores in INTERVALS, [...], of confusion matrices [..., classes, classes], rows being the labels."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    support, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    n = support.sum(axis=-1)
    recall, f1 = share(right, support), share(2 * right, support + predicted)
    seen = support > 0
    return {
        "accuracy": right.sum(axis=-1) / n,
        "weighted_f1": (f1 * support).sum(axis=-1) / n,
        "macro_f1": (f1 * seen).sum(axis=-1) / seen.sum(axis=-1),
        "uar": recall.sum(axis=-1) / seen.sum(axis=-1),
    }


def share(part: NDArray[np.float64], whole: NDArray[np.number]) -> NDArray[np.float64]:
    """part / whole, 0 where the whole is nothing."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _numbers(clusters: Sequence[Hashable]) -> NDArray[np.int64]:
    order = {name: i for i, name in enumerate(dict.fromkeys(clusters))}
    return np.array([order[name] for name in clusters])
