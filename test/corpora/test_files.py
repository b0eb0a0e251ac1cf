from __future__ import annotations

import wave

import numpy as np
import pytest

from mer_ros.corpora.faces import read_faces
from mer_ros.corpora.sound import read_sound
from mer_ros.corpora.speech import read_clips
from mer_ros.corpora.text import read_meld
from mer_ros.errors import InputError


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def write_wav(path, samples, rate):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def test_lines(tmp_path):
    path = write(tmp_path / "x.csv", '\ufeffUtterance,Emotion,Other\n"Oh, ""no""\u2026",sadness,1\n,joy,2\n')
    lines = read_meld(path)
    assert lines.texts == ("Oh, no ...", "")  # as the tokens' cleaning leaves them
    assert lines.labels.tolist() == [5, 3]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Utterance,Label\na,joy\n", "no column Emotion"),
        ("Utterance,Emotion\n", "no rows"),
        ("", "no column Utterance, Emotion"),
        ("Utterance,Emotion\na,happy\n", "'happy'"),
        ("Utterance,Emotion\na\n", "row 1 is cut short"),
    ],
)
def test_odd_lines(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        read_meld(write(tmp_path / "x.csv", text))


def test_lines_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv is missing"):
        read_meld(tmp_path / "none.csv")
    with pytest.raises(InputError, match="cannot be read as csv"):
        read_meld(write(tmp_path / "x.csv", "Utterance,Emotion\né,joy\n", "latin-1"))


CLIPS = "path,emotion,speaker\na/1.wav,joy,a-1\na/2.wav,anger,a-2\nb/1.wav,fear,b-1\n"


@pytest.mark.parametrize(
    ("speakers", "corpus", "wanted"),
    [((), "", [3, 0, 2]), (["a-2"], "", [0]), ((), "a", [3, 0]), (["a-1", "b-1"], "b", [2])],
)
def test_clips(tmp_path, speakers, corpus, wanted):
    clips = read_clips(write(tmp_path / "x.csv", CLIPS), speakers, corpus)
    assert clips.labels.tolist() == wanted
    assert all(p.is_relative_to(tmp_path) and p.suffix == ".wav" for p in clips.paths)


@pytest.mark.parametrize(
    ("speakers", "corpus", "sentence"),
    [(["c-1"], "", "no speaker c-1"), ((), "c", "no corpus 'c'"), (["a-1"], "b", "no clip")],
)
def test_clips_that_are_not_there(tmp_path, speakers, corpus, sentence):
    with pytest.raises(InputError, match=sentence):
        read_clips(write(tmp_path / "x.csv", CLIPS), speakers, corpus)


def test_faces(tmp_path):
    images = np.random.default_rng(1).integers(0, 255, (3, 48, 48), np.uint8)
    np.savez(tmp_path / "x.npz", images=images, labels=np.array([0, 6, 3], np.uint8))
    faces = read_faces(tmp_path / "x.npz")
    np.testing.assert_array_equal(faces.images, images)
    assert faces.labels.tolist() == [0, 6, 3]


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"images": np.zeros((1, 48, 48), np.uint8)}, "no array labels"),
        ({"images": np.zeros((1, 48, 48)), "labels": np.zeros(1, int)}, "float64"),
        ({"images": np.zeros((1, 40, 48), np.uint8), "labels": np.zeros(1, int)}, r"\[1, 40, 48\]"),
        ({"images": np.zeros((1, 48, 48), np.uint8), "labels": np.zeros(2, int)}, "2 labels"),
        ({"images": np.zeros((0, 48, 48), np.uint8), "labels": np.zeros(0, int)}, "above 0"),
        ({"images": np.zeros((1, 48, 48), np.uint8), "labels": np.array([7])}, "0 to 6"),
        ({"images": np.zeros((1, 48, 48), np.uint8), "labels": np.array([0.5])}, "whole numbers"),
        ({"images": np.zeros((1, 48, 48), np.uint8), "labels": np.array([None])}, "cannot be read"),
        ({"images": np.zeros((1, 48, 48), np.uint8), "labels": np.array(3)}, "one an image"),
    ],
)
def test_odd_faces(tmp_path, arrays, sentence):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(InputError, match=sentence):
        read_faces(tmp_path / "x.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"no archive at all"])
def test_what_is_no_npz(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as npz"):
        read_faces(tmp_path / "x.npz")


def test_an_npy_is_no_npz(tmp_path):
    with open(tmp_path / "x.npz", "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(InputError, match="cannot be read as npz"):
        read_faces(tmp_path / "x.npz")


def test_sound_as_it_is(tmp_path):
    samples = np.random.default_rng(1).integers(-20000, 20000, (1600, 1))
    np.testing.assert_array_equal(read_sound(write_wav(tmp_path / "x.wav", samples, 16_000)), samples[:, 0])


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (44_100, 1), (8_000, 1)])
def test_sound_is_resampled_and_mixed(tmp_path, rate, channels):
    time = np.arange(rate) / rate
    tone = (8000 * np.sin(2 * np.pi * 440 * time))[:, None].repeat(channels, axis=1)
    samples = read_sound(write_wav(tmp_path / "x.wav", tone, rate))
    assert samples.dtype == np.int16
    assert abs(len(samples) - 16_000) <= 32
    spectrum = np.abs(np.fft.rfft(samples[:16_000]))
    assert spectrum.argmax() * 16_000 / min(len(samples), 16_000) == pytest.approx(440, abs=2)
    assert np.sqrt(np.mean(samples[1000:-1000] ** 2.0)) == pytest.approx(8000 / np.sqrt(2), rel=0.05)


def test_what_is_no_sound(tmp_path):
    with pytest.raises(InputError, match="cannot be read as sound"):
        read_sound(tmp_path / "none.wav")
    with pytest.raises(InputError, match="cannot be read as sound"):
        read_sound(write(tmp_path / "x.wav", "no sound"))


def test_shared_corpora(shared):
    data = shared / "data"
    assert len(read_meld(data / "meld" / "dev_sent_emo.csv").texts) == 1109
    assert len(read_faces(data / "fer2013" / "validation.npz").labels) == 3589
    clips = read_clips(data / "speech.csv", corpus="ravdess")
    assert len(clips.paths) == 1080
    samples = read_sound(clips.paths[0])
    assert 2 < len(samples) / 16_000 < 6
    assert np.abs(samples).max() > 100
