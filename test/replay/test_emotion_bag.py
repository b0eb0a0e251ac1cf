from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from mer_ros import resources
from mer_ros.emotion import DialogueTurn, EmotionEstimate, Modality, ModalityEstimate
from mer_ros.replay.bag_writer import BagWriter
from mer_ros.replay.emotion_bag import EmotionBag, message_types
from mer_ros.replay.emotion_message import emotion_message

NS = 1_000_000_000
START = 1_700_000_000 * NS
SAYS = np.array([0.05, 0.05, 0.1, 0.5, 0.1, 0.1, 0.1], np.float32)


def estimate(number: int, **changes) -> EmotionEstimate:
    face = ModalityEstimate(Modality.FACE, SAYS, quality=0.5, weight=1.0, model="face-model")
    audio = ModalityEstimate(Modality.AUDIO, None, "too quiet", weight=float("nan"))
    content = EmotionEstimate(
        utterance_id=number,
        start_ns=START + number * NS,
        end_ns=START + number * NS + 700_000_001,
        is_final=True,
        probabilities=SAYS,
        sentiment_probabilities=np.array([0.2, 0.3, 0.5], np.float32),
        emotion="joy",
        confidence=0.5,
        sentiment="positive",
        valence=0.25,
        arousal=-0.5,
        modalities=(face, audio),
        transcript="wie schön — 好",
        person_id="face-1",
        face_id=1,
        dialogue_id="d-1",
        turn=number,
        context=(DialogueTurn(1, START, START + 5, "face-1", "fear", 0.5, SAYS, "before"),),
        previous_emotion="fear",
        dialogue_emotion="anger",
        latency_ms={"face": 3.5},
    )
    return dataclasses.replace(content, **changes)


def write(path: Path, numbers=range(1, 4), **changes) -> Path:
    with EmotionBag(path) as bag:
        for number in numbers:
            bag.write(estimate(number, **changes))
    return path


def test_every_field_comes_back_with_the_definition_in_the_bag(tmp_path):
    path = write(tmp_path / "emotions.mcap")
    assert [p.name for p in tmp_path.iterdir()] == ["emotions.mcap"]
    with AnyReader([path]) as reader:
        found = [(c.topic, t, reader.deserialize(data, c.msgtype)) for c, t, data in reader.messages()]
        (connection,) = reader.connections
    assert [(topic, time) for topic, time, _ in found] == [("/emotion", estimate(n).end_ns) for n in (1, 2, 3)]
    assert connection.ext.offered_qos_profiles[0].durability.name == "TRANSIENT_LOCAL"
    message = found[1][2]
    wanted = emotion_message(estimate(2, latency_ms={}), message_types())
    assert repr(message) == repr(wanted)  # all fields, also in the messages within; floats as float32
    assert message.utterance_id == 2
    assert message.transcript == "wie schön — 好"
    assert message.shifted
    assert message.latency == []
    np.testing.assert_array_equal(message.probabilities, SAYS)
    assert np.isnan(message.modalities[1].probabilities).all()
    assert (message.header.stamp.sec, message.end.nanosec) == (1_700_000_002, 700_000_001)


def test_the_same_estimates_give_the_same_bytes_however_long_they_took(tmp_path):
    first = write(tmp_path / "a" if (tmp_path / "a").mkdir() else tmp_path / "a" / "emotions.mcap")
    (tmp_path / "b").mkdir()
    second = write(tmp_path / "b" / "emotions.mcap", latency_ms={"face": 99.0, "audio": 1.0})
    assert first.read_bytes() == second.read_bytes()


def test_a_file_that_is_there_is_written_anew(tmp_path):
    path = write(tmp_path / "emotions.mcap", range(1, 50))
    write(path, [1])
    with AnyReader([path]) as reader:
        assert reader.message_count == 1


def test_no_emotion_is_a_bag_with_an_empty_topic(tmp_path):
    with AnyReader([write(tmp_path / "emotions.mcap", [])]) as reader:
        assert {c.topic: c.msgcount for c in reader.connections} == {"/emotion": 0}


def test_a_fault_on_the_way_keeps_what_came_before(tmp_path):
    def fail() -> None:
        with EmotionBag(tmp_path / "emotions.mcap") as bag:
            bag.write(estimate(1))
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail()
    with AnyReader([tmp_path / "emotions.mcap"]) as reader:
        assert reader.message_count == 1


def test_the_definitions_are_found_where_the_package_is_installed(tmp_path, monkeypatch):
    setup = (Path(__file__).resolve().parents[2] / "setup.py").read_text()
    assert '"mer_msgs/msg"' in setup
    share = tmp_path / "share" / "mer_ros" / "mer_msgs" / "msg"
    share.mkdir(parents=True)
    for file in resources.messages_dir().glob("*.msg"):
        (share / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "site-packages" / "mer_ros" / "resources.py"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    assert resources.messages_dir() == share


def test_it_needs_no_ros(tmp_path):
    code = (
        "import sys\n"
        "for name in ('rclpy', 'mer_msgs', 'std_msgs', 'torch'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from mer_ros.replay.emotion_bag import EmotionBag\n"
        "with EmotionBag(Path(sys.argv[1])): pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "emotions.mcap")], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr


def test_many_chunks_of_several_topics(tmp_path):
    path = tmp_path / "many.mcap"
    with BagWriter(path, chunk_bytes=1000) as bag:
        topics = [bag.add_topic(f"/t{n}", "std_msgs/msg/String", "string data\n") for n in range(3)]
        for number in range(300):
            bag.write(topics[number % 3], number, b"\0\1\0\0\4\0\0\0" + b"%03d\0" % number)
    with AnyReader([path]) as reader:
        assert [(c.topic, t, reader.deserialize(d, c.msgtype).data) for c, t, d in reader.messages()] == [
            (f"/t{number % 3}", number, f"{number:03d}") for number in range(300)
        ]


def test_a_full_disk_costs_the_last_chunk_only(tmp_path, monkeypatch):
    path = tmp_path / "full.mcap"
    bag = BagWriter(path, chunk_bytes=1000)
    topic = bag.add_topic("/t", "std_msgs/msg/String", "string data\n")
    room = 10_000
    append = bag._file.write

    class Disk:
        """A file on a disk with little room."""

        def __getattr__(self, name):
            return getattr(file, name)

        def write(self, content):
            if (left := room - file.tell()) <= 0:
                raise OSError(28, "No space left on device", str(path))
            return append(bytes(content)[:left])

    file, bag._file = bag._file, Disk()
    written = 0
    with suppress(OSError):
        while True:
            bag.write(topic, written, b"\0\1\0\0\4\0\0\0" + b"%03d\0" % written)
            written += 1
    assert path.stat().st_size <= room
    room += 2000  # as the files of others come and go
    bag.close()
    assert path.stat().st_size <= room
    with AnyReader([path]) as reader:
        found = [t for _, t, _ in reader.messages()]
    assert found == list(range(len(found)))
    assert written - 60 < len(found) <= written
