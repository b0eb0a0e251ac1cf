from __future__ import annotations

import math

import numpy as np
import pytest

from mer_ros.errors import OptionError
from mer_ros.speech.outside import OutsideOptions, OutsideWords
from mer_ros.utterance import SpeechState, Transcript, Utterance

S = 10**9


def utterance(utterance_id, start_s, end_s, ended=True):
    state = SpeechState.ENDED if ended else SpeechState.ONGOING
    return Utterance(utterance_id, state, int(start_s * S), int(end_s * S), np.zeros(0, np.int16))


def words(text, start_s=0.0, end_s=0.0, utterance_id=0, is_final=True, confidence=math.nan):
    return Transcript(utterance_id, int(start_s * S), int(end_s * S), text, is_final, confidence, "en", "elsewhere")


@pytest.fixture
def two():
    """Utterance 1 from 10 to 12 s, utterance 2 from 13 to 15 s; both ended."""
    outside = OutsideWords(OutsideOptions(max_delay_ms=1000))
    outside.utterance(utterance(1, 10, 12))
    outside.utterance(utterance(2, 13, 15))
    return outside


@pytest.mark.parametrize(
    ("start_s", "end_s", "wanted"),
    [
        (10.5, 11.5, 1),
        (9.0, 10.1, 1),
        (11.5, 14.5, 2),
        (11.0, 13.5, 1),
        (12.5, 12.5, 1),
        (12.0, 12.0, 1),
        (15.9, 15.9, 2),
        (15.0, 0.0, 2),
        (16.1, 16.2, None),
        (8.0, 9.0, None),
    ],
)
def test_by_time(two, start_s, end_s, wanted):
    out = two.push(words("hello", start_s, end_s))
    assert [t.utterance_id for t in out] == ([wanted] if wanted else [])
    assert two.counts["unknown"] == (not wanted)


def test_by_id(two):
    (out,) = two.push(words("hello", 99, 99, utterance_id=1, confidence=0.5))
    assert (out.utterance_id, out.start_ns, out.end_ns) == (1, 10 * S, 12 * S)
    assert (out.text, out.is_final, out.confidence, out.source) == ("hello", True, 0.5, "elsewhere")
    assert two.push(words("hello", utterance_id=7)) == []
    assert two.counts == {"unknown": 1}


def test_one_final_an_utterance(two):
    assert len(two.push(words("hello", 11, 11))) == 1
    assert two.push(words("again", 11, 11)) == []
    assert two.push(words("still", 11, 11, is_final=False)) == []
    assert two.counts == {"late": 2}


def test_words_before_the_end_wait_for_it():
    outside = OutsideWords()
    outside.utterance(utterance(1, 10, 11, ended=False))
    assert outside.push(words("oh", 10.2, 10.4, confidence=0.4)) == []
    (partial,) = outside.push(words("my g", 10.5, 10.7, is_final=False))
    assert (partial.text, partial.is_final) == ("oh my g", False)
    assert outside.push(words("my god", 10.5, 10.9, confidence=0.8)) == []
    (final,) = outside.utterance(utterance(1, 10, 12))
    assert (final.text, final.is_final, final.end_ns) == ("oh my god", True, 12 * S)
    assert final.confidence == pytest.approx(0.6)
    assert outside.utterance(utterance(1, 10, 12)) == []


def test_words_soon_after_a_growing_utterance_belong_to_it():
    outside = OutsideWords()
    outside.utterance(utterance(1, 10, 11, ended=False))
    assert [t.utterance_id for t in outside.push(words("oh", 11.5, 11.6, is_final=False))] == [1]


def test_words_that_arrive_while_the_next_utterance_goes_on():
    outside = OutsideWords(OutsideOptions(max_delay_ms=1000))
    outside.utterance(utterance(1, 10, 12))
    outside.utterance(utterance(2, 12.3, 12.9, ended=False))
    (out,) = outside.push(words("of one", 12.8, 12.8))
    assert (out.utterance_id, out.text) == (1, "of one")
    assert outside.push(words("of two", 12.85, 12.85)) == []  # the first one has its words
    assert outside.push(words("too late for one", 13.5, 13.5)) == []
    (out,) = outside.utterance(utterance(2, 12.3, 14))
    assert (out.utterance_id, out.text) == (2, "of two too late for one")


@pytest.mark.parametrize(("end_s", "is_final", "wanted"), [(12.9, True, 2), (12.8, False, 2), (12.8, True, 1)])
def test_words_with_a_time_of_their_own_keep_to_it(end_s, is_final, wanted):
    outside = OutsideWords()
    outside.utterance(utterance(1, 10, 12))
    outside.utterance(utterance(2, 12.3, 12.9, ended=False))
    out = outside.push(words("hello", 12.8, end_s, is_final=is_final))
    out += outside.utterance(utterance(2, 12.3, 14))
    assert {t.utterance_id for t in out} == {wanted}


def test_the_end_of_an_utterance_may_lie_before_what_was_told():
    outside = OutsideWords(OutsideOptions(max_delay_ms=0))
    outside.utterance(utterance(1, 10, 19, ended=False))
    outside.utterance(utterance(1, 10, 17))
    assert outside.push(words("hello", 18, 18.5)) == []
    assert outside.counts == {"unknown": 1}


def test_ids_may_begin_again(two):
    two.push(words("hello", utterance_id=1))
    two.utterance(utterance(1, 100, 101))
    (out,) = two.push(words("anew", 100.5, 100.6))
    assert (out.utterance_id, out.start_ns) == (1, 100 * S)


def test_old_utterances_are_forgotten():
    outside = OutsideWords(OutsideOptions(remembered=2))
    for n in range(1, 6):
        outside.utterance(utterance(n, 10 * n, 10 * n + 1))
    assert outside.push(words("hello", utterance_id=3)) == []
    assert len(outside.push(words("hello", utterance_id=4))) == 1


def test_words_are_bounded():
    outside = OutsideWords(OutsideOptions(remembered=3))
    outside.utterance(utterance(1, 10, 20, ended=False))
    for _ in range(100):
        outside.push(words("la", 15, 15))
    assert outside.utterance(utterance(1, 10, 20))[0].text == "la la la"


@pytest.mark.parametrize("text", ["", "  \n"])
def test_no_words(two, text):
    assert two.push(words(text, 11, 11)) == []
    assert two.counts == {"empty": 1}


@pytest.mark.parametrize("options", [{"max_delay_ms": -1}, {"remembered": 0}])
def test_options(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        OutsideOptions(**options)
