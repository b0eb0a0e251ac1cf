"""`mer record` as a process: what is published is in the bag, however the recording ends."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
import rclpy
from mer_msgs.msg import AudioChunk as AudioChunkMessage
from rclpy.context import Context
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import Image

from mer_ros.replay.media import MediaSource
from mer_ros.replay.tail import with_tail
from mer_ros.utterance import AudioChunk, Frame

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "replay"))
from scan import scan

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(300)]
TOPICS = ["image_raw", "audio"]


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Two seconds of 25 frames a second, each of its own grey, with a tone."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    with av.open(str(path), "w") as out:
        video = out.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 160, 120, "bgr0"
        sound = out.add_stream("pcm_s16le", rate=16000, layout="mono")
        for number in range(50):
            image = np.full((120, 160, 3), number * 5, np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(video.encode(None))
        tone = (8000 * np.sin(np.arange(32000) / 10)).astype(np.int16)[None]
        block = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        block.sample_rate = 16000
        out.mux(sound.encode(block))
        out.mux(sound.encode(None))
    return path


def played(film: Path, tail_s: float) -> list[Frame | AudioChunk]:
    return list(with_tail(MediaSource(film).events(0), tail_s))


class Recording:
    """A running `mer record`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.log = folder.parent / "record.log"
        self.stream = self.log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mer_ros.cli", "record", "--output", str(folder), *options],
            stdout=self.stream,
            stderr=subprocess.STDOUT,
        )
        self.wait_for("Ctrl-C ends it")

    def wait_for(self, said: str, timeout_s: float = 120) -> None:
        until = time.monotonic() + timeout_s
        while said not in self.said():
            assert time.monotonic() < until, self.said()
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)

    def wait_for_topics(self) -> None:
        for topic in TOPICS:
            self.wait_for(f"recording /{topic} ")

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(timeout=120)
        self.stream.close()
        return code


@pytest.fixture
def recording():
    begun: list[Recording] = []

    def begin(folder: Path, *options: str) -> Recording:
        begun.append(Recording(folder, *options))
        return begun[-1]

    yield begin
    for one in begun:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        print(one.said())


def player(film: Path, tail_s: float) -> subprocess.Popen:
    parameters = {"file": str(film), "reliability": "reliable", "tail_s": tail_s, "start_delay_s": 1.0}
    parameters |= {f"qos_overrides./{topic}.publisher.depth": 200 for topic in TOPICS}  # for a busy machine
    arguments = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    return subprocess.Popen([sys.executable, "-m", "mer_ros.nodes.start", "file_player", "--ros-args", *arguments])


@pytest.fixture
def listener():
    """Listens to what is played from when it is called: a player does not begin for a recorder alone."""
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node("listener", context=context)

    def listen() -> None:
        node.create_subscription(Image, "image_raw", lambda message: None, 1)
        node.create_subscription(AudioChunkMessage, "audio", lambda message: None, 1)

    yield listen
    node.destroy_node()
    context.try_shutdown()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_published_is_in_the_bag(tmp_path, film, recording, listener, number):
    """The signal comes at once after the last message, while some are still under way."""
    folder = tmp_path / "talk"
    running = recording(folder, "--topics", *TOPICS, "words")
    playing = player(film, 0.5)
    running.wait_for_topics()
    listener()
    assert playing.wait(timeout=180) == 0
    assert running.end(number) == 0, running.said()
    wanted = played(film, 0.5)
    with AnyReader([folder]) as reader:
        counts = {c.topic: c.msgcount for c in reader.connections}
        messages = [(c.topic, t, reader.deserialize(d, c.msgtype)) for c, t, d in reader.messages()]
        qos = {c.topic: c.ext.offered_qos_profiles[0].reliability.name for c in reader.connections}
    assert counts == {
        "/image_raw": sum(isinstance(event, Frame) for event in wanted),
        "/audio": sum(isinstance(event, AudioChunk) for event in wanted),
    }
    assert qos == {"/image_raw": "RELIABLE", "/audio": "RELIABLE"}
    assert [time for _, time, _ in messages] == sorted(time for _, time, _ in messages)
    sound = np.concatenate([m.samples for topic, _, m in messages if topic == "/audio"])
    np.testing.assert_array_equal(sound, np.concatenate([e.samples[:, 0] for e in wanted if isinstance(e, AudioChunk)]))
    images = [m for topic, _, m in messages if topic == "/image_raw"]
    assert [image.data[0] for image in images] == [e.image[0, 0, 0] for e in wanted if isinstance(e, Frame)]
    assert "nobody published /words" in running.said()
    assert f"{len(messages)} messages" in running.said()


def test_after_a_kill_what_was_written_is_readable(tmp_path, film, recording, listener):
    folder = tmp_path / "talk"
    running = recording(folder, "--topics", *TOPICS)
    playing = player(film, 30.0)
    file = folder / "talk_0.mcap"
    try:
        running.wait_for_topics()
        listener()
        until = time.monotonic() + 120
        while Counter(topic for topic, _ in scan(file))["/audio"] < 150 and time.monotonic() < until:
            time.sleep(0.2)
        assert running.end(signal.SIGKILL) == -signal.SIGKILL
    finally:
        playing.send_signal(signal.SIGINT)
        playing.wait(timeout=60)
    counts = Counter(topic for topic, _ in scan(file))
    assert counts["/image_raw"] == 50
    assert counts["/audio"] >= 150
    assert not (folder / "metadata.yaml").exists()


def test_a_full_disk_ends_it_with_a_sentence(tmp_path, film, recording, listener):
    folder = tmp_path / "talk"
    limit = 1_500_000  # bytes a file; the film's frames take nearly twice as many
    running = recording(folder, "--topics", *TOPICS)
    playing = player(film, 0.5)
    try:
        running.wait_for_topics()
        listener()
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        code = running.process.wait(timeout=180)
    finally:
        playing.send_signal(signal.SIGINT)
        playing.wait(timeout=60)
    assert code == 2, running.said()
    assert "File too large" in running.said().splitlines()[-1]
    assert "Traceback" not in running.said()
    assert len(scan(folder / "talk_0.mcap")) > 0
    with AnyReader([folder]) as reader:  # it is finished
        assert reader.message_count == len(scan(folder / "talk_0.mcap"))


def test_nothing_that_comes_is_said(tmp_path, recording):
    running = recording(tmp_path / "talk", "--topics", "words")
    assert running.end(signal.SIGINT) == 1
    assert "nothing came" in running.said()
