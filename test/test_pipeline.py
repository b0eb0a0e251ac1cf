"""The whole pipeline in one process, on the sample's first sentence, with the shipped models."""

from __future__ import annotations

import pytest

from mer_ros.audio.listener import SpeechListener
from mer_ros.emotion import EMOTIONS
from mer_ros.experts import ExpertOptions, load_experts, whole_frames
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.fusion.options import FusionOptions
from mer_ros.pipeline import Pipeline
from mer_ros.replay.sample import SampleDialogue
from mer_ros.speech.recogniser import SpeechOptions, make_recogniser
from mer_ros.speech.transcriber import Transcriber
from mer_ros.utterance import AudioChunk, Frame
from mer_ros.vision.detector import make_detector
from mer_ros.vision.observer import FaceObserver

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def events():
    found = []
    for event in SampleDialogue().events(SECOND):
        if event.stamp_ns > 7 * SECOND:
            break
        found.append(event)
    return found


def pipeline(models_dir, *, face=True, text=True, early=False) -> Pipeline:
    experts, _ = load_experts(ExpertOptions(models_dir, "cpu", early=early))
    speech = SpeechOptions()
    return Pipeline(
        SpeechListener(),
        EmotionFuser(experts, FusionOptions(early=early)),
        FaceObserver(make_detector()) if face else None,
        Transcriber(make_recogniser(speech), speech) if text else None,
    )


def test_one_sentence(models_dir, events):
    (emotion,) = pipeline(models_dir).run(events)
    assert [m.available for m in emotion.modalities] == [True, True, True]
    assert "best of times" in emotion.transcript.lower()
    assert emotion.emotion in EMOTIONS


def test_the_same_input_gives_the_same_emotion_and_the_cut_of_chunks_does_not_matter(models_dir, events):
    cut = []
    for event in events:
        if isinstance(event, AudioChunk):
            half = len(event.samples) // 3
            late = event.stamp_ns + half * SECOND // event.sample_rate
            cut += [AudioChunk(event.stamp_ns, event.samples[:half], event.sample_rate)]
            cut += [AudioChunk(late, event.samples[half:], event.sample_rate)]
        else:
            cut.append(event)
    one, again, other = (next(iter(pipeline(models_dir).run(given))) for given in (events, events, cut))
    assert one.probabilities.tobytes() == again.probabilities.tobytes() == other.probabilities.tobytes()
    assert (one.start_ns, one.end_ns, one.transcript) == (other.start_ns, other.end_ns, other.transcript)


def test_a_face_is_not_lost_when_the_frames_end_within_the_utterance(models_dir, events):
    short = [e for e in events if isinstance(e, AudioChunk) or e.stamp_ns < 3 * SECOND]
    stages = pipeline(models_dir, text=False)
    (emotion,) = stages.run(short)
    assert emotion.modalities[0].available
    assert emotion.latency_ms["waiting"] < 1000
    assert stages.counts["fuser.late_part"] == 0
    assert stages.counts["listener.utterances"] == stages.counts["observer.utterances"] == 1


def test_senses_that_are_left_out_are_not_waited_for(models_dir, events):
    sound = [e for e in events if isinstance(e, AudioChunk)]
    (emotion,) = pipeline(models_dir, face=False, text=False).run(sound)
    assert [m.reason for m in emotion.modalities] == ["no publisher", "", "no publisher"]
    assert emotion.latency_ms["waiting"] == 0


def test_the_early_fusion_network_decides_when_it_is_chosen(models_dir, events):
    (emotion,) = pipeline(models_dir, early=True).run(events)
    assert all(m.weight != m.weight for m in emotion.modalities)  # NaN


def test_frames_of_the_early_fusion_network_repeat_when_there_are_few(events):
    frames = [e for e in events if isinstance(e, Frame)]
    observer = FaceObserver(make_detector())
    windows = [w for frame in frames for w in observer.frame(frame)]
    window = next(w for w in windows if w.samples)
    assert whole_frames(window).shape == (10, 84, 150, 3)
