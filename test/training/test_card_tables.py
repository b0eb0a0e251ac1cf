"""Figures that are given for several cases stand in tables of their own on a card."""

from dataclasses import replace

import pytest

pytest.importorskip("matplotlib", reason="matplotlib draws the pictures of the cards")

from model_files import add_model

from mer_ros.training.card import card_text
from mer_ros.training.record import Record

RECORD = Record("A model of the tests.", ("It knows nothing.",), "made-up lines", 12)


def test_rows_of_the_same_columns_make_a_table(tmp_path):
    entry = add_model(tmp_path, "text", name="a")
    cases = {"face": {"accuracy": 0.5, "ece": 0.01}, "face+text": {"accuracy": 0.75, "ece": 0.02}}
    metrics = {"split": "made up", "n": 10, "accuracy": 0.25, "by_subset": cases, "other": {"a": 1, "b": {"c": 2}}}
    card = card_text(replace(entry, metrics=metrics), RECORD, 1000)
    assert (
        "By subset:\n\n| | accuracy | ece |\n|---|---|---|\n| face | 0.500 | 0.010 |\n| face+text | 0.750 | 0.020 |"
        in card
    )
    assert "| accuracy | 0.250 |" in card
    assert "| other: b: c | 2 |" in card
