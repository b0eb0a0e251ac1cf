"""Who is speaking: drawn mouths that move with a sound, and real talkers side by side."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mer_ros.utterance import Box, Frame, SpeechState, Utterance, VisualWindow
from mer_ros.vision.detector import make_detector
from mer_ros.vision.observer import FaceObserver
from mer_ros.vision.observer_options import ObserverOptions
from mer_ros.vision.sound_delay import CLEAR, LAGS_MS, SoundDelay
from mer_ros.vision.speaking import (
    LEAST_MEASURES,
    Loudness,
    MouthMotion,
    OpenLoudness,
    agreement,
    certainty,
    face_grey,
    mouth_motion,
)
from mer_ros.vision.speaking import probabilities as weighed
from mer_ros.vision.tracker import FaceTracker

MS = 1_000_000
START = 1_700_000_000_000 * MS
QUIET = ObserverOptions(interim_period_ms=0)
BOXES = [Box(100, 150, 100, 120), Box(400, 150, 100, 120)]


def syllables(seed: int, seconds: float = 3.0) -> np.ndarray:
    """How loud somebody speaks, 0..1, each 10 ms: syllables and pauses of random lengths."""
    rng = np.random.default_rng(seed)
    levels: list[float] = [0.0] * 20
    while len(levels) < seconds * 100:
        levels += [0.0] * int(rng.integers(8, 40)) + [float(rng.uniform(0.5, 1))] * int(rng.integers(10, 40))
    return np.convolve(levels, np.ones(5) / 5, "same")[: int(seconds * 100)]


def sound(levels: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(9).normal(size=len(levels) * 160)
    return np.asarray(20 * noise + 3_000 * noise * np.repeat(levels, 160), np.int16)


def say(samples: np.ndarray, number: int = 1) -> Utterance:
    return Utterance(number, SpeechState.ENDED, START, START + (len(samples) or 48_000) * 62_500, samples)


def talking(scene, levels: list[np.ndarray]) -> list[Frame]:
    """Faces whose mouths open and shut eight times a second while their levels are high; the heads sway."""
    frames = []
    for n in range(75):
        image = scene.draw(*BOXES)
        for box, level in zip(BOXES, levels, strict=True):
            opening = level[n * 4] * (1 + np.sin(2 * np.pi * 4.3 * n / 25)) / 2
            middle = (box.x + box.width // 2, box.y + round(0.79 * box.height))
            cv2.ellipse(image, middle, (18, 2 + round(12 * opening)), 0, 0, 360, (60, 20, 20), -1)
        shift = np.array([[1, 0, 2 * np.sin(n / 9)], [0, 1, np.sin(n / 7)]])
        frames.append(Frame(START + n * 40 * MS, cv2.warpAffine(image, shift, (640, 480), borderMode=1)))
    return frames


def window_of(detector, frames: list[Frame], samples: np.ndarray, options=QUIET) -> tuple[FaceObserver, VisualWindow]:
    observer = FaceObserver(detector, options)
    for frame in frames:
        observer.frame(frame)
    (window,) = [*observer.utterance(say(samples)), *observer.flush()]
    return observer, window


@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_mouth_that_goes_with_the_sound_is_the_speaker(scene, scripted, seed, who) -> None:
    scripted.boxes = BOXES
    both = [syllables(seed), syllables(seed + 10)]
    _, window = window_of(scripted, talking(scene, both), sound(both[who]))
    assert abs(window.samples[0].box.x - BOXES[who].x) < 20
    assert window.speaking > 0.5
    assert 0 < window.out_of_view < 1 - window.speaking


def test_sound_that_is_stamped_late_is_learnt(scene, scripted) -> None:
    """Both speak, the right one is heard, 160 ms late: after some utterances it is known how late."""
    scripted.boxes = BOXES
    observer = FaceObserver(scripted, QUIET)
    chosen = []
    for number in range(6):
        both = [syllables(20 + 2 * number), syllables(21 + 2 * number)]
        begin = number * 5_000 * MS
        for frame in talking(scene, both):
            observer.frame(replace(frame, stamp_ns=frame.stamp_ns + begin))
        late = replace(say(sound(both[1]), number + 1), start_ns=START + begin + 160 * MS)
        late = replace(late, end_ns=late.start_ns + 3_000 * MS)
        (window,) = [*observer.utterance(late), *observer.flush()]
        chosen.append(bool(window.samples) and abs(window.samples[0].box.x - BOXES[1].x) < 20)
    assert 120 <= observer.sound_delay_ms <= 200
    assert chosen[-3:] == [True] * 3


def test_an_unclear_or_a_single_utterance_does_not_tell_how_late_the_sound_is() -> None:
    delay = SoundDelay()
    assert delay.ms == 0
    far = np.zeros(len(LAGS_MS))
    far[-1] = CLEAR - 0.1
    for _ in range(20):
        delay.learn(far)
    assert delay.ms == 0
    delay.learn(far + 0.2)
    assert delay.ms == 0
    for _ in range(5):
        delay.learn(far + 0.2)
    assert delay.ms == LAGS_MS[-1]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_still_mouth_and_a_mouth_that_says_something_else_leave_the_speaker_out_of_view(
    scene, scripted, seed
) -> None:
    scripted.boxes = BOXES
    frames = talking(scene, [syllables(seed), np.zeros(300)])
    heard = sound(1 - syllables(seed))  # the sound is there while the mouth is shut
    _, window = window_of(scripted, frames, heard, replace(QUIET, out_of_view=1.0))
    assert window.out_of_view > 0.5 > window.speaking
    assert window.samples  # it may be kept
    observer, window = window_of(scripted, frames, heard)
    assert (window.track_id, window.samples, window.faces_in_view) == (0, (), 2)
    assert observer.counts["speakers_out_of_view"] == 1


def test_a_part_of_an_utterance_is_neither_learnt_from_nor_counted(scene, scripted, monkeypatch) -> None:
    """The clock jumps before the end: what was seen until then is weighed, the utterance has its final window later."""
    learnt: list[np.ndarray] = []
    monkeypatch.setattr(SoundDelay, "learn", lambda _, curve: learnt.append(curve))
    scripted.boxes = BOXES
    frames = talking(scene, [syllables(1), np.zeros(300)])
    whole = say(sound(1 - syllables(1)))
    observer = FaceObserver(scripted, QUIET)
    observer.utterance(replace(whole, state=SpeechState.STARTED))
    for frame in frames + [replace(frame, stamp_ns=frame.stamp_ns + 3_600_000 * MS) for frame in frames[:10]]:
        observer.frame(frame)
    assert observer.counts["stamp_jumps"] == 1
    (window,) = [*observer.utterance(whole), *observer.flush()]
    assert np.isnan(window.out_of_view)
    assert (len(learnt), observer.counts["speakers_out_of_view"]) == (0, 0)
    observer, window = window_of(scripted, frames, whole.samples)
    assert not window.samples
    assert (len(learnt), observer.counts["speakers_out_of_view"]) == (1, 1)


def test_who_speaks_is_told_while_the_utterance_goes_on(scene, scripted) -> None:
    scripted.boxes = BOXES
    both = [syllables(1), syllables(11)]
    samples = sound(both[1])
    observer = FaceObserver(scripted, ObserverOptions())
    told = []
    for n, frame in enumerate(talking(scene, both)):
        told += observer.frame(frame)
        piece = samples[n * 640 : n * 640 + 640]  # as long as a frame, and in the end there is none
        state = SpeechState.ONGOING if n else SpeechState.STARTED
        observer.utterance(Utterance(1, state, START, START + (n + 1) * 40 * MS, piece, n * 640))
    early, late = told[:2], told[-2:]
    assert np.isnan([w.speaking for w in early]).all()
    assert {w.utterance_id for w in late} == {1}
    left, right = (next(w for w in late if abs(w.samples[-1].box.x - box.x) < 20) for box in BOXES)
    assert right.speaking > 0.5 > left.speaking
    assert left.speaking + right.speaking + right.out_of_view == pytest.approx(1.0)


def test_pieces_of_any_length_are_as_loud_as_the_whole() -> None:
    samples = sound(syllables(1))
    whole = Loudness.of(START, samples)
    pieces = OpenLoudness(START)
    for begin in range(0, len(samples), 777):
        pieces.hear(begin, samples[begin : begin + 777])
    assert np.array_equal(pieces.so_far().values, whole.values)
    gap = OpenLoudness(START)
    gap.hear(0, samples[:3_200])
    gap.hear(0, samples[:0])
    gap.hear(6_400, samples[6_400:])
    assert len(gap.so_far().values) == len(whole.values)
    assert (gap.so_far().values[10:20] == 0).all()
    assert OpenLoudness(START).so_far().values.shape == (0,)


@pytest.mark.parametrize("first_sample", [0, 2**32 - 1])
def test_pieces_beyond_all_measure_are_left_out(first_sample):
    pieces = OpenLoudness(START)
    for _ in range(200):
        pieces.hear(first_sample, np.zeros(16_000, np.int16))
    assert len(pieces.so_far().values) == (120 * 50 if first_sample == 0 else 0)


def test_without_sound_or_frames_nothing_is_said(scene, scripted) -> None:
    scripted.boxes = BOXES
    frames = talking(scene, [syllables(1), syllables(2)])
    for some, samples in ((frames, np.zeros(0, np.int16)), (frames[:LEAST_MEASURES], sound(syllables(1)))):
        _, window = window_of(scripted, some, samples)
        assert window.samples
        assert np.isnan([window.speaking, window.out_of_view]).all()


def test_light_and_a_moving_head_are_no_speech(scene) -> None:
    room = scene.draw(BOXES[0]).astype(np.float32)
    before = face_grey(room.astype(np.uint8), BOXES[0])
    brighter = face_grey(np.clip(room * 1.1 + 5, 0, 255).astype(np.uint8), BOXES[0])
    moved = cv2.warpAffine(room.astype(np.uint8), np.array([[1, 0, 1.0], [0, 1, 0.5]]), (640, 480), borderMode=1)
    opened = room.astype(np.uint8).copy()
    cv2.ellipse(opened, (150, 245), (18, 10), 0, 0, 360, (60, 20, 20), -1)
    spoken = mouth_motion(before, face_grey(opened, BOXES[0]))
    assert spoken > 0.1
    assert abs(mouth_motion(before, brighter)) < spoken / 5
    assert abs(mouth_motion(before, face_grey(moved, BOXES[0]))) < spoken / 5


def test_probabilities_add_up_and_a_flat_sound_agrees_with_nothing() -> None:
    speaking = weighed({3: 1.0, 5: 0.2})
    assert sum(speaking.faces.values()) + speaking.out_of_view == pytest.approx(1.0)
    assert speaking.faces[3] > speaking.out_of_view > speaking.faces[5]
    noise = np.random.default_rng(0).uniform(size=(2, 50))
    assert agreement(*noise, np.full(50, 3.0)) == 0.0
    assert abs(agreement(np.zeros(50), noise[0], noise[1])) < 0.01  # a mouth that is still
    # What is seen for a moment, or seldom, tells less; at five frames a second nothing.
    assert 0.5 < weighed({3: 0.0}, certainty(0.4, 25)).out_of_view < weighed({3: 0.0}).out_of_view
    assert 0.5 < weighed({3: 0.0}, certainty(4, 8)).out_of_view < weighed({3: 0.0}).out_of_view
    assert weighed({3: 0.0, 4: 2.0}, certainty(4, 5)).faces == {3: 0.25, 4: 0.25}
    assert certainty(2.0, 15.0) == certainty(9.0, 60.0) == 1.0
    # However many faces are still, somebody out of view is as likely.
    assert weighed({3: 0.0}).out_of_view == pytest.approx(weighed(dict.fromkeys(range(9), 0.0)).out_of_view)
    assert weighed({}).out_of_view == 1.0


def test_what_is_kept_is_bounded(scene, scripted) -> None:
    mouths = MouthMotion(1_000 * MS)
    image = scene.draw(*BOXES)
    scripted.boxes = BOXES
    faces = FaceTracker(scripted).update(Frame(0, image))
    for n in range(300):
        mouths.see(START + n * 10 * MS, image, faces)
    assert len(mouths._measures) <= 34
    assert mouths.weigh(Loudness.of(START, sound(syllables(1))), START + 3_000 * MS) is not None
    mouths.clear()
    assert mouths.weigh(Loudness.of(START, sound(syllables(1))), START + 3_000 * MS) is None


def voice_of(shared: Path, name: str) -> np.ndarray:
    """The sound of a clip, int16 at 16 kHz."""
    av = pytest.importorskip("av")
    with av.open(str(shared / "clips" / f"{name}.mpg")) as file:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
        return np.concatenate([p.to_ndarray().ravel() for f in file.decode(audio=0) for p in resampler.resample(f)])


def test_real_talkers_side_by_side(clips, shared: Path) -> None:
    """Each of four talkers beside each other, both speaking, one heard: 12 pairs, heard left and right in turn.

    Of the whole clips, and of the sentence without the silence around it.
    """
    detector = make_detector()
    sounds = {name: voice_of(shared, name) for name in clips}
    right: dict[tuple[int, int], int] = {}
    for number, (heard, other) in enumerate(itertools.permutations(clips, 2)):
        left = number % 2 == 0
        pair = (clips[heard], clips[other]) if left else (clips[other], clips[heard])
        observer = FaceObserver(detector, QUIET)
        for n, both in enumerate(zip(*pair, strict=True)):
            observer.frame(Frame(START + n * 40 * MS, np.hstack(both)))
        for begin_ms, end_ms in ((0, 2_960), (400, 2_600)):
            samples = sounds[heard][begin_ms * 16 : end_ms * 16]
            times = START + begin_ms * MS, START + end_ms * MS
            said = Utterance(begin_ms + number + 1, SpeechState.ENDED, *times, samples)
            (window,) = [*observer.utterance(said), *observer.flush()]
            assert window.faces_in_view == 2
            assert window.samples  # who speaks is never taken to be out of view
            chosen_left = window.samples[0].box.x < pair[0][0].shape[1] - 20
            right[begin_ms, end_ms] = right.get((begin_ms, end_ms), 0) + (chosen_left == left)
    assert sum(right.values()) >= 22, right  # of 24: more than nine tenths


def test_a_slow_camera_never_takes_the_face_from_who_speaks(clips, shared: Path) -> None:
    """Each talker alone, at rates down to that which a machine that cannot keep up leaves."""
    detector = make_detector()
    for (name, images), step in itertools.product(clips.items(), (1, 2, 5)):
        observer = FaceObserver(detector, QUIET)
        for n, image in list(enumerate(images))[::step]:
            observer.frame(Frame(START + n * 40 * MS, image))
        said = Utterance(1, SpeechState.ENDED, START, START + 2_960 * MS, voice_of(shared, name)[: 2_960 * 16])
        (window,) = [*observer.utterance(said), *observer.flush()]
        assert window.samples, (name, step, window.out_of_view)
