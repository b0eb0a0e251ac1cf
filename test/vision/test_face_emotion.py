from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mer_ros import resources
from mer_ros.emotion import Modality
from mer_ros.errors import ModelError
from mer_ros.inference import load_model
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


class CountingModel(BrightnessModel):
    """Counts the crops that it is asked about. leaning: answers depend on the batch, as dynamic scales make them."""

    def __init__(self, leaning: float = 0.0) -> None:
        super().__init__(sentiment=True)
        self.leaning = leaning
        self.batches: list[int] = []

    def run(self, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        self.batches.append(len(arrays["face"]))
        outputs = super().run(**arrays)
        light = outputs["probabilities"][:, 6]
        light = light * (1 - self.leaning) + light.mean() * self.leaning
        outputs["probabilities"][:, 0], outputs["probabilities"][:, 6] = 1 - light, light
        return outputs


def crops(face: np.ndarray, *numbers: int) -> tuple[FaceSample, ...]:
    """Crops of different light, each with the stamp of its number."""
    return tuple(replace(sample((face * (0.3 + 0.01 * n)).astype(np.uint8)), stamp_ns=n * 10**8) for n in numbers)


def same(one, other) -> bool:
    return np.allclose(one.probabilities, other.probabilities, atol=1e-9) and one.quality == other.quality


def test_each_crop_is_asked_about_once(face) -> None:
    model = CountingModel()
    remembering = FaceEmotion(model, 100)
    probed = len(model.batches)
    for first in range(0, 40, 5):
        remembering.estimate(window(*crops(face, *range(first, first + 5))))
    assert model.batches[probed:] == [5] * 8
    final = window(*crops(face, *range(0, 40, 3)))
    assert same(remembering.estimate(final), FaceEmotion(CountingModel()).estimate(final))
    assert sum(model.batches[probed:]) == 40
    mixed = remembering.estimate(window(*crops(face, 38, 39, 40, 41)))
    assert same(mixed, FaceEmotion(CountingModel()).estimate(window(*crops(face, 38, 39, 40, 41))))
    assert mixed.sentiment.sum() == pytest.approx(1)
    assert model.batches[probed + 8 :] == [2]
    assert remembering.counts == {"crops_scored": 42, "crops_known": 16}


def test_ids_and_stamps_that_mean_others_get_answers_of_their_own(face) -> None:
    remembering = FaceEmotion(CountingModel(), 100)
    dark, bright = (sample((face * light).astype(np.uint8)) for light in (0.3, 0.9))  # the same track and stamp
    for one in (dark, bright, dark):
        assert same(remembering.estimate(window(one)), FaceEmotion(CountingModel()).estimate(window(one)))


def test_what_is_forgotten_is_asked_about_again(face) -> None:
    model = CountingModel()
    remembering = FaceEmotion(model, 100)
    probed = len(model.batches)
    for _ in range(2):
        remembering.estimate(window(*crops(face, 1, 2)))
        remembering.forget()
    assert model.batches[probed:] == [2, 2]


def test_memory_is_bounded_and_a_window_may_be_longer_than_it(face) -> None:
    model = CountingModel()
    remembering = FaceEmotion(model, 8)
    probed = len(model.batches)
    whole = window(*crops(face, *range(20)))
    assert same(remembering.estimate(whole), FaceEmotion(CountingModel()).estimate(whole))
    remembering.estimate(window(*crops(face, *range(12, 20))))  # the last eight are known
    remembering.estimate(window(*crops(face, 0)))
    assert model.batches[probed:] == [20, 1]


@pytest.mark.parametrize(("leaning", "batches"), [(0.0, [3, 1]), (0.2, [1, 1, 1, 1])])
def test_answers_do_not_depend_on_the_company_in_which_crops_come(face, leaning, batches) -> None:
    model = CountingModel(leaning)
    remembering = FaceEmotion(model, 100)
    probed = len(model.batches)
    together = remembering.estimate(window(*crops(face, 1, 2, 3))).probabilities
    remembering.estimate(window(*crops(face, 4)))
    assert model.batches[probed:] == batches
    alone = FaceEmotion(CountingModel(leaning), 100)
    for number in (1, 2, 3):
        alone.estimate(window(*crops(face, number)))
    assert alone.estimate(window(*crops(face, 1, 2, 3))).probabilities == pytest.approx(together, abs=1e-9)


def test_without_a_memory_every_window_is_asked_about_whole(face) -> None:
    model = CountingModel(0.2)
    forgetful = FaceEmotion(model)
    for _ in range(2):
        forgetful.estimate(window(*crops(face, 1, 2, 3)))
    assert model.batches == [3, 3]


def test_the_models_here_answer_alike_alone_and_in_company(face) -> None:
    model = load_model(resources.models_dir(), "face")
    whole = window(*crops(face, *range(16)))
    remembering = FaceEmotion(model, 100)
    for number in range(16):
        remembering.estimate(window(*crops(face, number)))
    known = remembering.estimate(whole)
    assert remembering.counts["crops_scored"] == 16
    assert known.probabilities == pytest.approx(FaceEmotion(model).estimate(whole).probabilities, abs=1e-5)


def test_a_speaker_out_of_view_is_told_as_the_reason() -> None:
    face = FaceEmotion(BrightnessModel())
    unseen = VisualWindow(1, True, 0, 10, 0, (), 2, 30, 640, 480)
    assert face.estimate(replace(unseen, out_of_view=0.8)).reason == "the speaker is out of view"
    assert face.estimate(unseen).reason == "no face in view"
    assert face.estimate(replace(unseen, frames_seen=0, faces_in_view=0)).reason == "no camera frames"
