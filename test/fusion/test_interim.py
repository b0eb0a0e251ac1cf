"""Interim emotions of everybody in view: rates, model runs, steadiness, who speaks, bounds."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.emotion import EMOTIONS, Modality, ModalityEstimate
from mer_ros.fusion.experts import Expert, Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.fusion.options import FusionOptions
from mer_ros.utterance import Box, FaceSample, SpeechState, Transcript, Utterance, VisualWindow
from mer_ros.vision.emotion import FaceEmotion

MS = 1_000_000
START = 1_700_000_000_000_000_000
UNIFORM = np.full(7, 1 / 7)
OPTIONS = FusionOptions(target_prior=tuple(UNIFORM))
CONTEXT = np.zeros((112, 150, 3), np.uint8)


def feeling(emotion: str, height: float = 0.7) -> np.ndarray:
    values = np.full(7, (1 - height) / 6)
    values[EMOTIONS.index(emotion)] = height
    return values


NAN = float("nan")


def window(
    at_ms, track=1, *, samples=(), person="", number=0, speaking=NAN, final=False, out_of_view=NAN
) -> VisualWindow:
    """A window of the half second before `at_ms`."""
    start_ns, end_ns = START + (at_ms - 500) * MS, START + at_ms * MS
    seen = len(samples)
    return VisualWindow(
        number, final, start_ns, end_ns, track, tuple(samples), 1, seen, 640, 480, speaking, out_of_view, person
    )


def sized(*sides: int) -> list[FaceSample]:
    crop = np.zeros((96, 96, 3), np.uint8)
    return [FaceSample(0, Box(0, 0, side, side), 0.9, True, crop, CONTEXT) for side in sides]


def speech(at_ms, number=1, state=SpeechState.STARTED, first=0, samples=8000) -> Utterance:
    """Half a second that ends at `at_ms`."""
    start_ns = START + (at_ms - 500) * MS
    return Utterance(number, state, start_ns, START + at_ms * MS, np.zeros(samples, np.int16), first)


class Told:
    """Experts that say what they are told to, and remember what they were asked."""

    def __init__(self, face="joy", height=0.7) -> None:
        self.feels, self.height, self.asked = {}, height, []
        self.face = face

    def _expert(self, modality: Modality) -> Expert:
        def estimate(part, *more, **_how):
            self.asked.append((modality.value, *more[-1:]))
            feels = self.feels.get(getattr(part, "track_id", None), self.face) if modality is Modality.FACE else "fear"
            return ModalityEstimate(modality, feeling(feels, self.height), quality=0.8, model="told")

        return Expert(estimate, UNIFORM, 0.8)

    def fuser(self, options=OPTIONS, **changes) -> EmotionFuser:
        def dialogue(probabilities, history, same):
            self.asked.append(("dialogue",))
            return probabilities

        return EmotionFuser(
            Experts(**{m.value: self._expert(m) for m in Modality} | {"dialogue": dialogue} | changes), options
        )


def at(ms: int) -> int:
    return START + ms * MS


def names(estimates) -> list[str]:
    return [estimate.person_id for estimate in estimates]


class CountingFace:
    """A face model that counts crops: joy for what is bright."""

    entry = SimpleNamespace(name="counting")

    def __init__(self) -> None:
        self.crops = 0

    def run(self, face, context):
        self.crops += len(face)
        light = face.reshape(len(face), -1).mean(axis=1) / 255
        rows = np.full((len(face), 7), 0.05)
        rows[:, 3], rows[:, 4] = 0.05 + 0.65 * light, 0.05 + 0.65 * (1 - light)
        return {"probabilities": (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)}


def test_thirty_faces_cost_their_new_crops_and_each_is_told_of_at_the_rate():
    model = CountingFace()
    face = FaceEmotion(model, 4096)
    probed = model.crops
    fuser = EmotionFuser(Experts(face=Expert(face.estimate, UNIFORM, 0.8)), OPTIONS)
    rng = np.random.default_rng(0)
    crops: dict[int, list[FaceSample]] = {track: [] for track in range(1, 31)}
    told, rounds = [], 8
    for now_ms in range(500, 500 * rounds + 500, 50):
        if now_ms % 500 == 0 and now_ms <= 500 * rounds:
            for track, kept in crops.items():
                new = [
                    FaceSample(
                        at(now_ms - 500 + 100 * k),
                        Box(0, 0, 80, 80),
                        0.9,
                        True,
                        rng.integers(0, 256, (96, 96, 3), np.uint8),
                        CONTEXT,
                    )
                    for k in range(5)
                ]
                kept += new
                fuser.window(window(now_ms, track, samples=new), at(now_ms))
        told.append(fuser.live(at(now_ms)))
    assert [len(estimates) for estimates in told if estimates] == [30] * rounds
    assert model.crops - probed == 30 * 5 * rounds
    for track, kept in crops.items():  # the final windows bring nothing new
        fuser.utterance(speech(500 * rounds, track, SpeechState.ENDED), at(500 * rounds))
        fuser.window(window(500 * rounds, track, samples=kept[::3], number=track, final=True), at(500 * rounds))
    assert model.crops - probed == 30 * 5 * rounds


def test_without_new_samples_no_model_runs_and_the_state_is_told_until_it_is_old():
    told = Told()
    fuser = told.fuser()
    fuser.window(window(500, samples=sized(80)), at(500))
    estimates = [fuser.live(at(now_ms)) for now_ms in range(500, 4000, 50)]
    asked = [line for line in told.asked if line[0] == "face"]
    assert len(asked) == 1
    given_at = [500 + 50 * k for k, some in enumerate(estimates) if some]
    assert given_at == [500, 1000, 1500, 2000]  # the horizon is 1500 ms
    assert {e.emotion for some in estimates for e in some} == {"joy"}


@pytest.mark.parametrize("height", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("run", [1, 2])
def test_a_noisy_stream_does_not_flip_the_label(height, run):
    """Windows of half a second that say one thing and another in turn, for half a second or a whole one."""
    told = Told(height=height)
    fuser, labels = told.fuser(), []
    for k in range(40):
        told.face = "joy" if k < 4 or k // run % 2 == 0 else "anger"
        fuser.window(window(500 * k, samples=sized(80)), at(500 * k))
        labels += [e.emotion for e in fuser.live(at(500 * k))]
    changes = sum(a != b for a, b in pairwise(labels))
    assert len(labels) == 40
    assert changes == 0


@pytest.mark.parametrize(("height", "within_ms"), [(0.9, 1500), (0.7, 2000), (0.5, 2000), (0.25, 2000)])
def test_a_real_change_is_told_in_time(height, within_ms):
    told = Told(height=height)
    fuser, change_ms = told.fuser(), None
    for now_ms in range(0, 20_000, 500):
        told.face = "joy" if now_ms < 10_000 else "anger"
        fuser.window(window(now_ms, samples=sized(80)), at(now_ms))
        (estimate,) = fuser.live(at(now_ms))
        if estimate.emotion == "anger" and change_ms is None:
            change_ms = now_ms
    assert 10_000 < change_ms <= 9_500 + within_ms  # the first window of anger ends at 10 s, and began at 9.5 s


def test_the_voice_of_who_speaks_is_heard_once_a_tick_and_only_when_there_is_more_of_it():
    told = Told()
    fuser = told.fuser()
    fuser.utterance(speech(500), at(500))
    for now_ms in range(500, 3500, 50):
        if now_ms % 500 == 0:
            fuser.window(window(now_ms, samples=sized(80)), at(now_ms))
        if now_ms % 200 == 0 and now_ms < 2000:  # more of it from 0.6 s to 1.8 s
            first = 8000 + 3200 * ((now_ms - 600) // 200)
            fuser.utterance(speech(now_ms, 1, SpeechState.ONGOING, first, 3200), at(now_ms))
        fuser.live(at(now_ms))
    assert [line for line in told.asked if line[0] == "audio"] == [("audio", "face-1")] * 4  # at 0.5, 1, 1.5 and 2 s


def test_words_are_read_once_and_the_dialogue_only_for_who_speaks():
    told = Told()
    fuser = told.fuser()
    fuser.utterance(speech(500, 1, SpeechState.ENDED), at(500))
    fuser.poll(at(60_000))  # a turn of the past
    told.asked.clear()
    fuser.utterance(speech(2000, 2), at(2000))
    fuser.transcript(Transcript(2, at(1500), at(2000), "so far", False), at(2000))
    for now_ms in (2000, 2500, 3000):
        fuser.window(window(now_ms, 1, samples=sized(90), number=2), at(now_ms))
        fuser.window(window(now_ms, 2, samples=sized(50), number=2), at(now_ms))
        silent, speaking = fuser.live(at(now_ms))
        assert (silent.person_id, silent.utterance_id, silent.transcript) == ("face-2", 0, "")
        assert (speaking.person_id, speaking.utterance_id, speaking.transcript) == ("face-1", 2, "so far")
        assert [m.available for m in silent.modalities] == [True, False, False]
        assert [m.available for m in speaking.modalities] == [True, True, True]
        assert (silent.turn, speaking.turn) == (2, 2)
    asked = [line[0] for line in told.asked]
    assert {name: asked.count(name) for name in set(asked)} == {"face": 6, "audio": 1, "text": 1, "dialogue": 3}


def test_a_speaker_out_of_view_is_told_of_with_voice_alone():
    fuser = Told().fuser()
    fuser.utterance(speech(500), at(500))
    (estimate,) = fuser.live(at(500))
    assert (estimate.person_id, estimate.face_id, estimate.utterance_id) == ("", 0, 1)
    assert (estimate.emotion, estimate.modalities[0].reason) == ("fear", "not in view")


@pytest.mark.parametrize(
    ("mouths", "speakers"),
    [
        ([(0.3, 0.6), (0.3, 0.6)], ["face-2", "face-2"]),
        ([(0.3, 0.6), (0.5, 0.45)], ["face-2", "face-2"]),  # not clearly another one
        ([(0.3, 0.6), (0.9, 0.1)], ["face-2", "face-1"]),
        ([(float("nan"), float("nan"))] * 2, ["face-1", "face-1"]),  # the larger one
    ],
)
def test_who_speaks_is_told_by_the_mouth_else_by_the_size(mouths, speakers):
    fuser, found = Told().fuser(), []
    fuser.utterance(speech(500), at(500))
    for k, pair in enumerate(mouths, 1):
        for track, speaking in enumerate(pair, 1):
            fuser.window(
                window(500 * k, track, samples=sized(100 - 20 * track), number=1, speaking=speaking), at(500 * k)
            )
        *_, last = fuser.live(at(500 * k))
        found.append((last.person_id, last.utterance_id))
    assert found == [(name, 1) for name in speakers]


def test_who_is_in_view_does_not_get_the_voice_of_somebody_who_is_not():
    fuser = Told().fuser()
    fuser.utterance(speech(500), at(500))
    for track in (1, 2):
        fuser.window(window(500, track, samples=sized(80), number=1, speaking=0.05, out_of_view=0.9), at(500))
    assert [(e.person_id, e.utterance_id) for e in fuser.live(at(500))] == [("face-1", 0), ("face-2", 0), ("", 1)]


def test_equal_faces_do_not_take_turns_as_the_speaker():
    fuser, found = Told().fuser(), []
    fuser.utterance(speech(500), at(500))
    for k in range(1, 4):
        for track in (1, 2):
            fuser.window(window(500 * k, track, samples=sized(80 + (k + track) % 2)), at(500 * k))
        found.append(fuser.live(at(500 * k))[-1].person_id)
    assert len(set(found)) == 1


def test_a_face_whose_person_becomes_known_goes_on_under_that_name():
    told = Told()
    fuser = told.fuser()
    for k in range(1, 6):
        fuser.window(window(500 * k, samples=sized(80)), at(500 * k))
        fuser.live(at(500 * k))
    told.face = "anger"
    fuser.window(window(3000, samples=sized(80), person="person-1"), at(3000))
    (estimate,) = fuser.live(at(3000))
    assert (estimate.person_id, estimate.face_id, estimate.emotion) == ("person-1", 1, "joy")  # not yet anger


def test_two_tracks_that_claim_one_person_are_told_of_once():
    fuser = Told().fuser()
    for track in (1, 2):
        fuser.window(window(500, track, samples=sized(80), person="person-1"), at(500))
    assert names(fuser.live(at(500))) == ["person-1"]


@pytest.mark.parametrize("back_ms", [5_000, 3_600_000])
def test_when_time_goes_back_nothing_of_before_is_told(back_ms):
    told = Told()
    fuser = told.fuser()
    for k in range(4):
        fuser.window(window(7_200_000 + 500 * k, samples=sized(80), person="ann"), at(7_200_000 + 500 * k))
    told.face = "anger"
    now_ms = 7_200_000 - back_ms
    fuser.window(window(now_ms, samples=sized(80), person="bob"), at(now_ms))
    assert [(e.person_id, e.emotion) for e in fuser.live(at(now_ms))] == [("bob", "anger")]
    assert fuser.counts["live_time_went_back"] == 1


def test_windows_that_nobody_asked_about_are_bounded_and_those_without_a_face_are_left_out():
    told = Told()
    fuser = told.fuser()
    fuser.window(window(0, 0), at(0))
    for k in range(100):
        fuser.window(window(10 * k, samples=sized(80)), at(10 * k))
    assert names(fuser.live(at(1000))) == ["face-1"]
    assert len(told.asked) <= 4


def test_a_model_that_says_nothing_of_a_face_leaves_its_person_out():
    def blind(_window):
        return ModalityEstimate(Modality.FACE, reason="face of 9 px is too small")

    fuser = Told().fuser(face=Expert(blind, UNIFORM, 0.8))
    fuser.window(window(500, samples=sized(9)), at(500))
    assert fuser.live(at(500)) == []
    fuser.utterance(speech(500), at(500))
    (estimate,) = fuser.live(at(500))
    assert (estimate.person_id, estimate.modalities[0].reason) == ("face-1", "face of 9 px is too small")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 400), st.booleans()), max_size=60))
def test_however_windows_come_persons_are_bounded_and_each_is_told_of_once(stream):
    fuser = Told().fuser(replace(OPTIONS, live_people=5))
    now_ms, ticks = 0, 0
    for track, step_ms, ask in stream:
        now_ms += step_ms
        fuser.window(window(now_ms, track, samples=sized(40 + track)), at(now_ms))
        told = fuser.live(at(now_ms)) if ask else []
        assert len(told) <= 5
        assert len(set(names(told))) == len(told)
        assert all(now_ms - 1500 <= (e.end_ns - START) // MS <= now_ms for e in told)
        ticks += bool(told)
        assert ticks <= now_ms / 500 + 1
