"""The word error rate, against its definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.heard.word_errors import edits, word_error_rate, words_of

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Oh my God, he\x92s lost it!", ["oh", "my", "god", "he's", "lost", "it"]),
        ("You-you want BOTH?", ["you", "you", "want", "both"]),
        ("...", []),
        ("'Cause it's 5:30", ["cause", "it's", "5", "30"]),
    ],
)
def test_words_without_marks_and_case(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("said", "heard", "count"),
    [
        ("", "", 0),
        ("a b c", "", 3),
        ("", "a b", 2),
        ("a b c", "a c", 1),
        ("a b c", "a x c", 1),
        ("a b c", "a b b c", 1),
        ("a b c d", "b c d a", 2),
        ("k i t t e n", "s i t t i n g", 3),
    ],
)
def test_edits_of_known_pairs(said, heard, count):
    assert edits(said.split(), heard.split()) == count


@given(WORDS, WORDS, WORDS)
def test_edits_are_a_distance(a, b, c):
    assert (edits(a, b) == 0) == (a == b)
    assert edits(a, b) == edits(b, a)
    assert edits(a, c) <= edits(a, b) + edits(b, c)
    assert abs(len(a) - len(b)) <= edits(a, b) <= max(len(a), len(b))


def test_the_rate_is_over_all_words_and_not_a_mean_over_lines():
    assert word_error_rate([("one two three four", "one two three four"), ("Hey!", "Three, three.")]) == 2 / 5
    assert word_error_rate([("What?", "what")]) == 0
    assert word_error_rate([("...", "made up")]) == 0
