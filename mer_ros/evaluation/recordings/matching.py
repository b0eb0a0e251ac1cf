"""Which recognised utterance belongs to which label: by their overlap in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST_SHARE = 5  # they are of each other when they share at least one fifth of the shorter of the two


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of a recording, in ns from its start; what ends before it begins holds nothing."""

    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class Pair:
    """label, utterance: their places in what was matched."""

    label: int
    utterance: int
    overlap_ns: int


@dataclass(frozen=True)
class Matching:
    """pairs: in the order of the labels; each label and each utterance is in one pair at most.

    misses: places of the labels without an utterance; extras: of the utterances without a label.
    split: how many labels had several utterances; merged: how many utterances went over several labels.
    """

    pairs: tuple[Pair, ...]
    misses: tuple[int, ...]
    extras: tuple[int, ...]
    split: int
    merged: int


def match(labels: Sequence[Span], utterances: Sequence[Span]) -> Matching:
    """Pairs of one label and one utterance, those with the greatest overlap first.

    Two stretches are of each other when they overlap by at least a fifth of the shorter one. Of all such pairs the
    one with the greatest overlap is taken, and both are gone; then the next. Equal overlaps: the earlier label, then
    the earlier utterance. The pairing depends on neither the order of the two lists nor on when a recording begins;
    of two labels (or utterances) with the very same bounds the first in the list is taken.
    """
    candidates = _candidates(labels, utterances)
    candidates.sort(key=lambda p: (-p.overlap_ns, labels[p.label], utterances[p.utterance], p.label, p.utterance))
    taken: list[Pair] = []
    told, heard = set(range(len(labels))), set(range(len(utterances)))
    for pair in candidates:
        if pair.label in told and pair.utterance in heard:
            taken.append(pair)
            told.remove(pair.label)
            heard.remove(pair.utterance)
    return Matching(
        tuple(sorted(taken, key=lambda pair: pair.label)),
        tuple(sorted(told)),
        tuple(sorted(heard)),
        _repeated([pair.label for pair in candidates]),
        _repeated([pair.utterance for pair in candidates]),
    )


def _candidates(labels: Sequence[Span], utterances: Sequence[Span]) -> list[Pair]:
    starts, ends = (np.array([getattr(u, name) for u in utterances], np.int64) for name in ("start_ns", "end_ns"))
    found = []
    for i, label in enumerate(labels):
        overlap = np.minimum(ends, label.end_ns) - np.maximum(starts, label.start_ns)
        shorter = np.minimum(ends - starts, label.end_ns - label.start_ns)
        enough = (overlap > 0) & (overlap * LEAST_SHARE >= shorter)
        found += [Pair(i, int(j), int(overlap[j])) for j in np.flatnonzero(enough)]
    return found


def _repeated(places: Sequence[int]) -> int:
    return int((np.bincount(places) > 1).sum()) if places else 0
