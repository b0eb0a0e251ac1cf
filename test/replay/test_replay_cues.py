"""The robot's own voice and words from outside in a bag: they do in a replay what they do in the live graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bags import TestBag
from hypothesis import given
from hypothesis import strategies as st
from replayed import RATE, SECOND, CheapLoaded, LoudVad, Made, spoken_wav, tones

from mer_ros import cli
from mer_ros.audio.gate import Gate, GatedListener, GateOptions
from mer_ros.audio.listener import SpeechListener
from mer_ros.emotion import Modality, ModalityEstimate
from mer_ros.errors import InputError
from mer_ros.fusion.experts import Expert
from mer_ros.pipeline import Pipeline
from mer_ros.replay import run
from mer_ros.replay.bag import RecordingOptions, open_recording
from mer_ros.replay.cues import Cue, with_cues
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.records import read_lines
from mer_ros.replay.run import replay_one
from mer_ros.speech.outside import OutsideWords
from mer_ros.utterance import AudioChunk, SpeechState, Transcript

SPANS = [(1.0, 2.0), (4.0, 5.5), (8.0, 9.0)]
OUTSIDE = ReplayOptions(recogniser="outside")
BOOL, STRING, TRANSCRIPT = "std_msgs/msg/Bool", "std_msgs/msg/String", "mer_msgs/msg/Transcript"
LIVE_SPEECH = (
    "std_msgs/Header header\nstring locale\nstring incremental\nstring final\nfloat64 confidence\n"
    "string[] alternatives\n"
)


class Telling(CheapLoaded):
    """Cheap stages to which the robot's voice and words are told."""

    gate_options = GateOptions()

    def pipeline(self, *, video: bool, on_window=None) -> Pipeline:
        def judge(*_, **__) -> ModalityEstimate:
            return ModalityEstimate(Modality.TEXT, np.full(7, 1 / 7), quality=1.0, model="stub")

        fuser = self.fuser(text=Expert(judge, np.full(7, 1 / 7), 0.7))
        listener = SpeechListener(vad=LoudVad())
        return Pipeline(listener, fuser, None, OutsideWords(), None, Gate(self.gate_options))


@pytest.fixture(autouse=True)
def telling(monkeypatch):
    loaded = Telling()
    monkeypatch.setattr(run, "loaded_for", lambda settings: loaded)


def ns(at_s: float) -> int:
    """A time of the recording, which begins at 1 s."""
    return SECOND + round(at_s * SECOND)


def bag_of(
    path: Path,
    chunk_s: float = 0.1,
    spoken: list[tuple[float, bool]] | None = None,
    said: list[tuple[float, str]] | None = None,
    flag: str = "/robot_speaking",
) -> Path:
    """Sound that is logged when it is taken, and what else is told, at these times."""
    with TestBag(path) as bag:
        for chunk in tones(SPANS, 11.0, chunk_s):
            end_ns = chunk.stamp_ns + len(chunk.samples) * SECOND // RATE
            bag.sound("/mic", chunk.stamp_ns, chunk.samples, RATE, logged_ns=end_ns)
        for at_s, speaking in spoken or []:
            bag.add(flag, BOOL, ns(at_s), data=speaking)
        for at_s, text in said or []:
            bag.add("/words", STRING, ns(at_s), data=text)
    return path


def bounds(folder: Path) -> list[tuple[float, float]]:
    return [(e["start_s"], e["end_s"]) for e in read_lines(folder / "emotions.jsonl")]


def words(folder: Path) -> list[str]:
    return [e["transcript"] for e in read_lines(folder / "emotions.jsonl")]


def heard_live(spoken: list[tuple[float, bool]]) -> list[tuple[float, float]]:
    """What the microphone node makes of it: each message in its turn, at the time at which it comes."""
    gate = Gate()
    listener = GatedListener(SpeechListener(vad=LoudVad()), {"robot_speaking": gate})
    came = [(chunk.stamp_ns + len(chunk.samples) * SECOND // RATE, 1, chunk) for chunk in tones(SPANS, 11.0)]
    came += [(ns(at_s), 0, speaking) for at_s, speaking in spoken]
    ended = []
    for now_ns, _, what in sorted(came, key=lambda item: item[:2]):
        if isinstance(what, bool):
            (gate.close if what else gate.open)(now_ns)
        else:
            gate.poll(now_ns)
            ended += [u for u in listener.push(what) if u.state is SpeechState.ENDED]
    ended += [u for u in listener.flush() if u.state is SpeechState.ENDED]
    return [((u.start_ns - SECOND) / SECOND, (u.end_ns - SECOND) / SECOND) for u in ended]


@pytest.mark.parametrize(
    ("spoken", "count"),
    [
        ([(3.9, True), (5.6, False)], 2),
        ([(4.537, True), (5.6, False)], 3),
        ([(0.5, True), (1.321, False), (7.0, True)], 2),
        ([(7.95, True), (8.05, True), (9.5, False)], 2),
        ([(0.5, False)], 3),
    ],
    ids=["between", "breaks in", "breaks off, and has no end", "told twice", "false alone"],
)
def test_the_robots_own_voice_is_no_utterance(tmp_path, spoken, count):
    summary = replay_one(bag_of(tmp_path / "bag", spoken=spoken), tmp_path / "run", ReplayOptions())
    assert bounds(tmp_path / "run") == [pytest.approx(pair, abs=1e-6) for pair in heard_live(spoken)]
    assert summary.content["utterances"] == count
    assert summary.content["chosen"]["robot_speaking"] == "/robot_speaking"
    assert summary.content["counts"]["recording.robot_speaking"] == len(spoken)
    for chunk_s in (0.005, 0.02, 0.5):
        other = replay_one(
            bag_of(tmp_path / f"{chunk_s}", chunk_s, spoken), tmp_path / f"run {chunk_s}", ReplayOptions()
        )
        assert other.content["counts"].get("listener.gated_ms") == summary.content["counts"].get("listener.gated_ms")
        assert bounds(tmp_path / f"run {chunk_s}") == bounds(tmp_path / "run")


def test_a_robot_that_never_ends_is_heard_over_with_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(Telling, "gate_options", GateOptions(longest_s=5.0))
    summary = replay_one(bag_of(tmp_path / "bag", spoken=[(0.5, True)]), tmp_path / "run", ReplayOptions())
    assert summary.content["utterances"] == 1
    assert any("robot_speaking" in warning and "5 s" in warning for warning in summary.content["warnings"])


def test_another_topic_can_be_named(tmp_path):
    bag = bag_of(tmp_path / "bag", spoken=[(3.9, True), (5.6, False)], flag="/tts/busy")
    assert replay_one(bag, tmp_path / "a", ReplayOptions()).content["utterances"] == 3
    named = ReplayOptions(robot_speaking_topic="tts/busy")
    assert replay_one(bag, tmp_path / "b", named).content["utterances"] == 2
    with pytest.raises(InputError, match="has no topic /gone that could be robot_speaking"):
        replay_one(bag, tmp_path / "c", ReplayOptions(robot_speaking_topic="/gone"))


@pytest.mark.parametrize("chunk_s", [0.005, 0.1, 0.5])
def test_words_come_to_their_utterances(tmp_path, chunk_s):
    said = [(2.8, "one"), (4.9, "in the midst"), (6.4, "two"), (9.1, "and"), (10.9, "three"), (0.2, "nobody")]
    summary = replay_one(bag_of(tmp_path / "bag", chunk_s, said=sorted(said)), tmp_path / "run", OUTSIDE)
    assert words(tmp_path / "run") == ["one", "in the midst", "and"]
    assert summary.content["chosen"]["words"] == "/words"
    assert summary.content["counts"]["transcriber.late"] == 2
    assert summary.content["counts"]["transcriber.unknown"] == 1


def test_words_after_the_end_of_the_sound_are_taken(tmp_path):
    said = [(2.8, "one"), (6.4, "two"), (11.7, "three")]
    replay_one(bag_of(tmp_path / "bag", said=said), tmp_path / "run", OUTSIDE)
    assert words(tmp_path / "run") == ["one", "two", "three"]


def test_words_of_other_types_are_known_by_their_fields(tmp_path):
    def time(bag: TestBag, at_s: float):
        return bag.header(ns(at_s)).stamp

    bag_of(tmp_path / "bag")
    with TestBag(tmp_path / "other") as bag:
        for chunk in tones(SPANS, 11.0):
            bag.sound("/mic", chunk.stamp_ns, chunk.samples, RATE)
        bag.define("hri_msgs/msg/LiveSpeech", LIVE_SPEECH)
        for at_s, text in [(2.5, "one"), (6.0, "two")]:
            fields = {"locale": "en_GB", "incremental": "", "final": text, "confidence": 0.5, "alternatives": []}
            bag.add("/humans/voices/v1/speech", "hri_msgs/msg/LiveSpeech", ns(at_s), **fields)
    replay_one(tmp_path / "other", tmp_path / "run", OUTSIDE)
    assert words(tmp_path / "run") == ["one", "two", ""]
    with TestBag(tmp_path / "third") as bag:
        for chunk in tones(SPANS, 11.0):
            bag.sound("/mic", chunk.stamp_ns, chunk.samples, RATE)
        bag.add("/name", STRING, ns(1.0), data="not what was said")
        fields = {"is_final": True, "confidence": 0.5, "language": "en", "source": "mine", "latency_ms": 3.0}
        for number, (start_s, end_s) in enumerate(SPANS[1:], 40):  # numbers of another graph
            times = {"start": time(bag, start_s), "end": time(bag, end_s), "text": f"{start_s}", "utterance_id": number}
            bag.add("/transcript", TRANSCRIPT, ns(start_s), logged_ns=ns(end_s + 2.0), **times, **fields)
    summary = replay_one(tmp_path / "third", tmp_path / "run 3", OUTSIDE)
    assert words(tmp_path / "run 3") == ["", "4.0", "8.0"]
    assert summary.content["chosen"]["words"] == "/transcript"


def test_where_words_are_is_named_or_told(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"holds no topic of words.* --words-topic"):
        replay_one(bag_of(tmp_path / "bag"), tmp_path / "run", OUTSIDE)
    with TestBag(tmp_path / "two") as bag:
        bag.sound("/mic", ns(0), np.zeros(1600, np.int16), RATE)
        for name in ("/a/words", "/b/words"):
            bag.add(name, STRING, ns(0), data=name)
    with pytest.raises(InputError, match=r"2 topics that could be words, /a/words.*--words-topic"):
        open_recording(tmp_path / "two", RecordingOptions(words=True))
    assert open_recording(tmp_path / "two", RecordingOptions(words=True, words_topic="b/words")).chosen == {
        "audio": "/mic",
        "words": "/b/words",
    }
    assert open_recording(tmp_path / "two").chosen == {"audio": "/mic"}
    spoken_wav(tmp_path / "talk.wav", 0, 2)
    assert cli.main(["replay", "talk.wav", "--recogniser", "outside"]) == 2
    assert "talk.wav holds no topic of words" in capsys.readouterr().err


def test_refused_words_are_counted_and_told(tmp_path):
    bag = bag_of(tmp_path / "bag", said=[(2.8, "x" * 20_000), (2.9, "short")])
    summary = replay_one(bag, tmp_path / "run", OUTSIDE)
    assert words(tmp_path / "run")[0] == "short"
    assert summary.content["counts"]["recording.refused_words"] == 1
    assert any("/words cannot be used" in warning for warning in summary.content["warnings"])


def test_a_recording_without_cues_is_cut_nowhere():
    sound = tones([(0.5, 1.0)], 3.0)
    assert list(with_cues(sound, iter(()))) == sound


@given(
    st.lists(st.integers(0, 3 * SECOND), max_size=8),
    st.sampled_from([8_000, 16_000, 44_100]),
    st.lists(st.integers(0, 700), min_size=1, max_size=12),
)
def test_cues_lie_between_the_sound_before_and_after_them(times, rate, lengths):
    at, sound = 0, []
    for length in lengths:
        sound.append(AudioChunk(at * SECOND // rate, np.arange(at, at + length, dtype=np.int32), rate))
        at += length
    times.sort()
    given_cues = [Cue(time, Transcript(0, time, time, "", is_final=True)) for time in times]
    heard, told, seen = [], [], 0
    for event in with_cues(sound, iter(given_cues)):
        if isinstance(event, Cue):
            told.append(event)
            assert (
                seen == at or (seen - 1) * SECOND / rate - 1 <= event.stamp_ns <= seen * SECOND / rate + SECOND / rate
            )
        else:
            heard.append(event)
            assert abs(event.stamp_ns - seen * SECOND / rate) <= 2 + len(times)
            seen += len(event.samples)
    assert told == given_cues
    assert np.concatenate([c.samples for c in heard]).tolist() == list(range(at))
    assert replace(heard[0], samples=sound[0].samples, stamp_ns=0) == replace(sound[0], stamp_ns=0) if at else True


def test_made_recordings_have_no_cues(tmp_path):
    assert replay_one(Made(tones(SPANS, 11.0)), tmp_path / "run", ReplayOptions()).content["utterances"] == 3
