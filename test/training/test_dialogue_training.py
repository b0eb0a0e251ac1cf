"""The dialogue model is used as far as the past helps, and not at all where it does not."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which is not installed")

from mer_ros.corpora.text import Lines  # noqa: E402
from mer_ros.training.dialogue import choose_strength, fit_dialogue, roll_out, synthetic_answers  # noqa: E402
from mer_ros.training.loop import FitOptions  # noqa: E402

OPTIONS = FitOptions(epochs=6, batch_size=64, learning_rate=2e-2, average=0.9)


def dialogues(stays: float, n: int = 480, seed: int = 0) -> Lines:
    """Dialogues of eight turns in which the emotion stays with this chance, and else is any."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, n)
    for i in range(1, n):
        if i % 8 and rng.random() < stays:
            labels[i] = labels[i - 1]
    number, emotions = np.arange(n), np.eye(7, dtype=np.float32)[labels]
    return Lines(("",) * n, emotions, np.full(n, -1), number // 8, number % 8, ("a",) * n)


def answers(labels, seed: int) -> np.ndarray:
    logits = np.eye(7)[labels] + np.random.default_rng(seed).normal(size=(len(labels), 7))
    told = np.exp(logits)
    return (told / told.sum(axis=1, keepdims=True)).astype(np.float32)


def test_answers_are_taken_from_examples_of_the_same_label():
    lines, known = dialogues(0.5), np.arange(70) % 7
    told = synthetic_answers(lines, known, np.eye(7, dtype=np.float32)[known], 1)
    assert (told.argmax(axis=1) == lines.labels).all()


@pytest.mark.parametrize(("stays", "helps"), [(0.7, True), (0.0, False)])
def test_the_strength_is_above_zero_only_where_the_past_helps(stays, helps):
    torch.set_num_threads(1)
    taught, held_out = dialogues(0.7), dialogues(stays, seed=1)
    network = fit_dialogue(taught, answers(taught.labels, 0), OPTIONS, progress=False)
    told = answers(held_out.labels, 1)
    found = choose_strength(network, held_out, [told, answers(held_out.labels, 2)])
    strength = round(float(network.strength), 2)
    assert (strength > 0) == helps
    for before, now in zip(found[0.0], found[strength], strict=True):
        assert now >= before
    if not helps:
        assert roll_out(network, held_out, told) == pytest.approx(told, abs=1e-6)
