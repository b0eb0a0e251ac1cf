"""Joins the probabilities of several modalities into one distribution.

A logarithmic opinion pool (Genest & Zidek 1986, doi 10.1214/ss/1177013825) over likelihood ratios: each
model's training prior is divided out first, so that a corpus with few sad clips does not make a sad voice rare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError

FLOOR = 1e-4  # keeps a model that is certain and wrong from vetoing all others


@dataclass(frozen=True)
class Opinion:
    """One modality's say.

    probabilities: float [k]. prior: float [k], the class prior of its training data.
    trust: 0 or more, the exponent that its likelihood ratio deserves: how far the model can be relied on, times what
    the quality of this input is worth.
    """

    probabilities: NDArray[np.floating]
    prior: NDArray[np.floating]
    trust: float


def normalised(values: NDArray[np.floating], name: str = "probabilities") -> NDArray[np.float64]:
    """Return `values` as float64 [k] that sums to one, no entry below FLOOR.

    Raises InputError when a value is negative or not finite, or when all are zero.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not np.all(np.isfinite(values)) or np.any(values < 0) or values.sum() <= 0:
        raise InputError(f"{name} must be finite, not negative and not all zero, but they are {values.tolist()}")
    values = np.maximum(values / values.sum(), FLOOR)
    return values / values.sum()


def shares(trusts: Sequence[float], independence: float) -> NDArray[np.float64]:
    """Exponents of the pool, float64 [n], for n opinions of the given trusts.

    A lone opinion keeps its trust: at 1 the pool repeats it, below it is flattened towards the prior. Several add
    evidence: `independence` 1 gives each its full trust, as is right when they err independently of each other
    given the emotion; 0 shares the largest trust out among them, as if each repeated the others.
    """
    weights = np.asarray(trusts, dtype=np.float64)
    total = weights.sum()
    if total <= 0:
        return np.zeros_like(weights)
    repeated = weights.max() / total
    return weights * (repeated + independence * (1.0 - repeated))


def pool(
    opinions: Sequence[Opinion], target_prior: NDArray[np.floating], independence: float = 0.5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the joint probabilities, float64 [k], and the weight of each opinion, float64 [n], summing to one.

    target_prior: float [k], the class prior where the robot is used.
    Raises InputError for values that are no distribution and when there is no opinion at all.
    """
    if not opinions:
        raise InputError("there is no modality to fuse; at least one must be available")
    exponents = shares([opinion.trust for opinion in opinions], independence)
    logits = np.log(normalised(target_prior, "target_prior"))
    for opinion, exponent in zip(opinions, exponents, strict=True):
        prior = normalised(opinion.prior, "prior")
        logits = logits + exponent * (np.log(normalised(opinion.probabilities)) - np.log(prior))
    joint = np.exp(logits - logits.max())
    total = exponents.sum()
    weights = exponents / total if total > 0 else np.full(len(opinions), 1.0 / len(opinions))
    return joint / joint.sum(), weights
