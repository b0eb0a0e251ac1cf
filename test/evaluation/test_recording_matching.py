"""Matching by overlap: by hand, and what holds for any recording."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.evaluation.recordings.matching import Pair, Span, match

S = 1_000_000_000


def spans(*bounds):
    return [Span(round(a * S), round(b * S)) for a, b in bounds]


@pytest.mark.parametrize(
    ("labels", "utterances", "pairs", "split", "merged"),
    [
        pytest.param([(0, 2)], [(0.2, 1.9)], [(0, 0)], 0, 0, id="one of each"),
        pytest.param([(0, 2), (3, 5)], [(2.9, 4.8), (0, 2)], [(0, 1), (1, 0)], 0, 0, id="in another order"),
        pytest.param([(0, 2)], [(5, 6)], [], 0, 0, id="far from each other"),
        pytest.param([(0, 2)], [(2, 4)], [], 0, 0, id="they only touch"),
        pytest.param([(0, 2)], [(1.6, 3.6)], [(0, 0)], 0, 0, id="just a fifth of both"),
        pytest.param([(0, 2)], [(1.61, 3.61)], [], 0, 0, id="less than a fifth"),
        pytest.param([(0, 10)], [(4, 4.2)], [(0, 0)], 0, 0, id="a word in a long label"),
        pytest.param([(0, 4)], [(0, 1), (1.5, 4)], [(0, 1)], 1, 0, id="split: the longer part has it"),
        pytest.param([(0, 1), (1, 4)], [(0, 4)], [(1, 0)], 0, 1, id="merged: the longer label has it"),
        pytest.param([(0, 4), (4, 6)], [(0, 3), (3.1, 6)], [(0, 0), (1, 1)], 1, 1, id="split and merged"),
        # The greatest overlap, 3 s, is taken first, though two pairs could have been made of 2 s and 1 s.
        pytest.param([(0, 3), (3, 5)], [(0, 1), (0, 5)], [(0, 1)], 1, 1, id="greatest overlap first"),
        pytest.param([(0, 2), (2, 4)], [(1, 3)], [(0, 0)], 0, 1, id="equal overlaps: the earlier label"),
        pytest.param([(1, 3)], [(2, 4), (0, 2)], [(0, 1)], 1, 0, id="equal overlaps: the earlier utterance"),
        pytest.param([(0, 2), (0, 2)], [(0, 2)], [(0, 0)], 0, 1, id="two speak at once"),
        pytest.param([], [(0, 2)], [], 0, 0, id="no label"),
        pytest.param([(0, 2)], [], [], 0, 0, id="no utterance"),
    ],
)
def test_by_hand(labels, utterances, pairs, split, merged):
    found = match(spans(*labels), spans(*utterances))
    assert [(p.label, p.utterance) for p in found.pairs] == pairs
    assert (found.split, found.merged) == (split, merged)
    assert found.misses == tuple(sorted(set(range(len(labels))) - {a for a, _ in pairs}))
    assert found.extras == tuple(sorted(set(range(len(utterances))) - {b for _, b in pairs}))


def test_the_overlap_is_told():
    assert match(spans((0, 2)), spans((0.5, 3))).pairs == (Pair(0, 0, 1_500_000_000),)


def stretches(unique):
    bounds = st.tuples(st.integers(0, 300), st.integers(1, 60)).map(lambda b: Span(b[0], b[0] + b[1]))
    return st.lists(bounds, max_size=12, unique=unique)


def overlap(a, b):
    return min(a.end_ns, b.end_ns) - max(a.start_ns, b.start_ns)


def enough(a, b):
    return overlap(a, b) > 0 and 5 * overlap(a, b) >= min(a.end_ns - a.start_ns, b.end_ns - b.start_ns)


@settings(deadline=None)
@given(stretches(False), stretches(False))
def test_one_to_one_and_nothing_is_lost(labels, utterances):
    found = match(labels, utterances)
    told, heard = [p.label for p in found.pairs], [p.utterance for p in found.pairs]
    assert len(set(told)) == len(told)
    assert len(set(heard)) == len(heard)
    assert sorted(told + list(found.misses)) == list(range(len(labels)))
    assert sorted(heard + list(found.extras)) == list(range(len(utterances)))
    assert found.split == sum(sum(enough(a, b) for b in utterances) > 1 for a in labels)
    assert found.merged == sum(sum(enough(a, b) for a in labels) > 1 for b in utterances)
    for pair in found.pairs:
        a, b = labels[pair.label], utterances[pair.utterance]
        assert enough(a, b)
        assert pair.overlap_ns == overlap(a, b)


@settings(deadline=None)
@given(stretches(False), stretches(False))
def test_no_better_pair_is_left_out(labels, utterances):
    """Of each pair that was not taken, one of the two is in a pair that overlaps at least as much."""
    found = match(labels, utterances)
    of_label = {p.label: p.overlap_ns for p in found.pairs}
    of_utterance = {p.utterance: p.overlap_ns for p in found.pairs}
    for i, a in enumerate(labels):
        for j, b in enumerate(utterances):
            if enough(a, b):
                assert max(of_label.get(i, 0), of_utterance.get(j, 0)) >= overlap(a, b)


@settings(deadline=None)
@given(stretches(True), stretches(True), st.randoms(use_true_random=False), st.integers(0, 10**18))
def test_neither_order_nor_start_matter(labels, utterances, random, shift):
    def pairs(labels, utterances, back=0):
        found = match(labels, utterances)
        bounds = [(labels[p.label], utterances[p.utterance]) for p in found.pairs]
        return {tuple((s.start_ns - back, s.end_ns - back) for s in pair) for pair in bounds}

    def moved(spans):
        spans = [Span(s.start_ns + shift, s.end_ns + shift) for s in spans]
        random.shuffle(spans)
        return spans

    assert pairs(labels, utterances) == pairs(moved(labels), moved(utterances), shift)
    assert match(labels, utterances).split == match(moved(labels), moved(utterances)).split
