"""The same emotions every time: twice, in other pieces, in another order, beside another thread, after others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import soxr
from bags import Layout, write_recording
from replayed import SECOND, LoudVad, Made, tones

from mer_ros import stages
from mer_ros.audio.listener import SpeechListener
from mer_ros.pipeline import Pipeline
from mer_ros.replay.chunks import cut_chunks
from mer_ros.replay.loaded import Loaded, loaded_for
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.records import record
from mer_ros.replay.run import replay_one
from mer_ros.replay.sample import SampleDialogue
from mer_ros.utterance import AudioChunk, Frame, SpeechState

OPTIONS = ReplayOptions(device="cpu")
UNTIL_S = 9.5  # two utterances


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return loaded_for(OPTIONS.settings())


@pytest.fixture(scope="module")
def events() -> list[AudioChunk | Frame]:
    sample = SampleDialogue(size=(320, 240), frame_rate_hz=8.0)
    return [e for e in sample.events(SECOND, chunk_ms=100) if e.stamp_ns < (UNTIL_S + 1) * SECOND]


@pytest.fixture(scope="module")
def first(tmp_path_factory, events, loaded) -> Path:
    folder = tmp_path_factory.mktemp("first") / "run"
    replay_one(Made(events), folder, OPTIONS)
    return folder


def cut(events: list[AudioChunk | Frame], chunk_ms: int) -> list[AudioChunk | Frame]:
    """The same sound in other chunks."""
    sound = [e for e in events if isinstance(e, AudioChunk)]
    samples, rate = np.concatenate([c.samples for c in sound]), sound[0].sample_rate
    step = rate * chunk_ms // 1000
    chunks = [
        AudioChunk(sound[0].stamp_ns + at * SECOND // rate, samples[at : at + step], rate)
        for at in range(0, len(samples), step)
    ]
    frames = [e for e in events if isinstance(e, Frame)]
    return sorted([*chunks, *frames], key=lambda e: e.stamp_ns)


def late(events: list[AudioChunk | Frame], frames_by_ms: int, sound_by_ms: int) -> list[AudioChunk | Frame]:
    """In the order in which they come when one way takes longer."""
    ways = {AudioChunk: sound_by_ms, Frame: frames_by_ms}
    return sorted(events, key=lambda e: e.stamp_ns + ways[type(e)] * 1_000_000)


def lines(folder: Path) -> list[dict]:
    return [json.loads(text) for text in (folder / "emotions.jsonl").read_text().splitlines()]


def test_all_three_senses_speak(first):
    told = lines(first)
    assert len(told) == 2
    assert all(modality["available"] for emotion in told for modality in emotion["modalities"].values())
    assert "best of times" in told[0]["transcript"].lower()
    summary = json.loads((first / "summary.json").read_text())
    assert summary["utterances"] == 2
    assert summary["complete"]
    assert summary["settings"] == {"fusion": {"device": "cpu"}}
    assert set(summary["models"]) >= {"face", "speech", "text", "dialogue", "fusion", "speech_to_text"}
    assert summary["frames"] == pytest.approx(UNTIL_S * 8, abs=1)
    assert summary["audio_s"] == pytest.approx(UNTIL_S, abs=0.11)
    latency = json.loads((first / "run.json").read_text())["latency_ms"]
    assert {"face", "audio", "text", "speech_to_text", "fusion"} <= set(latency)


def test_the_same_bytes_in_one_thread_and_after_another_recording(first, tmp_path, events):
    options = replace(OPTIONS, read_ahead=False, thumbnails=True)
    replay_one(Made(cut(events, 50)[60:], "other"), tmp_path / "other", options)
    replay_one(Made(events), tmp_path / "again", options)
    for name in ("emotions.jsonl", "summary.json", "emotions.mcap"):
        assert (tmp_path / "again" / name).read_bytes() == (first / name).read_bytes(), name
    assert not (first / "thumbnails").exists()
    faces = {path.name: cv2.imread(str(path)) for path in (tmp_path / "again" / "thumbnails").iterdir()}
    assert {name: face.shape for name, face in faces.items()} == {"1.jpg": (96, 96, 3), "2.jpg": (96, 96, 3)}


@pytest.mark.parametrize(
    "change",
    [
        lambda events: cut(events, 5),
        lambda events: cut(events, 200),
        lambda events: late(events, 300, 0),
        lambda events: late(events, 0, 700),
    ],
    ids=["chunks of 5 ms", "chunks of 200 ms", "frames late", "sound late"],
)
def test_cuts_and_order_do_not_matter(first, tmp_path, events, change):
    replay_one(Made(change(events)), tmp_path / "run", OPTIONS)
    assert lines(tmp_path / "run") == lines(first)


@pytest.mark.parametrize("at_s", [2.4, 5.77], ids=["in the first words", "later"])
def test_a_bag_cut_in_two_and_joined_gives_the_same_emotions(tmp_path, events, at_s):
    """Each half mixes its topics in its own way, as two recorders may."""
    whole = write_recording(tmp_path / "whole", events, layout=Layout(encoding="png"))
    cut_ns = round((1 + at_s) * SECOND)
    halves = [[e for e in events if e.stamp_ns < cut_ns], [e for e in events if e.stamp_ns >= cut_ns]]
    (tmp_path / "joined").mkdir()
    for number, (half, order) in enumerate(zip(halves, ("logged", "image"), strict=True)):
        part = write_recording(tmp_path / f"{number}", half, layout=Layout(encoding="png", order=order))
        next(part.glob("*.mcap")).rename(tmp_path / "joined" / f"talk_{number}.mcap")
    told = []
    for bag in (whole, tmp_path / "joined"):
        summary = replay_one(bag, tmp_path / f"run {bag.name}", OPTIONS, name="talk")
        assert summary.content["complete"]
        told.append((tmp_path / f"run {bag.name}" / "emotions.jsonl").read_bytes())
    assert told[0] == told[1]
    assert told[0].count(b"\n") == 2


@pytest.mark.parametrize("rate", [44_100, 48_000, 8_000])
@pytest.mark.parametrize("hole_s", [0.0, 0.12, 0.9])
def test_sound_of_any_rate_is_heard_the_same_in_any_chunks(rate, hole_s):
    """Also with a hole in the middle of speech, whose end a file tells in its own rounding, milliseconds."""
    sound = np.concatenate([c.samples for c in tones([(0.5, 2.0), (3.0, 3.7)], 5.0)])
    samples = np.round(soxr.resample(sound.astype(np.float32), 16_000, rate)).astype(np.int16)[:, None]
    half = round(1.2 * rate)
    blocks = [(SECOND, samples[:half]), (SECOND + round((half / rate + hole_s) * 1000) * 1_000_000, samples[half:])]

    def heard(chunk_ms: int) -> list[tuple]:
        listener = SpeechListener(vad=LoudVad())
        found = [u for c in cut_chunks(blocks, rate, rate * chunk_ms // 1000, SECOND) for u in listener.push(c)]
        found += listener.flush()
        return [(u.start_ns, u.end_ns, u.samples) for u in found if u.state is SpeechState.ENDED]

    first, *others = (heard(chunk_ms) for chunk_ms in (100, 5, 20, 200))
    assert len(first) >= 2
    for other in others:
        assert len(other) == len(first)
        for (start, end, said), (start_too, end_too, said_too) in zip(first, other, strict=True):
            assert abs(start - start_too) < 100_000
            assert abs(end - end_too) < 100_000
            assert np.array_equal(said, said_too)


def test_what_the_replay_leaves_out_changes_no_emotion(first, events, loaded):
    """Partial words and interim windows, as the live graph has them."""
    settings = loaded.settings
    words = stages.speech_options(settings["speech_to_text"])
    assert words.partial_period_ms > 0
    experts, _ = stages.experts(settings["fusion"])
    camera = settings["camera"]
    observer = stages.observer(camera, stages.detector(camera), stages.encoder(camera))
    assert observer.options.interim_period_ms > 0
    live = Pipeline(
        stages.listener(settings["microphone"]),
        stages.fuser(settings["fusion"], experts),
        observer,
        stages.transcriber(words),
    )
    emotions = list(live.run(events))
    told = [json.loads(json.dumps(record(emotion, "made", SECOND))) for emotion in emotions]
    # The last one ends by the end of the sound here, and by the silence after it there.
    assert told[0] == lines(first)[0]
    assert len(told) == 2
