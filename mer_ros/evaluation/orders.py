"""How a voice model that remembers persons does, whatever the order in which they say things."""

from __future__ import annotations

from typing import Any

import numpy as np

from mer_ros.audio.emotion import AudioEmotion
from mer_ros.audio.listener import SpeechListener
from mer_ros.corpora.sound import heard, read_sound
from mer_ros.corpora.speech import Clips
from mer_ros.errors import OptionError
from mer_ros.evaluation.run import ORDER_SEED, utterance_of
from mer_ros.evaluation.scores import calibration_error, chance_error, score
from mer_ros.inference import Model

ORDERS = 8


def over_orders(model: Model, clips: Clips, orders: int = ORDERS) -> dict[str, Any]:
    """The clips in so many random orders, the first as in `evaluate_speech`, each from an empty memory.

    uar, accuracy, confidence: means over the orders; uar_range, ece_range: the least and the most of an order.
    ece: of the answers of all orders together, which chance changes less than that of one; ece_by_chance: what it
    would be by chance if all were perfectly calibrated (a clip being answered right in all orders or in none).
    Raises InputError, OptionError, also for a model without a memory.
    """
    expert, listener = AudioEmotion(model), SpeechListener()
    if orders < 1 or not expert.remembers:
        raise OptionError(
            f"{orders} orders of model {model.entry.name}: give 1 or more, and a model that remembers persons"
        )
    utterances = [utterance_of(heard(read_sound(path), listener)) for path in clips.paths]
    rows = np.tile(np.asarray(model.entry.prior, np.float64), (orders, len(clips), 1))
    rows /= rows.sum(axis=2, keepdims=True)
    for k in range(orders):
        expert.forget()
        for i in np.random.default_rng(ORDER_SEED + k).permutation(len(clips)):
            given = expert.estimate(utterances[i], clips.speakers[i])
            if given.probabilities is not None:
                rows[k, i] = given.probabilities
    each = [score(clips.labels, told) for told in rows]
    confidence, right = rows.max(axis=2).ravel(), (rows.argmax(axis=2) == clips.labels).ravel()
    return {
        "orders": orders,
        "uar": float(np.mean([s.uar for s in each])),
        "uar_range": [min(s.uar for s in each), max(s.uar for s in each)],
        "accuracy": float(right.mean()),
        "confidence": float(confidence.mean()),
        "ece": calibration_error(confidence, right),
        "ece_by_chance": chance_error(confidence, np.tile(np.arange(len(clips)), orders))[0],
        "ece_range": [min(s.ece for s in each), max(s.ece for s in each)],
    }
