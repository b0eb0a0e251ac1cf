"""The fit of the fusion's weights, on answers whose worth is known. No torch."""

import numpy as np
import pytest

from mer_ros.evaluation.answers import Answers
from mer_ros.training.weighing import class_weights, fit_independence, fit_worth, likelihood_ratios

UNIFORM = np.full(7, 1 / 7)
TARGET = np.array([0.1, 0.05, 0.05, 0.2, 0.4, 0.1, 0.1])


def answers(n=4000, skill=2.0, sharper=1.0, quality=1.0, seed=0, labels=None) -> Answers:
    """Of a calibrated expert for uniform classes, then made surer or less sure of itself by a power."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, n) if labels is None else labels
    logits = sharper * skill * (skill * np.eye(7)[labels] + rng.normal(size=(len(labels), 7)))
    told = np.exp(logits - logits.max(axis=1, keepdims=True))
    told /= told.sum(axis=1, keepdims=True)
    return Answers(told, np.full(len(labels), quality), labels, np.arange(len(labels)))


@pytest.mark.parametrize("sharper", [0.5, 1.0, 2.0])
def test_the_trust_undoes_what_a_model_is_too_sure_of(sharper):
    worth = fit_worth([answers(sharper=sharper, skill=1.5)], UNIFORM, TARGET, "m")
    assert worth(1.0) == pytest.approx(1 / sharper, rel=0.12)
    assert worth.model == "m"


def test_inputs_that_mislead_are_worth_less():
    good, poor = answers(quality=0.9), answers(sharper=1.0, quality=0.2, seed=1)
    rng = np.random.default_rng(2)
    mixed = np.where(rng.random(len(poor)) < 0.5, rng.integers(0, 7, len(poor)), poor.labels)
    worth = fit_worth([good, Answers(poor.probabilities, poor.quality, mixed, poor.groups)], UNIFORM, TARGET, "m")
    assert worth(0.2) < 0.6 < 0.85 < worth(0.9) < 1.15
    assert list(worth.trust) == sorted(worth.trust)


def test_answers_that_were_not_given_do_not_count():
    given, none = answers(), answers(sharper=5.0, quality=0.0, seed=3)
    both = Answers(*(np.concatenate([getattr(a, f) for a in (given, none)]) for f in vars(given)))
    assert fit_worth([both], UNIFORM, TARGET, "m") == fit_worth([given], UNIFORM, TARGET, "m")


def test_classes_count_by_their_share_where_the_robot_is_used():
    labels = np.array([0, 0, 0, 1])
    assert class_weights(labels, np.array([0.5, 0.5])) == pytest.approx([1 / 6, 1 / 6, 1 / 6, 0.5])


@pytest.mark.parametrize(("repeated", "low", "high"), [(False, 0.85, 1.0), (True, 0.0, 0.1)])
def test_agreement_is_worth_much_between_the_independent_and_nothing_between_the_same(repeated, low, high):
    labels = np.random.default_rng(5).choice(7, 3000, p=TARGET)
    three = [answers(labels=labels, skill=1.2, seed=0 if repeated else seed) for seed in range(3)]
    ratios = [likelihood_ratios(a, UNIFORM) for a in three]
    found = fit_independence(ratios, [np.ones(len(labels))] * 3, labels, TARGET)
    assert low <= found <= high
