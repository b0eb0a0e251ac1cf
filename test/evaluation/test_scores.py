from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError
from mer_ros.evaluation.scores import as_mapping, calibration_error, chance_error, score


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


def test_against_stored_values():
    # Made at random; 2 and 6 are no label, 5 is never predicted. The values are scikit-learn's (1.9.1), averaged
    # over the classes that are labels, 0 where nothing is to divide by.
    labels = [int(c) for c in "534534510115504404044141415443"]
    predicted = [int(c) for c in "013014130141440404024141414624"]
    scores = score(labels, sure(predicted))
    assert scores.accuracy == pytest.approx(0.43333333333333335)
    assert scores.weighted_f1 == pytest.approx(0.3942857142857143)
    assert scores.macro_f1 == pytest.approx(0.34337662337662334)
    assert scores.uar == pytest.approx(0.3924242424242424)
    found = [(c.precision, c.recall, c.f1, c.support) for c in scores.per_class.values()]
    wanted = [
        (0.5, 0.75, 0.6, 4),
        (0.5, 0.6666666666666666, 0.5714285714285714, 6),
        (0, 0, 0, 0),
        (0, 0, 0, 3),
        (0.5454545454545454, 0.5454545454545454, 0.5454545454545454, 11),
        (0, 0, 0, 6),
        (0, 0, 0, 0),
    ]
    np.testing.assert_allclose(found, wanted)
    assert scores.confusion[4].tolist() == [1, 0, 2, 1, 6, 0, 1]
    assert scores.confusion[:, 4].tolist() == [1, 1, 0, 1, 6, 2, 0]


@given(st.integers(0, 2**32 - 1), st.integers(1, 200))
def test_as_counted_one_by_one(seed, n):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, n).tolist()
    rows = rng.dirichlet(np.full(7, 0.5), n)
    pairs = list(zip(labels, rows.argmax(axis=1).tolist(), strict=True))
    scores = score(labels, rows)
    assert scores.accuracy == pytest.approx(sum(a == b for a, b in pairs) / n)
    recalls, f1s, weighted = [], [], 0.0
    for k, found in enumerate(scores.per_class.values()):
        right = sum(a == b == k for a, b in pairs)
        missed = sum(a == k != b for a, b in pairs)
        wrong = sum(b == k != a for a, b in pairs)
        precision = right / (right + wrong) if right + wrong else 0.0
        recall = right / (right + missed) if right + missed else 0.0
        f1 = right / (right + (missed + wrong) / 2) if right + missed + wrong else 0.0
        assert (found.precision, found.recall, found.f1) == pytest.approx((precision, recall, f1))
        assert found.support == right + missed
        assert scores.confusion[k].tolist() == [sum(pair == (k, j) for pair in pairs) for j in range(7)]
        weighted += f1 * (right + missed) / n
        if right + missed:
            recalls.append(recall)
            f1s.append(f1)
    assert scores.uar == pytest.approx(np.mean(recalls))
    assert scores.macro_f1 == pytest.approx(np.mean(f1s))
    assert scores.weighted_f1 == pytest.approx(weighted)


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


def test_what_calibrated_answers_show_by_chance_is_found():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.4, 1.0, 300)
    mean, most = chance_error(confidence)
    tried = [calibration_error(confidence, rng.random(300) < confidence) for _ in range(400)]
    assert mean == pytest.approx(np.mean(tried), abs=0.003)
    assert np.mean(np.array(tried) < most) == pytest.approx(0.95, abs=0.04)
    assert chance_error(np.ones(50)) == (0, 0)
    # With four times the examples about half of it; with the same example four times nothing is gained.
    assert chance_error(np.tile(confidence, 4))[0] == pytest.approx(mean / 2, abs=0.005)
    assert chance_error(np.tile(confidence, 4), np.tile(np.arange(300), 4)) == pytest.approx((mean, most))
