"""The same recording through the live graph, as processes over DDS, and through the replay gives the same emotions."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import patient
import pytest
from ear import Ear
from mer_msgs.msg import AudioChunk as AudioChunkMessage

from mer_ros.emotion import EMOTIONS, SENTIMENTS
from mer_ros.nodes import qos
from mer_ros.nodes.conversions.stamps import to_ns
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.records import EMOTIONS_FILE, read_lines
from mer_ros.replay.run import open_source, replay_one
from mer_ros.replay.sample import SampleDialogue
from mer_ros.utterance import AudioChunk

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "replay"))
from bags import Layout, write_recording

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Told:
    """An emotion with its times from the recording's first sound on."""

    start_ns: int
    end_ns: int
    person: str
    words: str
    emotion: str
    sentiment: str
    numbers: dict[str, list[float]]  # probabilities: fused, of the sentiment, of each modality


def live(play: str, folder: Path) -> tuple[list[Told], int]:
    """The emotions, and how many frames the camera node has seen."""
    ear = Ear()
    first: list[int] = []
    ear.node.create_subscription(
        AudioChunkMessage, "audio", lambda m: first or first.append(to_ns(m.header.stamp)), qos.audio()
    )
    try:
        with patient.played(play, folder, ear):
            seen = int(ear.value("camera", "frames"))
    finally:
        ear.close()
    emotions = [
        Told(
            to_ns(m.start) - first[0],
            to_ns(m.end) - first[0],
            m.person_id,
            m.transcript,
            m.emotion,
            m.sentiment,
            {"fused": list(m.probabilities), "sentiment": list(m.sentiment_probabilities)}
            | {item.modality: list(item.probabilities) for item in m.modalities if item.available},
        )
        for m in ear.heard["emotion"]
    ]
    return emotions, seen


def replayed(path: Path, folder: Path) -> tuple[list[Told], int]:
    """The emotions, and how many frames were replayed."""
    summary = replay_one(path, folder, ReplayOptions())
    source = open_source(path, ReplayOptions())
    start_ns = 0 if summary.content["kind"] == "bag" else summary.content["zero_ns"]
    zero_ns = next(event.stamp_ns for event in source.events(start_ns) if isinstance(event, AudioChunk))
    emotions = [
        Told(
            line["start_ns"] - zero_ns,
            line["end_ns"] - zero_ns,
            line["person"],
            line["transcript"],
            line["emotion"],
            line["sentiment"],
            {
                "fused": [line["probabilities"][name] for name in EMOTIONS],
                "sentiment": [line["sentiment_probabilities"][name] for name in SENTIMENTS],
            }
            | {
                name: [item["probabilities"][emotion] for emotion in EMOTIONS]
                for name, item in line["modalities"].items()
                if item["available"]
            },
        )
        for line in read_lines(folder / EMOTIONS_FILE)
    ]
    return emotions, summary.content["frames"]


def assert_same(alive: tuple[list[Told], int], replay: tuple[list[Told], int]) -> None:
    (one, seen), (other, frames) = alive, replay
    assert seen == frames, "frames were lost on the way"
    assert len(one) == len(other) > 0
    assert [(a.start_ns, a.end_ns) for a in one] == [(b.start_ns, b.end_ns) for b in other]
    assert [a.words for a in one] == [b.words for b in other]
    assert [a.numbers.keys() for a in one] == [b.numbers.keys() for b in other]
    apart = [
        {name: max(abs(p - q) for p, q in zip(a.numbers[name], b.numbers[name], strict=True)) for name in a.numbers}
        for a, b in zip(one, other, strict=True)
    ]
    assert max(max(item.values()) for item in apart) <= 1e-4, apart
    assert [(a.emotion, a.sentiment, a.person) for a in one] == [(b.emotion, b.sentiment, b.person) for b in other]


def test_the_sample_dialogue(tmp_path):
    assert_same(live("sample", tmp_path), replayed(Path("sample"), tmp_path / "run"))


def test_a_talking_face(tmp_path, shared):
    clip = shared / "clips" / "lwbsza.mpg"
    assert_same(live(str(clip), tmp_path), replayed(clip, tmp_path / "run"))


def test_a_bag(tmp_path):
    """Compressed pictures, sound as audio_common has it, and stamps of its own from another day."""
    start_ns = 1_700_000_000_123_456_789
    events = (event for event in SampleDialogue().events(start_ns) if event.stamp_ns < start_ns + 13_000_000_000)
    layout = Layout(encoding="jpeg", sound="stamped_portaudio_int16", delay_image_s=0.04)
    bag = write_recording(tmp_path / "talk", events, "mcap", layout)
    assert_same(live(str(bag), tmp_path), replayed(bag, tmp_path / "run"))
