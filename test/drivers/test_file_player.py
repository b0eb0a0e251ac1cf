from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.graph


def stamp_ns(stamp) -> int:
    return stamp.sec * 1_000_000_000 + stamp.nanosec


@pytest.fixture
def tone(tmp_path):
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        samples = (8000 * np.sin(np.arange(8000) * 0.3)).astype(np.int16)
        file.writeframes(np.repeat(samples[:, None], 2, axis=1).tobytes())
    return path, samples


def test_sound_arrives_whole_with_its_times_and_a_silent_end(listener, tone):
    path, samples = tone
    player = listener.start("file_player", file=path, tail_s=0.5, start_delay_s=0.0, frame_id="mic")
    assert listener.spin(lambda: player.poll() is not None)
    listener.spin(lambda: False, 0.5)
    assert player.returncode == 0
    sound = np.concatenate([np.array(c.samples).reshape(-1, c.channels) for c in listener.chunks])
    assert {(c.sample_rate, c.channels, c.header.frame_id) for c in listener.chunks} == {(8000, 2, "mic")}
    assert np.array_equal(sound[:8000, 0], samples)
    assert 12_000 <= len(sound) < 12_400
    assert not sound[8000:].any()
    times = [stamp_ns(c.header.stamp) for c in listener.chunks]
    assert np.all(np.abs(np.diff(times) - 20_000_000) < 1000)
    now = listener.node.get_clock().now().nanoseconds
    assert 0 < now - times[-1] < 30e9
    assert not listener.images


def test_video_clip(listener, shared):
    player = listener.start("file_player", file=shared / "clips" / "sbia1a.mpg", tail_s=0.1)
    assert listener.spin(lambda: player.poll() is not None)
    listener.spin(lambda: False, 0.5)
    assert player.returncode == 0
    assert len(listener.images) == 75
    image = listener.images[0]
    assert (image.height, image.width, image.step, image.encoding) == (288, 360, 1080, "rgb8")
    assert np.std(np.array(image.data)) > 10
    first = min(stamp_ns(m.header.stamp) for m in (image, listener.chunks[0]))
    assert stamp_ns(listener.images[-1].header.stamp) - first == pytest.approx(2.96e9, abs=2e6)


def test_a_bag_is_played_with_its_stamps_moved_to_now(listener, tmp_path):
    bags = pytest.importorskip("rosbags.rosbag2")
    from mer_ros.replay.messages import typestore

    store, long_ago = typestore(), 1_000_000_000_000_000_000
    types = store.types
    with bags.Writer(tmp_path / "bag", version=9, storage_plugin=bags.StoragePlugin.MCAP) as bag:
        image = bag.add_connection("/eye", "sensor_msgs/msg/Image", typestore=store)
        sound = bag.add_connection("/ear", "mer_msgs/msg/AudioChunk", typestore=store)
        for number in range(25):
            at_ns = long_ago + number * 20_000_000
            header = types["std_msgs/msg/Header"](
                types["builtin_interfaces/msg/Time"](at_ns // 10**9, at_ns % 10**9), ""
            )
            chunk = types["mer_msgs/msg/AudioChunk"](header, 16_000, 1, np.full(320, number, np.int16))
            bag.write(sound, at_ns, store.serialize_cdr(chunk, "mer_msgs/msg/AudioChunk"))
            if number % 2 == 0:
                pixels = np.full(48, number, np.uint8)
                picture = types["sensor_msgs/msg/Image"](header, 4, 4, "rgb8", 0, 12, pixels)
                bag.write(image, at_ns, store.serialize_cdr(picture, "sensor_msgs/msg/Image"))
    player = listener.start("file_player", file=tmp_path / "bag", tail_s=0.0, start_delay_s=0.0)
    assert listener.spin(lambda: player.poll() is not None)
    listener.spin(lambda: False, 0.5)
    assert player.returncode == 0
    assert [c.samples[0] for c in listener.chunks] == list(range(25))
    assert [m.data[0] for m in listener.images] == list(range(0, 25, 2))
    times = [stamp_ns(c.header.stamp) for c in listener.chunks]
    assert np.all(np.diff(times) == 20_000_000)
    assert 0 < listener.node.get_clock().now().nanoseconds - times[-1] < 30e9
    assert stamp_ns(listener.images[1].header.stamp) - times[0] == 40_000_000


def test_what_a_bag_tells_beside_sound_is_told_at_its_time(listener, tmp_path, monkeypatch):
    pytest.importorskip("rosbags.rosbag2")
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "replay")
    from bags import TestBag
    from mer_msgs.msg import Transcript
    from std_msgs.msg import Bool

    long_ago, second = 1_000_000_000_000_000_000, 1_000_000_000
    with TestBag(tmp_path / "bag") as bag:
        for number in range(20):
            at_ns = long_ago + number * second // 10
            if number in (5, 10):
                bag.add("/tts/robot_speaking", "std_msgs/msg/Bool", at_ns + 30_000_000, data=number == 5)
            if number == 15:
                bag.add("/words", "std_msgs/msg/String", at_ns + 30_000_000, data="try again")
            bag.sound("/mic", at_ns, np.full(1600, number, np.int16), 16_000, "mer")
    heard = []
    for kind, topic in ((Bool, "robot_speaking"), (Transcript, "words")):
        listener.subscriptions.append(listener.node.create_subscription(kind, topic, heard.append, 10))
    player = listener.start("file_player", file=tmp_path / "bag", tail_s=0.0)
    assert listener.spin(lambda: player.poll() is not None)
    listener.spin(lambda: False, 0.5)
    assert player.returncode == 0
    assert [m.data for m in heard if isinstance(m, Bool)] == [True, False]
    (words,) = (m for m in heard if isinstance(m, Transcript))
    assert (words.text, words.is_final) == ("try again", True)
    begun_ns = stamp_ns(listener.chunks[0].header.stamp)
    assert stamp_ns(words.start) == stamp_ns(words.end) == begun_ns + 1_530_000_000
    sound = np.concatenate([np.array(c.samples) for c in listener.chunks])
    assert np.array_equal(sound, np.repeat(np.arange(20), 1600))  # cut where something is told, and whole
    begun = {stamp_ns(c.header.stamp) - begun_ns for c in listener.chunks}
    assert {530_000_000, 1_030_000_000, 1_530_000_000} <= begun


def test_simulated_time_runs_with_the_recording(listener, tone):
    player = listener.start("file_player", file=tone[0], tail_s=0.2, rate=0.5, publish_clock=True)
    assert listener.spin(lambda: player.poll() is not None)
    listener.spin(lambda: False, 0.3)
    clocks = [stamp_ns(c.clock) for c in listener.clocks]
    assert len(clocks) > 50
    assert clocks == sorted(clocks)
    assert clocks[-1] - clocks[0] < 1.3e9  # 1.2 s of recording, in 2.4 s
    assert stamp_ns(listener.chunks[-1].header.stamp) <= clocks[-1]


def test_loop_goes_on_and_ctrl_c_ends_it_well(listener, tone):
    player = listener.start("file_player", file=tone[0], tail_s=0.0, loop=True)
    assert listener.spin(lambda: len(listener.chunks) > 60)
    times = [stamp_ns(c.header.stamp) for c in listener.chunks]
    assert np.all(np.abs(np.diff(times) - 20_000_000) < 1000)
    assert listener.interrupt(player) == 0


def test_it_waits_for_subscribers_and_says_so(listener, tone):
    for subscription in listener.subscriptions[:2]:
        listener.node.destroy_subscription(subscription)
    player = listener.start("file_player", file=tone[0])
    assert listener.spin(lambda: "file_player" in listener.status)
    assert listener.spin(lambda: listener.status["file_player"].message == "waiting for subscribers")
    assert player.poll() is None
    assert listener.interrupt(player) == 0
    assert "Traceback" not in player.communicate()[0]


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ({"file": "/no/such/file.mp4"}, "there is no file /no/such/file.mp4"),
        ({"rate": 1000.0}, "rate"),
        ({"reliability": "wishful"}, "choose one of: reliable, best_effort"),
    ],
)
def test_what_cannot_be_played_is_one_sentence(listener, parameters, part):
    player = listener.start("file_player", **parameters)
    said = player.communicate(timeout=40)[0]
    assert player.returncode == 2
    assert part in said
    assert "Traceback" not in said


def test_it_does_not_wait_for_those_it_is_told_not_to_await(listener, tone):
    for subscription in listener.subscriptions[:2]:
        listener.node.destroy_subscription(subscription)
    player = listener.start("file_player", file=tone[0], await_audio=False, tail_s=0.0, start_delay_s=0.0)
    assert listener.spin(lambda: player.poll() is not None, 30.0)
    assert player.returncode == 0
