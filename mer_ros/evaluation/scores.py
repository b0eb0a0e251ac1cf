"""Scores of class probabilities against labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError
from mer_ros.evaluation.intervals import scores_of, share

ECE_BINS = 15


@dataclass(frozen=True)
class ClassScores:
    """Of one class. A precision or recall without any case is 0; support: how many examples are of it."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """Of n examples. Means over classes (macro F1, UAR) are over those that have examples.

    weighted_f1: mean of the classes' F1, by support. uar: unweighted average recall, that is balanced accuracy.
    ece: expected calibration error, 15 equal bins of confidence (Guo et al., ICML 2017).
    confusion: int [classes, classes]; the row is the label, the column what was predicted.
    """

    n: int
    accuracy: float
    weighted_f1: float
    macro_f1: float
    uar: float
    ece: float
    per_class: dict[str, ClassScores]
    confusion: NDArray[np.int64]


def score(labels: ArrayLike, probabilities: ArrayLike, names: Sequence[str] = EMOTIONS) -> Scores:
    """Scores probabilities, float [n, classes] whose rows sum to one, against labels, int [n].

    Raises InputError for shapes that do not fit, no examples, labels out of range, or rows that are no
    probabilities.
    """
    truth = np.asarray(labels)
    rows = np.asarray(probabilities, np.float64)
    classes = len(names)
    if truth.ndim != 1 or rows.shape != (len(truth), classes) or not len(truth):
        raise InputError(
            f"scores need labels [n] and probabilities [n, {classes}], n above 0; got {list(truth.shape)} and "
            f"{list(rows.shape)}"
        )
    if truth.dtype.kind not in "iu" or truth.min() < 0 or truth.max() >= classes:
        raise InputError(f"labels must be whole numbers from 0 to {classes - 1}; got {truth.dtype}, {truth.max()}")
    if not np.isfinite(rows).all() or rows.min() < 0 or np.abs(rows.sum(axis=1) - 1).max() > 1e-3:
        raise InputError("probabilities must be 0 or more and sum to 1 in each row; scale them first")
    guesses = rows.argmax(axis=1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (truth, guesses), 1)
    right = np.diag(confusion).astype(np.float64)
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall, f1 = share(right, predicted), share(right, support), share(2 * right, support + predicted)
    return Scores(
        n=len(truth),
        **{name: float(value) for name, value in scores_of(confusion).items()},
        ece=calibration_error(rows.max(axis=1), guesses == truth),
        per_class={
            name: ClassScores(float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
            for i, name in enumerate(names)
        },
        confusion=confusion,
    )


def calibration_error(confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = ECE_BINS) -> float:
    """Mean distance between confidence and accuracy over bins ((i-1)/bins, i/bins], by their share of examples."""
    gap = np.bincount(_bin_of(confidence, bins), correct.astype(np.float64) - confidence, bins)
    return float(np.abs(gap).sum() / len(confidence))


def chance_error(
    confidence: NDArray[np.floating], same: NDArray[np.integer] | None = None, draws: int = 1000
) -> tuple[float, float]:
    """Mean and 95th percentile of the `calibration_error` that these confidences, [n], show by chance where each
    answer is right just as often as it says: with few examples that is far from 0.

    same: int [n], 0 or more: answers to the same example, which are right together.
    """
    which = np.arange(len(confidence)) if same is None else same
    luck = np.random.default_rng(1).random((draws, int(which.max()) + 1))
    errors = [calibration_error(confidence, row[which] < confidence) for row in luck]
    return float(np.mean(errors)), float(np.percentile(errors, 95))


def calibration_bins(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = ECE_BINS
) -> list[dict[str, Any]]:
    """The bins of `calibration_error`: low, high, n, and the means `confidence` and `accuracy`, None when empty."""
    place = _bin_of(confidence, bins)
    counts = np.bincount(place, minlength=bins)
    sums = (np.bincount(place, values.astype(np.float64), bins) for values in (confidence, correct))
    means = [[float(s / n) if n else None for s, n in zip(total, counts, strict=True)] for total in sums]
    return [
        {"low": i / bins, "high": (i + 1) / bins, "n": int(n), "confidence": means[0][i], "accuracy": means[1][i]}
        for i, n in enumerate(counts)
    ]


def _bin_of(confidence: NDArray[np.floating], bins: int) -> NDArray[np.int64]:
    return np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)


def as_mapping(scores: Scores) -> dict[str, Any]:
    """The scores as JSON's own types."""
    return {
        "n": scores.n,
        "accuracy": scores.accuracy,
        "weighted_f1": scores.weighted_f1,
        "macro_f1": scores.macro_f1,
        "uar": scores.uar,
        "ece": scores.ece,
        "per_class": {name: vars(c) for name, c in scores.per_class.items()},
        "confusion": scores.confusion.tolist(),
    }
