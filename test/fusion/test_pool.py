import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mer_ros.errors import InputError
from mer_ros.fusion.pool import Opinion, pool, shares

UNIFORM = np.full(7, 1 / 7)
distributions = arrays(float, 7, elements=st.floats(0.01, 1.0)).map(lambda v: v / v.sum())


def peaked(index: int, height: float = 0.7) -> np.ndarray:
    values = np.full(7, (1 - height) / 6)
    values[index] = height
    return values


@given(distributions)
def test_one_fully_trusted_opinion_is_repeated(said):
    joint, weights = pool([Opinion(said, UNIFORM, 1.0)], UNIFORM)
    assert joint == pytest.approx(said, abs=1e-9)
    assert weights == pytest.approx([1.0])


@given(distributions, distributions)
def test_a_model_that_only_repeats_its_prior_says_nothing(prior, target):
    joint, _ = pool([Opinion(prior, prior, 0.8)], target)
    assert joint == pytest.approx(target, abs=1e-9)


def test_no_trust_leaves_the_target_prior():
    target = peaked(4, 0.5)
    joint, weights = pool([Opinion(peaked(0), UNIFORM, 0.0), Opinion(peaked(1), UNIFORM, 0.0)], target)
    assert joint == pytest.approx(target)
    assert weights == pytest.approx([0.5, 0.5])


@given(distributions, distributions, st.floats(0.1, 1), st.floats(0.1, 1))
def test_the_order_of_opinions_does_not_matter(a, b, trust_a, trust_b):
    one, weights = pool([Opinion(a, UNIFORM, trust_a), Opinion(b, UNIFORM, trust_b)], UNIFORM)
    other, swapped = pool([Opinion(b, UNIFORM, trust_b), Opinion(a, UNIFORM, trust_a)], UNIFORM)
    assert one == pytest.approx(other)
    assert weights == pytest.approx(swapped[::-1])


def test_agreement_adds_certainty_up_to_independence():
    two = [Opinion(peaked(3), UNIFORM, 1.0)] * 2
    repeated, _ = pool(two, UNIFORM, independence=0.0)
    between, _ = pool(two, UNIFORM, independence=0.5)
    multiplied, _ = pool(two, UNIFORM, independence=1.0)
    assert repeated == pytest.approx(peaked(3))
    assert repeated[3] < between[3] < multiplied[3]
    assert multiplied == pytest.approx(peaked(3) ** 2 / (peaked(3) ** 2).sum())


def test_repeated_opinions_share_the_largest_trust_and_independent_ones_keep_theirs():
    assert shares([0.9, 0.3], 0.0) == pytest.approx([0.675, 0.225])
    assert shares([0.9, 0.3], 1.0) == pytest.approx([0.9, 0.3])
    assert shares([1.4], 0.3) == pytest.approx([1.4])


def generated(rng: np.random.Generator, labels: np.ndarray, skill: float) -> np.ndarray:
    """Answers [n, 7] of an expert for uniform classes, calibrated by construction: the posterior of a noisy cue."""
    cues = skill * np.eye(7)[labels] + rng.normal(size=(len(labels), 7))
    likelihood = np.exp(skill * cues)
    return likelihood / likelihood.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("skills", [(1.5, 1.5, 1.5), (2.5, 0.5, 0.5), (2.0, 1.0, 0.0), (0.3, 0.2, 0.1)])
@pytest.mark.parametrize("target", [UNIFORM, peaked(4, 0.47)], ids=["uniform", "conversation"])
def test_calibrated_experts_together_are_no_worse_than_the_best_of_them(skills, target):
    rng = np.random.default_rng(7)
    labels = rng.choice(7, 3000, p=target)
    experts = [generated(rng, labels, skill) for skill in skills]

    def accuracy(chosen: tuple[int, ...]) -> float:
        right = 0
        for i, label in enumerate(labels):
            joint, _ = pool([Opinion(experts[e][i], UNIFORM, 1.0) for e in chosen], target, independence=1.0)
            right += int(joint.argmax() == label)
        return right / len(labels)

    alone = [accuracy((e,)) for e in range(3)]
    assert accuracy((0, 1)) >= max(alone[:2]) - 0.005
    assert accuracy((0, 1, 2)) >= max(alone) - 0.005


def test_the_more_trusted_opinion_wins():
    joint, weights = pool([Opinion(peaked(0), UNIFORM, 0.9), Opinion(peaked(5), UNIFORM, 0.3)], UNIFORM)
    assert joint.argmax() == 0
    assert weights[0] > weights[1]
    assert weights.sum() == pytest.approx(1.0)


def test_certainty_of_one_model_is_no_veto():
    sure = np.zeros(7)
    sure[0] = 1.0
    joint, _ = pool([Opinion(sure, UNIFORM, 0.2), Opinion(peaked(5, 0.9), UNIFORM, 0.9)], UNIFORM)
    assert np.all(joint > 0)
    assert joint.argmax() == 5


@pytest.mark.parametrize("bad", [np.full(7, np.nan), np.zeros(7), -UNIFORM, np.ones((7, 1)), np.full(7, np.inf)])
def test_what_is_no_distribution_is_refused(bad):
    with pytest.raises(InputError):
        pool([Opinion(bad, UNIFORM, 1.0)], UNIFORM)


def test_nothing_to_fuse_is_refused():
    with pytest.raises(InputError, match="at least one"):
        pool([], UNIFORM)


def test_shares_of_a_poor_input_are_small():
    assert shares([0.2], 0.5) == pytest.approx([0.2])
    assert shares([0.0, 0.0], 0.5) == pytest.approx([0.0, 0.0])
