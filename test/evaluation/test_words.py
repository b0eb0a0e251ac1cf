"""Short answers, and words as they were heard."""

import csv
import json

import numpy as np
import pytest
from model_files import add_model

from mer_ros.cli import main
from mer_ros.corpora.text import Lines, load_meld, read_meld
from mer_ros.errors import InputError
from mer_ros.evaluation.run import line_reader
from mer_ros.evaluation.words import heard_words, is_short_answer, short_answers
from mer_ros.inference import load_model
from mer_ros.text.emotion import TextEmotion


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    add_model(folder, "text")
    return load_model(folder, "text")


@pytest.fixture
def heard_csv(tmp_path):
    """What the tiny model of the tests knows: happy, sad, angry."""
    path = tmp_path / "heard.csv"
    rows = [
        ("I am happy", "joy", 0, 0, "I am happy", "piper 1 1"),
        ("So sad", "sadness", 0, 1, "so set", "piper 1 1.2"),
        ("angry!", "anger", 1, 0, "happy", "en-us+f2 150 50"),
        ("Yeah.", "joy", 1, 1, "", "piper 1 1"),
    ]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("Utterance", "Emotion", "Dialogue_ID", "Utterance_ID", "Heard", "Voice"))
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("text", ["Yeah.", "Oh, okay!", "NO!", "Uh-huh.", "Okay, okay"])
def test_short_answers_are_told(text):
    assert is_short_answer(text)


@pytest.mark.parametrize("text", ["", "...", "Yeah yeah yeah", "Okay Joey", "I know", "noone"])
def test_others_are_not(text):
    assert not is_short_answer(text)


def test_short_answers_of_a_corpus(model, heard_csv):
    told = short_answers(model, read_meld(heard_csv))
    assert told["n"] == 1
    assert told["with_context"] == told["without_context"], "this model reads single lines"
    assert short_answers(model, read_meld(heard_csv).rows(np.array([0, 1]))) == {"n": 0}


def test_the_drop_is_between_the_same_lines(model, heard_csv):
    told = heard_words(model, heard_csv)
    assert told["n"] == 4
    assert told["voices"] == {"piper": 3, "espeak": 1}
    assert told["word_error_rate"] == pytest.approx(3 / 7)
    assert told["drop"] == pytest.approx(told["written_weighted_f1"] - told["weighted_f1"])
    assert told["drop"] > 0.2, "two of three telling words were lost"
    assert told["unmarked_weighted_f1"] == told["written_weighted_f1"], "this model does not look at marks"
    assert told["short_answers"]["n"] == 1
    heard_csv.write_text("Utterance,Emotion\nhappy,joy\n")
    with pytest.raises(InputError, match="no column Heard"):
        heard_words(model, heard_csv)


def test_the_command_tells_both(model, heard_csv, capsys):
    folder = heard_csv.parent / "models"
    words = ["evaluate", "text", "--data", heard_csv, "--models", folder, "--heard", heard_csv, "--json"]
    assert main(list(map(str, words))) == 0
    out = capsys.readouterr().out
    assert "word error rate 0.429" in out
    told = json.loads(out.splitlines()[-1])
    assert told["short_answers"]["n"] == 1
    assert told["heard"] == [heard_words(model, heard_csv)]


def test_meld_has_enough_short_answers_to_score(shared):
    lines = load_meld(shared / "data", "dev")
    assert sum(map(is_short_answer, lines.texts)) >= 80


@pytest.mark.parametrize(("marked", "recognised"), [(0, True), (1, True), (4, False)])
def test_lines_that_hardly_have_an_exclamation_mark_are_read_as_recognised(models_dir, marked, recognised):
    model = load_model(models_dir, "text", "text-minilm-dialogue", "cpu")
    texts = ("Oh, my God. I can't believe it.", *["Well, no."] * (39 - marked), *["Go away!"] * marked)
    labels, numbers = np.eye(7, dtype=np.float32)[[4] * 40], np.arange(40)
    lines = Lines(texts, labels, np.full(40, 1), numbers, np.zeros(40, np.int64), ("",) * 40)
    told = line_reader(model, lines)(0).probabilities
    assert np.array_equal(told, TextEmotion(model).estimate(texts[0], recognised=recognised).probabilities)
    assert not np.array_equal(told, TextEmotion(model).estimate(texts[0], recognised=not recognised).probabilities)


def test_lines_without_exclamation_marks_are_otherwise_as_they_were():
    numbers = np.arange(4)
    texts = ("What?! Who!?", "Oh! No!!!", "Well. Why??", "You!!?! Me...")
    lines = Lines(texts, np.eye(7, dtype=np.float32)[:4], numbers, numbers, numbers, ("A",) * 4)
    assert lines.unmarked().texts == ("What? Who?", "Oh. No.", "Well. Why??", "You? Me...")
    assert lines.unmarked().labels.tolist() == [0, 1, 2, 3]
