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
