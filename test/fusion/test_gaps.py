"""Utterances that never came, and ones that came long after they were said: told once, and counted."""

from __future__ import annotations

import numpy as np
import pytest

from mer_ros.emotion import EMOTIONS, Modality, ModalityEstimate
from mer_ros.fusion.experts import Expert, Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.fusion.options import FusionOptions
from mer_ros.utterance import SpeechState, Transcript, Utterance

SECOND = 1_000_000_000
UNIFORM = np.full(len(EMOTIONS), 1 / len(EMOTIONS))


def fuser() -> EmotionFuser:
    def of(modality):
        return Expert(lambda *_, **__: ModalityEstimate(modality, UNIFORM, quality=1.0, model="told"), UNIFORM, 0.8)

    options = FusionOptions(deadline_ms=1000, target_prior=tuple(UNIFORM))
    return EmotionFuser(Experts(audio=of(Modality.AUDIO), text=of(Modality.TEXT)), options)


def said(number: int) -> Utterance:
    start_ns = number * 10 * SECOND
    return Utterance(number, SpeechState.ENDED, start_ns, start_ns + SECOND, np.zeros(16_000, np.int16))


def words(number: int) -> Transcript:
    return Transcript(number, number * 10 * SECOND, number * 10 * SECOND + SECOND, "hello", True)


@pytest.mark.parametrize(
    ("ids", "lost"),
    [
        ([1, 2, 3], 0),
        ([5, 6], 0),  # who comes late has lost nothing
        ([1, 2, 5], 2),
        ([1, 4, 4, 5, 9], 5),
    ],
)
def test_utterances_that_never_came_are_counted(ids, lost):
    fusion = fuser()
    for number in ids:
        fusion.utterance(said(number), number * 10 * SECOND)
    assert fusion.counts["lost_utterances"] == lost


def test_a_microphone_that_counts_anew_has_lost_nothing():
    fusion = fuser()
    fusion.utterance(said(7), 0)
    again = said(1)
    later = Utterance(1, again.state, 90 * SECOND, 91 * SECOND, again.samples)
    fusion.utterance(later, 0)
    assert fusion.counts["lost_utterances"] == 0


def test_what_comes_long_after_it_was_said_waits_for_its_words_and_is_told_once():
    """The deadline counts from when an utterance comes, so that a link that was down costs no sense."""
    fusion = fuser()
    up_ns = 60 * SECOND
    told = [e for number in (1, 2, 3) for e in fusion.utterance(said(number), up_ns)]
    assert told == []
    for number in (3, 1, 2):
        told += fusion.transcript(words(number), up_ns + SECOND // 2)
    assert [(e.utterance_id, e.start_ns, e.transcript) for e in told] == [
        (number, number * 10 * SECOND, "hello") for number in (1, 2, 3)
    ]
    assert [e.latency_ms["since_end"] for e in told] == [49_500, 39_500, 29_500]
    late = [*fusion.utterance(said(3), up_ns + SECOND), *fusion.transcript(words(3), up_ns + SECOND)]
    assert late == []
    assert fusion.counts["repeated_utterance"] == fusion.counts["late_part"] == 1


@pytest.mark.parametrize(
    ("before_s", "age_s", "waits_s"),
    [(0.5, 0.5, 1), (0.5, 40, 3), (3600, 3600, 1), (3600, 3640, 3)],
    ids=["in time", "late", "another clock", "another clock, late"],
)
def test_what_itself_came_late_waits_longer_for_its_parts(before_s, age_s, waits_s):
    """Nobody waits for it any more, and what belongs to it comes over the same link. Clocks may differ by any time."""
    fusion = fuser()
    begun_ns = 1 * SECOND + int(before_s * SECOND)
    fusion.utterance(said(0), begun_ns)
    fusion.poll(begun_ns + SECOND)
    came_ns = 11 * SECOND + int(age_s * SECOND)
    assert fusion.utterance(said(1), came_ns) == []
    assert fusion.poll(came_ns + waits_s * SECOND - 1) == []
    (emotion,) = fusion.poll(came_ns + waits_s * SECOND)
    assert [m.available for m in emotion.modalities] == [False, True, False]
    assert fusion.transcript(words(1), came_ns + waits_s * SECOND) == []
