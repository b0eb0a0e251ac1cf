from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mer_ros.emotion import Modality
from mer_ros.errors import ModelError
from mer_ros.utterance import Box, FaceSample, VisualWindow
from mer_ros.vision.crops import crop_face
from mer_ros.vision.detector import make_detector
from mer_ros.vision.emotion import FaceEmotion, sample_quality, window_quality


class BrightnessModel:
    """Anger for dark faces, surprise for bright ones; remembers what it was given."""

    entry = SimpleNamespace(name="brightness")

    def __init__(self, sentiment: bool = False) -> None:
        self.sentiment = sentiment
        self.given: dict[str, np.ndarray] = {}

    def run(self, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        self.given = arrays
        light = arrays["face"].reshape(len(arrays["face"]), -1).mean(axis=1) / 255
        out = np.zeros((len(light), 7), np.float32)
        out[:, 0], out[:, 6] = 1 - light, light
        outputs = {"probabilities": out}
        if self.sentiment:
            outputs["sentiment_probabilities"] = np.stack([1 - light, 0 * light, light], axis=1)
        return outputs


def sample(face: np.ndarray, size: int = 96, score: float = 0.9, detected: bool = True) -> FaceSample:
    return FaceSample(0, Box(0, 0, size, size), score, detected, face, np.zeros((112, 150, 3), np.uint8))


def window(*samples: FaceSample, frames_seen: int = 10) -> VisualWindow:
    return VisualWindow(1, True, 0, 10**9, 1 if samples else 0, samples, 1, frames_seen, 640, 480)


@pytest.fixture(scope="module")
def face(astronaut) -> np.ndarray:
    (found,) = make_detector().detect(astronaut)
    return crop_face(astronaut, found.box)


def test_the_model_gets_a_row_a_frame(face) -> None:
    model = BrightnessModel()
    estimate = FaceEmotion(model).estimate(window(*[sample(face)] * 5))
    assert model.given["face"].shape == (5, 96, 96, 3)
    assert model.given["context"].shape == (5, 112, 150, 3)
    assert all(array.dtype == np.uint8 for array in model.given.values())
    assert estimate.modality is Modality.FACE
    assert estimate.available
    assert estimate.model == "brightness"
    assert estimate.probabilities.shape == (7,)
    assert estimate.probabilities.sum() == pytest.approx(1)
    assert 0 < estimate.quality <= 1
    assert estimate.latency_ms > 0
    assert estimate.sentiment is None


def test_a_sentiment_head_is_averaged_too(face) -> None:
    estimate = FaceEmotion(BrightnessModel(sentiment=True)).estimate(window(sample(face), sample(face // 2)))
    assert estimate.sentiment.shape == (3,)
    assert estimate.sentiment.sum() == pytest.approx(1)


def test_better_frames_weigh_more(face) -> None:
    dark = (face * 0.05).astype(np.uint8)
    alone = FaceEmotion(BrightnessModel()).estimate(window(sample(face))).probabilities[6]
    hidden = FaceEmotion(BrightnessModel()).estimate(window(sample(dark))).probabilities[6]
    both = FaceEmotion(BrightnessModel()).estimate(window(sample(face), sample(dark))).probabilities[6]
    assert (alone + both) / 2 > (alone + hidden) / 2 > hidden
    assert abs(both - alone) < abs(both - hidden)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (window(frames_seen=0), "no camera frames"),
        (window(frames_seen=7), "no face in view"),
        (window(sample(np.zeros((96, 96, 3), np.uint8), size=12)), "too small"),
    ],
)
def test_says_why_there_is_nothing(given, words) -> None:
    estimate = FaceEmotion(BrightnessModel()).estimate(given)
    assert not estimate.available
    assert words in estimate.reason
    assert estimate.quality == 0.0


@pytest.mark.parametrize(
    "worse",
    [
        lambda face: sample(face, size=30),
        lambda face: sample(face, score=0.5),
        lambda face: sample(face, detected=False),
        lambda face: sample((face * 0.1).astype(np.uint8)),
        lambda face: sample(np.minimum(face.astype(int) + 200, 255).astype(np.uint8)),
        lambda face: sample(cv2.GaussianBlur(face, (0, 0), 4)),
        lambda face: sample(np.zeros_like(face)),
    ],
)
def test_quality_falls_with_what_makes_a_face_hard_to_see(face, worse) -> None:
    assert 0.0 <= sample_quality(worse(face)) < sample_quality(sample(face)) <= 1.0


def test_quality_grows_with_frames() -> None:
    marks = [window_quality(np.full(n, 0.8)) for n in range(20)]
    assert marks == sorted(marks)
    assert marks[0] == 0.0
    assert 0.75 < marks[-1] <= 0.8


def test_faces_of_the_clips_are_good_ones(clips) -> None:
    detector = make_detector()
    for frames in clips.values():
        (found,) = detector.detect(frames[10])
        mark = sample_quality(
            FaceSample(
                0, found.box, found.score, True, crop_face(frames[10], found.box), np.zeros((112, 150, 3), np.uint8)
            )
        )
        assert mark > 0.6


@pytest.mark.parametrize(
    "output", [np.zeros((1, 6)), np.full((1, 7), np.nan), np.full((1, 7), np.inf), np.full((2, 7), 1 / 7)]
)
def test_a_model_that_breaks_its_contract_is_refused(face, output) -> None:
    model = BrightnessModel()
    model.run = lambda **arrays: {"probabilities": output}
    with pytest.raises(ModelError, match="brightness"):
        FaceEmotion(model).estimate(window(sample(face)))
