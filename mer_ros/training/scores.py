"""Scores of predictions, as the corpora's papers define them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer]


def accuracy(truth: Labels, said: Labels) -> float:
    """Share of right answers."""
    return float((truth == said).mean())


def weighted_f1(truth: Labels, said: Labels) -> float:
    """F1 of each class, weighed by how often it is true (MELD, arXiv 1810.02508)."""
    total = 0.0
    for label in np.unique(truth):
        right = ((truth == label) & (said == label)).sum()
        total += (truth == label).sum() * 2.0 * right / ((truth == label).sum() + (said == label).sum())
    return float(total / len(truth))


def unweighted_recall(truth: Labels, said: Labels) -> float:
    """Mean over the classes that occur of the share that was found."""
    return float(np.mean([(said[truth == label] == label).mean() for label in np.unique(truth)]))
