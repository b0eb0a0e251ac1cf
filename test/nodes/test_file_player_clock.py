"""The time that a player tells with /clock never goes back, but where the recording's own clock was set."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy

from mer_ros.nodes import file_player
from mer_ros.nodes.conversions.stamps import to_ns
from mer_ros.nodes.file_player import FilePlayerNode
from mer_ros.replay.cues import Cue
from mer_ros.utterance import AudioChunk, Frame

MS = 1_000_000
BEGIN = 1_000_000_000 * MS


class Recorded:
    """Sound in chunks of 20 ms, pictures between their begin and their end, and words; by stamp, as a bag is read."""

    name, warnings, zero_ns, has_video, has_audio = "recorded", (), 0, True, True

    def __init__(self, jump_ns: int = 0, opening_s: float = 0.0) -> None:
        self.jump_ns, self.opening_s = jump_ns, opening_s

    def events(self, start_ns: int = 0, *, chunk_ms: int = 20):
        time.sleep(self.opening_s)
        for number in range(10):
            at = start_ns + number * 20 * MS + (self.jump_ns if number >= 5 else 0)
            yield AudioChunk(at, np.zeros(320, np.int16), 16_000)
            yield Frame(at + 7 * MS, np.zeros((4, 4, 3), np.uint8))

    def cues(self, start_ns: int = 0):
        yield Cue(start_ns + 47 * MS, True)


@pytest.fixture
def play(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    arguments = "publish_clock:=true", "rate:=20.0"
    rclpy.init(args=["--ros-args", *(word for it in arguments for word in ("-p", it))])

    def play(recording: Recorded, rounds: int) -> list[int]:
        monkeypatch.setattr(FilePlayerNode, "_open", lambda self, **_: recording)
        monkeypatch.setattr(FilePlayerNode, "begin", lambda self: None)
        monkeypatch.setattr(file_player, "with_tail", lambda events, _: events)
        node, clocks, start_ns = FilePlayerNode(), [], BEGIN
        begun = time.monotonic()
        node._origin = begun, BEGIN
        monkeypatch.setattr(node._sim_clock, "publish", lambda message: clocks.append(to_ns(message.clock)))
        for _ in range(rounds):
            start_ns = node._play(start_ns)
        node.destroy_node()
        play.late_s = node._origin[0] - begun
        return clocks

    yield play
    rclpy.try_shutdown()


def test_time_does_not_go_back_while_a_recording_is_played_again_and_again(play):
    clocks = play(Recorded(), 2)
    assert clocks == sorted(clocks)
    assert {BEGIN + n * 20 * MS for n in range(1, 21)} <= set(clocks)  # each sound once its last sample is taken


@pytest.mark.parametrize("hours", [-1, 1])
def test_time_is_set_as_the_clock_of_the_recording_was(play, hours):
    jump_ns = hours * 3_600_000 * MS
    clocks = play(Recorded(jump_ns), 1)
    steps = np.diff(clocks)
    (jump,) = np.flatnonzero(np.abs(steps) > 60_000 * MS)
    assert abs(int(steps[jump]) - jump_ns) < 100 * MS
    assert np.all(np.delete(steps, jump) >= 0)
    assert clocks[-1] == BEGIN + 200 * MS + jump_ns


@pytest.mark.parametrize(("opening_s", "is_hurried"), [(0.01, True), (0.15, False)])
def test_rounds_follow_one_clock_unless_opening_the_recording_takes_long(play, opening_s, is_hurried):
    """What opening it takes would else add up, and the stamps fall behind the clock, round by round."""
    play(Recorded(opening_s=opening_s), 3)
    assert (play.late_s == 0.0) is is_hurried
