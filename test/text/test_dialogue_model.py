"""The shipped model that reads conversations."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import ModelError
from mer_ros.inference import load_model
from mer_ros.text.conversation import Said
from mer_ros.text.emotion import TextEmotion
from mer_ros.text.readers import MOST_PIECES, MOST_TURNS

NAME = "text-minilm-dialogue"
QUANTISED = 0.1  # a batch shares the scale of its 8-bit activations, which moves probabilities


@pytest.fixture(scope="module")
def text(models_dir):
    return TextEmotion(load_model(models_dir, "text", NAME, "cpu"))


def told(text, line, past=(), speaker=""):
    return text.estimate(line, past=past, speaker=speaker).probabilities


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("I'm so happy for you!", "joy"),
        ("How dare you! Get out of here!", "anger"),
        ("Oh my God! I can't believe it!", "surprise"),
        ("I miss him so much. I just feel terrible.", "sadness"),
        ("The meeting is at ten o'clock on Tuesday.", "neutral"),
    ],
)
def test_plain_cases(text, line, label):
    assert EMOTIONS[told(text, line).argmax()] == label


def test_what_was_said_before_counts(text):
    good = (Said("I got the job!", "a"), Said("That's wonderful! Congratulations!", "b"))
    bad = (Said("My grandmother died last night.", "a"), Said("I'm so sorry.", "b"))
    joy, sadness = EMOTIONS.index("joy"), EMOTIONS.index("sadness")
    after_good, after_bad = told(text, "Thank you.", good, "a"), told(text, "Thank you.", bad, "a")
    assert after_good[joy] > after_bad[joy]
    assert after_bad[sadness] > after_good[sadness]


def test_what_somebody_is_called_does_not_matter_but_who_speaks_does(text):
    def answer(first, second):
        return told(text, "Thank you.", (Said("I got the job!", first), Said("Great!", second)), first)

    by_name = answer("Monica", "Joey")
    for first, second in (("person-7", "person-2"), ("Joey", "Monica"), ("b4c1", "b4c0")):
        assert np.array_equal(answer(first, second), by_name)
    for first, second in (("Monica", "Monica"), ("", "")):
        assert not np.array_equal(answer(first, second), by_name)


def test_recognised_words_are_read_otherwise_until_an_exclamation_mark_is_seen(text):
    line, past = "Oh, my God. I can't believe it.", (Said("I got the job.", "a", recognised=True),)
    heard = text.estimate(line, past=past, speaker="b", recognised=True).probabilities
    written = told(text, line, (Said("I got the job.", "a"),), "b")
    assert np.abs(heard - written).max() > 0.01
    for marked, spoken in ((past, line + " Wow!"), ((Said("I got the job!", "a", recognised=True),), line)):
        told_so = text.estimate(spoken, past=marked, speaker="b", recognised=True).probabilities
        assert np.array_equal(told_so, told(text, spoken, [Said(said.text, said.speaker) for said in marked], "b"))


def test_both_outputs_are_shares(text):
    estimate = text.estimate("Thank you!", past=(Said("Here is your present.", "a"),), speaker="b")
    for shares, count in ((estimate.probabilities, 7), (estimate.sentiment, 3)):
        assert shares.shape == (count,)
        assert shares.sum() == pytest.approx(1, abs=1e-4)
        assert (shares >= 0).all()


def test_the_past_is_bounded(text):
    old = [Said(f"You are terrible, number {i}!", "a") for i in range(500)]
    late = [Said("Hello.", "b")] * (MOST_TURNS - 1)
    assert np.array_equal(told(text, "Okay.", [*old, *late]), told(text, "Okay.", late))
    long = Said("I hate you all. " * 1000, "a")
    full = [long] * (MOST_PIECES // 64 + 1)
    assert np.array_equal(told(text, "Okay.", [*old, *full]), told(text, "Okay.", full))


def test_a_speech_of_many_words_takes_no_longer_than_a_full_past(text):
    started = time.perf_counter()
    assert told(text, "I hate this. " * 20_000) is not None
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("line", ["", "...", "?!", "\x85"])
def test_no_words_are_no_answer_whatever_came_before(text, line):
    assert text.estimate(line, past=(Said("I hate you!", "a"),)).reason == "no words"


def test_turns_without_words_are_as_if_never_said(text):
    assert np.array_equal(
        told(text, "Okay.", (Said(""), Said("Go away!"), Said(""))), told(text, "Okay.", (Said("Go away!"),))
    )


def test_a_batch_answers_as_each_alone(text):
    reader = text._reader
    a = reader.read(Said("Thank you."), (Said("I hate you!", "x"), Said("I am so sorry.", "y"))).inputs
    b = reader.read(Said("I got the job!"), ()).inputs
    length = a["pieces"].shape[1]
    padded = {
        n: np.pad(b[n], ((0, 0), (0, length - b[n].shape[1])), constant_values=(0 if n == "pieces" else -1)) for n in b
    }
    both = text.model.run(**{n: np.concatenate([a[n], padded[n]]) for n in a})["probabilities"]
    alone = [text.model.run(**inputs)["probabilities"][0] for inputs in (a, b)]
    assert np.abs(both - alone).max() < QUANTISED


def test_a_model_without_a_vocabulary_is_refused(models_dir):
    model = load_model(models_dir, "text", NAME, "cpu")
    model.metadata = {}
    with pytest.raises(ModelError, match="export"):
        TextEmotion(model)
