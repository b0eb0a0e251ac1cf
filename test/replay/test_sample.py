from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from mer_ros.audio.listener import SpeechListener
from mer_ros.errors import MissingDependencyError
from mer_ros.replay import mouths, sample
from mer_ros.replay.sample import TURNS, SampleDialogue
from mer_ros.utterance import AudioChunk, Frame, SpeechState

NS = 1_000_000_000


@pytest.fixture(scope="module")
def dialogue() -> SampleDialogue:
    return SampleDialogue()


def sound_of(dialogue) -> np.ndarray:
    return np.concatenate([e.samples for e in dialogue.events() if isinstance(e, AudioChunk)])[:, 0]


def test_it_is_a_dialogue(dialogue):
    assert 25 <= dialogue.duration_ns / NS <= 35
    assert [t.speaker for t in TURNS] == [0, 1, 0, 1, 0, 1]
    assert all(1.8 < (end - start) / NS < 5 for start, end, _ in dialogue.utterances)
    between = [b[0] - a[1] for a, b in zip(dialogue.utterances, dialogue.utterances[1:], strict=False)]
    assert all(1.1 * NS < pause < 2.5 * NS for pause in between)


def test_events_are_in_order_and_complete(dialogue):
    frames, samples, last = 0, 0, 0
    for event in dialogue.events(5 * NS):
        assert event.stamp_ns >= max(last, 5 * NS)
        last = event.stamp_ns
        if isinstance(event, Frame):
            frames += 1
            assert event.image.shape == (480, 640, 3)
            assert event.image.dtype == np.uint8
        else:
            samples += len(event.samples)
            assert event.samples.dtype == np.int16
    assert samples == dialogue.duration_ns * 16_000 // NS
    assert frames == int(dialogue.duration_ns / NS * 15)


def test_same_bytes_every_time(dialogue):
    def digest(source):
        total = hashlib.sha256()
        for event in source.events():
            total.update(event.image if isinstance(event, Frame) else event.samples)
            if event.stamp_ns > 3 * NS:
                return total.hexdigest()

    assert digest(SampleDialogue()) == digest(dialogue) != digest(SampleDialogue(seed=1))


def test_speech_is_loud_and_pauses_are_quiet(dialogue):
    sound = sound_of(dialogue).astype(float) / 32768
    rms = lambda a, b: np.sqrt(np.mean(sound[int(a * 16e-6) : int(b * 16e-6)] ** 2))  # noqa: E731
    end_before = 0
    for start, end, _ in dialogue.utterances:
        assert 0.05 < rms(start, end) < 0.1
        assert rms(end_before, start) < 0.001
        # cut within a pause of the speaker: the edges are much quieter than the words
        assert max(rms(start, start + 0.02 * NS), rms(end - 0.02 * NS, end)) < 0.02
        end_before = end


def test_the_listener_hears_exactly_the_turns(dialogue):
    listener = SpeechListener()
    heard = [u for e in dialogue.events() if isinstance(e, AudioChunk) for u in listener.push(e)]
    heard = [u for u in heard + listener.flush() if u.state == SpeechState.ENDED]
    assert len(heard) == len(TURNS)
    for utterance, (start, end, _) in zip(heard, dialogue.utterances, strict=True):
        assert abs(utterance.start_ns - start) < 0.5 * NS
        assert abs(utterance.end_ns - end) < 0.5 * NS


def test_a_face_is_in_view_in_every_turn_and_nobody_in_some_pauses(dialogue):
    for start, end, _ in dialogue.utterances:
        assert all(dialogue._in_view(t) is not None for t in (start, (start + end) // 2, end))
    for before, after in zip(dialogue.utterances, dialogue.utterances[1:], strict=False):
        assert dialogue._in_view((before[1] + after[0]) // 2) is None


def test_faces_are_detected(dialogue):
    face_recognition = pytest.importorskip("face_recognition")
    frames = [e for e in dialogue.events() if isinstance(e, Frame)]
    for start, end, words in dialogue.utterances:
        frame = min(frames, key=lambda f: abs(f.stamp_ns - (start + end) // 2))
        assert len(face_recognition.face_locations(frame.image, 0)) == 1, words
    assert not face_recognition.face_locations(frames[3].image, 0)


def test_packages_are_not_imported():
    code = (
        "import sys; from mer_ros.replay.sample import SampleDialogue; SampleDialogue();"
        "print([m for m in ('skimage','matplotlib','moonshine_voice','torch','rclpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["skimage", "matplotlib", "moonshine_voice"])
def test_a_missing_package_is_named_with_its_remedy(package, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(sample.importlib.util, "find_spec", lambda name: None if name == package else real(name))
    with pytest.raises(MissingDependencyError, match="pip install"):
        SampleDialogue()


def test_the_mouth_in_view_goes_with_the_sound(dialogue):
    """Shut in a pause, open in words, and the picture is changed nowhere else."""
    start, end, _ = dialogue.utterances[0]
    shares = [mouths.opening(dialogue._sound, t / NS) for t in range(start, end, NS // 25)]
    assert 0.3 < np.mean(shares) < 0.9
    assert mouths.opening(dialogue._sound, start / NS - 0.5) == 0.0
    assert mouths.opening(dialogue._sound, 1e6) == 0.0
    picture = np.random.default_rng(1).integers(60, 256, (200, 200, 3), dtype=np.uint8)
    opened = mouths.open_mouth(picture, (100, 100, 40), 1.0)
    changed = np.argwhere((opened != picture).any(axis=2))
    assert (changed.min(axis=0) >= (99, 60)).all()
    assert (changed.max(axis=0) <= (160, 140)).all()
    assert (opened[103, 100] == mouths.INSIDE).all()
    assert np.array_equal(mouths.open_mouth(picture, (100, 100, 40), 0.0), picture)
    assert np.array_equal(mouths.open_mouth(picture, (500, 500, 40), 1.0), picture)
