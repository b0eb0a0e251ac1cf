"""Faces in view taken for persons, by encodings that a test decides; and real faces by the shipped model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mer_ros.errors import InputError, ModelError
from mer_ros.inference import load_model
from mer_ros.utterance import Box, Frame
from mer_ros.vision.detector import make_detector
from mer_ros.vision.encoder import FaceEncoder, similarity
from mer_ros.vision.people import PeopleOptions
from mer_ros.vision.recognition import PersonRecogniser
from mer_ros.vision.tracker import FacesInFrame, TrackedFace

MS = 1_000_000
IMAGE = np.zeros((480, 640, 3), np.uint8)
POINTS = np.array([[30, 40], [70, 40], [50, 60], [35, 85], [65, 85]], np.float32)


def face(track: int, **changes) -> TrackedFace:
    box = changes.pop("box", Box(60 * track, 10, 100, 120))
    points = POINTS + np.array([box.x, box.y], np.float32)
    return TrackedFace(**({"id": track, "box": box, "score": 0.9, "detected": True, "landmarks": points} | changes))


class Told:
    """Encodes the face whose box begins at x as the test says."""

    def __init__(self) -> None:
        self.who: dict[int, int] = {}  # x of the left eye to number of the person
        self.calls = 0

    def encode(self, image, landmarks):
        self.calls += 1
        encoding = np.zeros(128)
        encoding[self.who[int(landmarks[0, 0])]] = 1.0
        return encoding


def told(**tracks: int) -> Told:
    encoder = Told()
    for track, who in tracks.items():
        encoder.who[60 * int(track[1:]) + 30] = who
    return encoder


def look(recogniser: PersonRecogniser, faces: list[TrackedFace], begin_ms: int, count: int = 8) -> int:
    for n in range(count):
        recogniser.see(Frame((begin_ms + 200 * n) * MS, IMAGE), FacesInFrame(tuple(faces), ()))
    return (begin_ms + 200 * count) * MS


def test_a_person_who_leaves_and_comes_back_with_another_track_is_the_same() -> None:
    recogniser = PersonRecogniser(told(t1=0, t2=1, t7=0))
    now = look(recogniser, [face(1), face(2)], 0)
    assert [recogniser.person(t, now) for t in (1, 2)] == ["person-1", "person-2"]
    now = look(recogniser, [face(7)], 900_000)
    assert recogniser.person(7, now) == "person-1"
    assert recogniser.counts["people_known_again"] == 1


def test_who_a_face_was_is_told_by_the_time_that_is_asked_for() -> None:
    recogniser = PersonRecogniser(told(t1=0))
    look(recogniser, [face(1)], 1_000)
    assert recogniser.person(1, 1_399 * MS) == ""  # the third encoding came at 1400 ms
    assert recogniser.person(1, 1_400 * MS) == "person-1"
    assert recogniser.person(9, 1_400 * MS) == ""


def test_a_known_face_is_looked_at_now_and_then_only() -> None:
    encoder = told(t1=0, t2=1)
    recogniser = PersonRecogniser(encoder)
    look(recogniser, [face(1), face(2)], 0, 250)  # fifty seconds
    assert 20 <= encoder.calls <= 26


def test_ids_that_change_places_at_a_crossing_are_put_right() -> None:
    encoder = told(t1=0, t2=1)
    recogniser = PersonRecogniser(encoder)
    look(recogniser, [face(1), face(2)], 0)
    encoder.who = {90: 1, 150: 0}
    now = look(recogniser, [face(1), face(2)], 5_000, 30)
    assert [recogniser.person(t, now) for t in (1, 2)] == ["person-2", "person-1"]
    assert recogniser.counts["persons_changed"] == 2
    assert recogniser.counts["people_met"] == 2


def test_two_tracks_that_claim_one_face_are_two_persons_while_both_are_in_view() -> None:
    recogniser = PersonRecogniser(told(t1=0, t2=0))
    now = look(recogniser, [face(1), face(2)], 0)
    assert [recogniser.person(t, now) for t in (1, 2)] == ["person-1", "person-2"]


@pytest.mark.parametrize(
    "changes",
    [
        {"landmarks": None},
        {"box": Box(60, 10, 31, 120)},
        {"landmarks": POINTS - 100},
        {"landmarks": POINTS + np.array([600, 0], np.float32)},
        {"landmarks": np.full((5, 2), np.nan, np.float32)},
        {"landmarks": POINTS + np.array([[0, 0], [0, 0], [30, 0], [0, 0], [0, 0]], np.float32)},  # a profile
        {"landmarks": np.full((5, 2), 50, np.float32)},
    ],
)
def test_a_face_that_cannot_be_told_is_not_encoded(changes) -> None:
    encoder = told(t1=0)
    recogniser = PersonRecogniser(encoder)
    now = look(recogniser, [face(1, **changes)], 0)
    assert (encoder.calls, recogniser.person(1, now)) == (0, "")


@pytest.mark.parametrize("error", [InputError, ModelError])
def test_an_encoder_that_refuses_a_face_costs_that_face_only(error) -> None:
    class Fussy(Told):
        def encode(self, image, landmarks):
            if landmarks[0, 0] == 90:
                raise error("no face")
            return super().encode(image, landmarks)

    encoder = Fussy()
    encoder.who = {150: 3}
    recogniser = PersonRecogniser(encoder)
    now = look(recogniser, [face(1), face(2)], 0, 12)
    assert [recogniser.person(t, now) for t in (1, 2)] == ["", "person-1"]
    assert recogniser.counts["faces_not_encoded"] > 0


def test_an_encoding_that_is_not_finite_is_a_fault_of_the_model() -> None:
    entry = SimpleNamespace(name="broken")
    model = SimpleNamespace(entry=entry, run=lambda face: {"encoding": np.full((1, 128), np.nan, np.float32)})
    with pytest.raises(ModelError, match="broken"):
        FaceEncoder(model).encode(IMAGE, POINTS)


def test_a_poster_of_a_hundred_faces_fills_nothing() -> None:
    encoder = Told()
    encoder.who = {60 * n + 30: n for n in range(100)}
    wide = np.zeros((200, 6_200, 3), np.uint8)
    recogniser = PersonRecogniser(encoder, PeopleOptions(max_people=20))
    faces = FacesInFrame(tuple(face(n) for n in range(100)), ())
    for n in range(600):
        recogniser.see(Frame(200 * n * MS, wide), faces)
    assert encoder.calls == 600  # one a frame
    assert len(recogniser.people.names()) == 20
    for n in range(2_000):
        recogniser.see(Frame((200_000 + n) * MS, wide), FacesInFrame((face(n % 100, id=n),), ()))
    assert len(recogniser._faces) <= 256


def test_who_is_forgotten_is_met_anew() -> None:
    recogniser = PersonRecogniser(told(t1=0, t2=1))
    now = look(recogniser, [face(1), face(2)], 0)
    assert recogniser.forget("person-1") == 1
    assert recogniser.forget("person-1") == 0
    assert [recogniser.person(t, now) for t in (1, 2)] == ["", "person-2"]
    now = look(recogniser, [face(1), face(2)], 10_000)
    assert [recogniser.person(t, now) for t in (1, 2)] == ["person-3", "person-2"]
    assert recogniser.forget() == 2
    assert [recogniser.person(t, now) for t in (1, 2)] == ["", ""]


def test_when_time_goes_back_the_persons_stay() -> None:
    recogniser = PersonRecogniser(told(t1=0, t4=0))
    look(recogniser, [face(1)], 1_000_000)
    recogniser.start_anew()
    now = look(recogniser, [face(4)], 0)
    assert recogniser.person(4, now) == "person-1"


def test_points_are_brought_to_their_places() -> None:
    turn = np.array([[0.0, -2.0], [2.0, 0.0]])
    places = POINTS @ turn.T + np.array([7, 9])
    move = similarity(POINTS.astype(float), places.astype(float))
    assert np.allclose(POINTS @ move[:, :2].T + move[:, 2], places)
    for points in (np.ones((5, 2)), np.full((5, 2), np.nan)):
        with pytest.raises(InputError):
            similarity(points, places.astype(float))


@pytest.fixture(scope="module")
def encoder(models_dir: Path) -> FaceEncoder:
    return FaceEncoder(load_model(models_dir, "identity", None, "cpu"))


def test_real_faces_are_told_apart(encoder, astronaut, hopper) -> None:
    assert_told_apart(encoder, {"astronaut": [astronaut], "hopper": [hopper]})


def test_real_talkers_are_told_apart(encoder, clips) -> None:
    assert_told_apart(encoder, {name: frames[::25] for name, frames in clips.items()})


def assert_told_apart(encoder: FaceEncoder, pictures: dict[str, list[np.ndarray]]) -> None:
    """Each in several frames, and half as large."""
    detector = make_detector()
    who, found = [], []
    for name, images in pictures.items():
        for image in images:
            for picture in (image, image[::2, ::2].copy()):
                largest = max(detector.detect(picture), key=lambda d: d.box.width)
                found.append(encoder.encode(picture, largest.landmarks))
                who.append(name)
    distances = np.linalg.norm(np.array(found)[:, None] - np.array(found)[None], axis=2)
    same = np.array(who)[:, None] == np.array(who)[None]
    assert distances[same].max() < 0.5
    assert distances[~same].min() > 0.6


def test_the_encodings_are_those_of_dlib(encoder, hopper) -> None:
    dlib = pytest.importorskip("dlib")
    models = pytest.importorskip("face_recognition_models")
    network = dlib.face_recognition_model_v1(models.face_recognition_model_location())
    chip = np.ascontiguousarray(hopper[100:250, 150:300])
    ours = encoder._model.run(face=chip[None])["encoding"][0]
    assert np.abs(ours - np.array(network.compute_face_descriptor(chip))).max() < 5e-3
