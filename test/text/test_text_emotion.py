from __future__ import annotations

import math

import pytest
from model_files import add_model, make_entry, save_mean, save_text

from mer_ros.emotion import EMOTIONS, Modality
from mer_ros.errors import InputError, ModelError
from mer_ros.inference import Model, TensorSpec, load_model
from mer_ros.text.emotion import UNKNOWN_CONFIDENCE, TextEmotion


@pytest.fixture
def emotion(tmp_path):
    add_model(tmp_path, "text")
    return TextEmotion(load_model(tmp_path, "text"))


@pytest.mark.parametrize(("text", "label"), [("I'm HAPPY", "joy"), ("so sad", "sadness"), ("angry, angry", "anger")])
def test_words_decide(emotion, text, label):
    estimate = emotion.estimate(text, 0.9)
    assert estimate.modality is Modality.TEXT
    assert estimate.available
    assert estimate.probabilities.shape == (7,)
    assert estimate.probabilities.sum() == pytest.approx(1)
    assert EMOTIONS[estimate.probabilities.argmax()] == label
    assert estimate.model == "tiny-text"
    assert estimate.latency_ms > 0


@pytest.mark.parametrize("text", ["", "   ", "...", "?!", "\x85\x00"])
def test_no_words(emotion, text):
    estimate = emotion.estimate(text)
    assert not estimate.available
    assert estimate.reason == "no words"
    assert estimate.quality == 0
    assert emotion.counts == {"no words": 1}


def test_another_script_is_not_guessed_at(emotion):
    assert emotion.estimate("안녕 세계").reason == "no known words"


@pytest.mark.parametrize(
    ("text", "confidence", "quality"),
    [
        ("happy", 1.0, 1 / 2),
        ("very very happy!", 1.0, 3 / 4),
        ("very happy", 0.5, 0.5 * 2 / 3),
        ("very happy", math.nan, UNKNOWN_CONFIDENCE * 2 / 3),
        ("happy 안녕", 1.0, 1 / 2 * 1 / 2),
    ],
)
def test_quality(emotion, text, confidence, quality):
    assert emotion.estimate(text, confidence).quality == pytest.approx(quality)


def test_a_model_may_tell_which_words_it_knows(tmp_path):
    path = tmp_path / "knowing.onnx"
    save_text(path, with_known=True)
    outputs = {"probabilities": TensorSpec("float32", (None, 7)), "known": TensorSpec("bool", (None, 20))}
    emotion = TextEmotion(Model(tmp_path, make_entry(path, "text", outputs=outputs)))
    assert emotion.estimate("happy sad xyzzy plugh", 1.0).quality == pytest.approx(2 / 4 * 2 / 3)
    assert emotion.estimate("xyzzy plugh!").reason == "no known words"


@pytest.mark.parametrize("confidence", [-0.1, 1.1, math.inf])
def test_confidence_out_of_range(emotion, confidence):
    with pytest.raises(InputError, match="confidence"):
        emotion.estimate("happy", confidence)


def test_a_model_of_another_sense_is_refused(tmp_path):
    save_mean(tmp_path / "m.onnx")
    model = Model(tmp_path, make_entry(tmp_path / "m.onnx", "speech"))
    with pytest.raises(ModelError, match="takes features"):
        TextEmotion(model)
