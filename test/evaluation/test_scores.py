from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError
from mer_ros.evaluation.scores import as_mapping, calibration_error, score


def sure(predicted, classes=7, confidence=1.0):
    rows = np.full((len(predicted), classes), (1 - confidence) / (classes - 1))
    rows[np.arange(len(predicted)), predicted] = confidence
    return rows


def test_by_hand():
    # a: 2 of 3 right, b: 1 of 1 right but 1 of 2 predictions wrong, c: never seen
    scores = score([0, 0, 0, 1], sure([0, 0, 1, 1], 3), ("a", "b", "c"))
    assert scores.n == 4
    assert scores.accuracy == 0.75
    a, b, c = scores.per_class.values()
    assert (a.precision, a.recall, a.f1, a.support) == pytest.approx((1, 2 / 3, 0.8, 3))
    assert (b.precision, b.recall, b.f1, b.support) == pytest.approx((0.5, 1, 2 / 3, 1))
    assert (c.precision, c.recall, c.f1, c.support) == (0, 0, 0, 0)
    assert scores.uar == pytest.approx((2 / 3 + 1) / 2)
    assert scores.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert scores.weighted_f1 == pytest.approx((3 * 0.8 + 2 / 3) / 4)
    assert scores.confusion.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert scores.ece == pytest.approx(0.25)


@settings(deadline=None)  # the first call imports scikit-learn
@given(st.integers(0, 2**32 - 1), st.integers(2, 200))
def test_as_scikit_learn(seed, n):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference")
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, n)
    rows = rng.dirichlet(np.full(7, 0.5), n)
    predicted = rows.argmax(axis=1)
    scores = score(labels, rows)
    present = np.unique(labels)
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(labels, predicted))
    for average, value in (("weighted", scores.weighted_f1), ("macro", scores.macro_f1)):
        wanted = metrics.f1_score(labels, predicted, average=average, labels=present, zero_division=0)
        assert value == pytest.approx(wanted)
    wanted = metrics.recall_score(labels, predicted, average="macro", labels=present, zero_division=0)
    assert scores.uar == pytest.approx(wanted)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, predicted, labels=range(7), zero_division=0
    )
    found = [(c.precision, c.recall, c.f1, c.support) for c in scores.per_class.values()]
    np.testing.assert_allclose(found, np.transpose([precision, recall, f1, support]))
    np.testing.assert_array_equal(scores.confusion, metrics.confusion_matrix(labels, predicted, labels=range(7)))


def test_calibration_by_hand():
    # Ten at 0.95, of which nine are right; ten at 0.62, of which two are.
    confidence = np.repeat([0.95, 0.62], 10)
    correct = np.array([True] * 9 + [False] + [True] * 2 + [False] * 8)
    assert calibration_error(confidence, correct) == pytest.approx((0.05 + 0.42) / 2)


def test_calibration_keeps_bins_apart():
    # In one bin over- and underconfidence cancel; in two they do not. 1/3 is the upper edge of the fifth bin.
    confidence = np.array([0.34, 1 / 3])
    correct = np.array([True, False])
    assert calibration_error(confidence, correct) == pytest.approx((0.66 + 1 / 3) / 2)
    assert calibration_error(confidence, correct, bins=1) == pytest.approx((0.66 - 1 / 3) / 2)


def test_mapping_is_json():
    mapping = json.loads(json.dumps(as_mapping(score([0, 3], sure([0, 3])))))
    assert mapping["n"] == 2
    assert mapping["per_class"]["joy"] == {"precision": 1, "recall": 1, "f1": 1, "support": 1}
    assert list(mapping["per_class"]) == list(EMOTIONS)


@pytest.mark.parametrize(
    ("labels", "rows", "sentence"),
    [
        ([], np.zeros((0, 7)), "n above 0"),
        ([0], np.zeros((2, 7)), r"\[2, 7\]"),
        ([0], sure([0], 6), r"\[1, 6\]"),
        ([7], sure([0]), "0 to 6"),
        ([-1], sure([0]), "0 to 6"),
        ([0.0], sure([0]), "whole numbers"),
        ([0], np.zeros((1, 7)), "sum to 1"),
        ([0], np.full((1, 7), np.nan), "sum to 1"),
        ([0], [[2.0, -1, 0, 0, 0, 0, 0]], "0 or more"),
    ],
)
def test_odd_input(labels, rows, sentence):
    with pytest.raises(InputError, match=sentence):
        score(labels, rows)
