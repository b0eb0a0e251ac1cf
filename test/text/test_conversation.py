from __future__ import annotations

import numpy as np
import pytest

from mer_ros.text.conversation import NOBODY, TURN_PIECES, Said, latest_turns, nameless, read_turns, turn_pieces
from mer_ros.text.word_pieces import WordPieces

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "joey", ":", "hi", "you", "!", "[RECOGNISED]"]
PIECES = WordPieces(WORDS)
START, END = 2, 3


def spelt(said: Said, **options) -> str:
    return " ".join(WORDS[number] for number in turn_pieces(PIECES, said, **options))


@pytest.mark.parametrize(
    ("said", "pieces"),
    [
        (Said("Hi you!"), "[CLS] hi you ! [SEP]"),
        (Said("Hi", "Joey"), "[CLS] joey : hi [SEP]"),
        (Said("", "Joey"), "[CLS] joey : [SEP]"),
        (Said(""), "[CLS] [SEP]"),
        (Said("Hi", "Joey", recognised=True), "[CLS] [RECOGNISED] joey : hi [SEP]"),
        (Said("Hi\x85 \x00you"), "[CLS] hi [UNK] [UNK] [UNK] you [SEP]"),  # an ellipsis in cp1252
    ],
)
def test_a_turn(said, pieces):
    assert spelt(said) == pieces


def test_a_turn_without_its_name_is_still_somebodys():
    assert nameless(Said("Hi", "Joey", recognised=True)) == Said("Hi", "person", recognised=True)
    assert nameless(Said("Hi")) == Said("Hi")


def test_a_vocabulary_without_a_piece_for_recognised_turns_reads_them_as_written():
    assert turn_pieces(WordPieces(WORDS[:-1]), Said("hi", recognised=True)) == [START, 6, END]


@pytest.mark.parametrize("recognised", [False, True])
def test_a_long_turn_is_cut_and_still_ends(recognised):
    row = turn_pieces(PIECES, Said("hi " * 1000, recognised=recognised))
    assert len(row) == TURN_PIECES
    assert (row[0], row[-1]) == (START, END)


def test_turns_one_after_another():
    rows = [[START, 6, END], [START, END], [START, 6, 7, END], [START, END]]
    read = read_turns(rows, ["ann", "bob", "ann", ""])
    assert read.pieces.tolist() == [START, 6, END, START, END, START, 6, 7, END, START, END]
    assert read.turns.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3]
    assert read.speakers.tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0, NOBODY, NOBODY]
    assert {read.pieces.dtype, read.turns.dtype, read.speakers.dtype} == {np.dtype(np.int64)}
    assert len(read) == 11


@pytest.mark.parametrize(
    ("lengths", "turns", "pieces", "kept"),
    [
        ([3], 9, 160, 1),
        ([300], 9, 160, 1),  # the current turn is always read
        ([50, 60, 60], 9, 160, 2),
        ([50, 50, 60], 9, 160, 3),
        ([5] * 20, 9, 160, 9),
        ([200, 5, 5], 9, 160, 2),
    ],
)
def test_the_oldest_turns_are_left_out_whole(lengths, turns, pieces, kept):
    assert latest_turns([[0] * length for length in lengths], turns, pieces) == kept
