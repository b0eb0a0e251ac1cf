"""Targets that teachers tell, means of weights, and what the lessons on recognised words weigh more."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mer_ros.emotion import EMOTIONS  # noqa: E402
from mer_ros.errors import InputError  # noqa: E402
from mer_ros.text.word_pieces import WordPieces  # noqa: E402
from mer_ros.training.calibration import softmax  # noqa: E402
from mer_ros.training.distillation import answers, mean_weights, taught_talks  # noqa: E402
from mer_ros.training.hearing import tilts  # noqa: E402
from mer_ros.training.minilm import conversation_logits  # noqa: E402
from mer_ros.training.networks.minilm import ConversationNet  # noqa: E402
from mer_ros.training.talks import Talk  # noqa: E402
from mer_ros.training.text import class_weights  # noqa: E402

PIECES = WordPieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad"])


def network(seed: int) -> ConversationNet:
    torch.manual_seed(seed)
    return ConversationNet(vocabulary=6, width=12, heads=3, layers=1, inner=24, positions=64).eval()


def talk(*texts: str) -> Talk:
    n = len(texts)
    return Talk(texts, ("",) * n, np.eye(7, dtype=np.float32)[np.arange(n)], np.zeros(n, np.int64))


TALKS = [talk("good", "bad good"), talk("bad")]


def test_a_mean_of_weights_by_shares():
    a, b = network(1), network(2)
    for shares, of_a in (((), 0.5), ((3.0, 1.0), 0.75)):
        mean = mean_weights([a, b], shares)["emotion.weight"]
        assert torch.allclose(mean, of_a * a.emotion.weight + (1 - of_a) * b.emotion.weight, atol=1e-6)


def test_answers_are_the_mean_of_all_teachers_by_their_shares():
    a, b = network(1), network(2)
    one, two = (softmax(conversation_logits(each, TALKS, PIECES)[0]) for each in (a, b))
    assert np.allclose(answers([a, b], TALKS, PIECES), (one + two) / 2)
    assert np.allclose(answers([a, b], TALKS, PIECES, [2.0, 1.0]), (2 * one + two) / 3)


def test_targets_are_labels_and_answers_by_a_share():
    told = np.full((3, 7), 1 / 7)
    told[2] = np.arange(7) / 21
    weights = np.linspace(0.5, 2.0, 7)
    taught = taught_talks(TALKS, told, 0.25, weights)
    assert [len(each) for each in taught] == [2, 1]
    assert np.allclose(taught[0].emotions[1], 0.75 * np.eye(7)[1] + 0.25 * told[1] / weights)
    assert np.allclose(taught[1].emotions[0], 0.75 * np.eye(7)[0] + 0.25 * told[2] / weights)
    tilted = taught_talks(TALKS, told, 1.0, np.ones(7), tilt=np.arange(7))
    assert np.allclose(tilted[0].emotions[0], np.arange(7) / 21)


def test_all_but_neutral_weigh_more_in_recognised_talks():
    weighed = dict(zip(EMOTIONS, tilts(0.5), strict=True))
    assert weighed.pop("neutral") == 1.0
    assert all(weight == pytest.approx(np.exp(0.5)) for weight in weighed.values())


def test_rarer_emotions_weigh_more_and_each_must_be_there():
    shares = np.array([0.1, 0.05, 0.05, 0.2, 0.4, 0.1, 0.1])
    assert class_weights(shares, 0.0) == pytest.approx(np.ones(7))
    weights = class_weights(shares, 0.5)
    assert (weights * shares).sum() == pytest.approx(1.0)
    assert weights[1] / weights[4] == pytest.approx(8**0.5)
    with pytest.raises(InputError, match="no line to learn from is labelled disgust or fear"):
        class_weights(np.array([0.2, 0, 0, 0.2, 0.4, 0.1, 0.1]), 0.5)
