from __future__ import annotations

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.errors import InputError, OptionError
from mer_ros.text.tokens import clean, is_word, token_row, tokenize


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("You\x92re \x93fine\x94", "You're fine"),
        ("Wait\x85 what\x97no", "Wait ... what -- no"),
        ("a\x96b \x91c\x92", "a-b 'c'"),
        ("don’t “quote” me…", "don't quote me ..."),
        ("a\x00b\x1b[0m\u200bc", "a b [0m c"),
        ("cafe\u0301", "café"),
        ("  many \n spaces\t", "many spaces"),
        ("\x81\x8d\x8f\x90\x9d", ""),
    ],
)
def test_clean(text, wanted):
    assert clean(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("You can't!", ["you", "ca", "n't", "!"]),
        ("I won't; she'll, they've", ["i", "wo", "n't", ";", "she", "'ll", ",", "they", "'ve"]),
        ("It's Ross's, we're I'm he'd", ["it", "'s", "ross", "'s", ",", "we", "'re", "i", "'m", "he", "'d"]),
        ("You must\u2019ve had", ["you", "must", "'ve", "had"]),
        ("DON\x92T", ["do", "n't"]),
        ("wouldn't've", ["would", "n't", "'ve"]),
        ("Oh... no.", ["oh", "...", "no", "."]),
        ("what?!?! Hey!!!", ["what", "?", "!", "?", "!", "hey", "!"]),
        ("Soooo good, nooo", ["so", "good", ",", "no"]),
        ("I was goin' out", ["i", "was", "going", "out"]),
        ("y'know y'all", ["you", "know", "you", "all"]),
        ("No-no-no, wh-what", ["no", "no", "no", ",", "wh", "what"]),
        ("a well-known t-shirt", ["a", "well-known", "t-shirt"]),
        ("Mr. Geller at 5:30 p.m.", ["mr.", "geller", "at", "5:30", "p.m."]),
        ("1,000 or 3.5", ["1,000", "or", "3.5"]),
        ("wait -- what", ["wait", "--", "what"]),
        ("'em 'til o'clock c'mon", ["'em", "'til", "o'clock", "c'mon"]),
        ('"quoted" (aside) *star*', ["quoted", "aside", "star"]),
        ("안녕 세계", ["안녕", "세계"]),
        ("", []),
        ("\x85", ["..."]),
    ],
)
def test_tokenize(text, wanted):
    assert tokenize(text) == wanted


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_clean_tokens(text):
    for token in tokenize(text):
        assert token
        assert token == token.lower()
        assert not any(c.isspace() or 0x7F <= ord(c) < 0xA0 for c in token)


@settings(deadline=None)
@given(st.text(max_size=100))
def test_cleaning_twice_changes_nothing(text):
    assert clean(clean(text)) == clean(text)


def test_row_is_padded_and_cut():
    row = token_row("one two", 4)
    assert row.tolist() == ["one", "two", "", ""]
    assert row.dtype == object
    assert token_row("a " * 50).shape == (20,)
    assert token_row("a b c", 2).tolist() == ["a", "b"]


def test_words_and_marks():
    assert [is_word(t) for t in ("n't", "5:30", "...", "!", "--", "")] == [True, True, False, False, False, False]


@pytest.mark.parametrize("text", [None, 3, b"bytes"])
def test_what_is_no_string_is_refused(text):
    with pytest.raises(InputError, match="not a string"):
        clean(text)


def test_length_below_one_is_refused():
    with pytest.raises(OptionError, match="0"):
        token_row("a", 0)


def test_meld_lines_leave_no_odd_characters(shared):
    with open(shared / "data" / "meld" / "dev_sent_emo.csv", encoding="utf-8", newline="") as file:
        lines = [row["Utterance"] for row in csv.DictReader(file)]
    assert len(lines) == 1109
    tokens = [tokenize(line) for line in lines]
    assert sum(not t for t in tokens) == 0
    letters = {c for row in tokens for t in row for c in t}
    assert {c for c in letters if not c.isascii()} <= set("éèñó")
