"""Temperature scaling (Guo et al. 2017): one number that makes confidences true on held-out data."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def fit_temperature(
    logits: ArrayLike, labels: NDArray[np.integer], weights: NDArray[np.floating] | None = None
) -> float:
    """The temperature, 0.2..5, that makes the labels most likely.

    logits: [N, K]. labels: [N]. weights: [K], the class weights that the network was trained with, so that the
    calibrated probabilities keep the prior it was trained to.
    """
    scores = np.asarray(logits, np.float64)
    share = np.ones(len(labels)) if weights is None else weights[labels]

    def cost(log_temperature: float) -> float:
        chosen = log_softmax(scores / np.exp(log_temperature), axis=1)[np.arange(len(labels)), labels]
        return -float((share * chosen).sum() / share.sum())

    return float(np.exp(minimize_scalar(cost, bounds=(np.log(0.2), np.log(5.0)), method="bounded").x))


def softmax(logits: ArrayLike, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities [N, K] at a temperature."""
    return np.exp(log_softmax(np.asarray(logits, np.float64) / temperature, axis=1))
