"""Fits how far each modality can be relied on, and what the quality of its input is worth. No torch.

An opinion's likelihood ratio is raised to a power, its trust, before it is combined (`mer_ros.fusion.pool`). The power
that makes held-out labels most likely is found by convex optimisation: temperature scaling (Guo et al. 2017), but
with a temperature that depends on the quality, and towards the class shares where the robot is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, logsumexp, softmax

from mer_ros.evaluation.answers import Answers, joined
from mer_ros.fusion.pool import normalised, shares
from mer_ros.fusion.weights import MOST_TRUST, Worth

KNOTS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)
STEADY = 2e-3  # cost of a squared step between two knots: what no example speaks for stays level

Array = NDArray[np.float64]


def likelihood_ratios(answers: Answers, prior: Sequence[float]) -> Array:
    """log p(emotion | input) - log p(emotion), float64 [n, 7]: the answers less the prior of the model's training."""
    told = np.log([normalised(row) for row in answers.probabilities])
    return np.asarray(told - np.log(normalised(np.asarray(prior), "prior")))


def class_weights(labels: NDArray[np.int64], target: Array) -> Array:
    """[n], sum 1: what each example counts so that the classes have the shares in `target`."""
    counts = np.bincount(labels, minlength=len(target))
    weights = (target / np.maximum(counts, 1))[labels]
    return np.asarray(weights / weights.sum())


def fit_worth(parts: Sequence[Answers], prior: Sequence[float], target: Array, model: str) -> Worth:
    """The trust in a model's answers by the quality of their inputs; answers that were not given are left out.

    parts: the first as the inputs are, which counts as much as all others: the same made worse, in one way each.
    """
    parts = [part.rows(part.quality > 0) for part in parts]
    others = len(parts) - 1
    counts = [0.5, *[0.5 / others] * others] if others else [1.0]
    weights = np.concatenate([c * class_weights(p.labels, target) for c, p in zip(counts, parts, strict=True)])
    answers = joined(parts)
    ratios = likelihood_ratios(answers, prior)
    start = np.log(target)
    knots = np.asarray(KNOTS)
    # The share that each knot has in the trust of each example: linear interpolation.
    hats = np.stack([np.interp(answers.quality, knots, row) for row in np.eye(len(knots))], axis=1)
    rows = np.arange(len(answers))

    def cost(steps: Array) -> tuple[float, Array]:
        trust = hats @ np.cumsum(steps)
        logits = start + trust[:, None] * ratios
        chosen = log_softmax(logits, axis=1)[rows, answers.labels]
        slope = weights * ((softmax(logits, axis=1) * ratios).sum(axis=1) - ratios[rows, answers.labels])
        along = np.cumsum((hats.T @ slope)[::-1])[::-1]  # by each step: the knots from it on
        steady = STEADY * np.concatenate([[0.0], steps[1:]])
        return float(-(weights * chosen).sum() + 0.5 * (steady * steps).sum()), along + steady

    begin = np.concatenate([[0.3], np.full(len(knots) - 1, 0.1)])
    found = minimize(cost, begin, jac=True, method="L-BFGS-B", bounds=[(0.0, MOST_TRUST)] * len(knots))
    trust = np.minimum(np.cumsum(found.x), MOST_TRUST)
    return Worth(model, KNOTS, tuple(round(float(t), 4) for t in trust))


def fit_independence(
    ratios: Sequence[Array], trusts: Sequence[Array], labels: NDArray[np.int64], target: Array
) -> float:
    """How much modalities that agree add to each other's certainty, 0..1: what makes the labels most likely.

    ratios: of each modality, [n, 7]; trusts: of each, [n]; all of the same n tuples.
    """
    stacked, rows = np.stack(ratios, axis=1), np.arange(len(labels))
    each = np.stack(trusts, axis=1)
    # The exponents are linear in the independence (see `shares`): two points tell all.
    none, full = (np.array([shares(row.tolist(), i) for row in each]) for i in (0.0, 1.0))

    def cost(independence: float) -> float:
        exponents = none + independence * (full - none)
        logits = np.log(target) + (exponents[:, :, None] * stacked).sum(axis=1)
        return float(-(logits[rows, labels] - logsumexp(logits, axis=1)).mean())

    return round(float(minimize_scalar(cost, bounds=(0.0, 1.0), method="bounded").x), 4)
