"""Plays a bag, a sound or video file, or the sample dialogue, as a camera and a microphone in real time.

Publishes image_raw (sensor_msgs/Image) and audio (mer_msgs/AudioChunk); on request /clock. What else a bag holds for
the graph is published as well: robot_speaking (std_msgs/Bool) and, where somebody listens, words, in the type that is
listened to; as a String final ones alone.
It waits for subscribers, plays, adds silence so that the last utterance ends, and then exits or stays.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Any, ClassVar

from rclpy.clock import Clock
from rclpy.duration import Duration
from rosgraph_msgs.msg import Clock as ClockMessage

from mer_ros.messages.pcm import PCM_FORMATS, as_int16
from mer_ros.nodes.conversions.stamps import to_time
from mer_ros.nodes.driver import FRAME_ID, RECORDERS, RELIABILITY, DriverNode
from mer_ros.nodes.parameters import Parameter
from mer_ros.nodes.played_cues import PlayedCues
from mer_ros.nodes.process import spin
from mer_ros.replay.bag import RecordingOptions, open_recording
from mer_ros.replay.cues import Cue, Cued, with_cues
from mer_ros.replay.media import Recording
from mer_ros.replay.sample import SampleDialogue
from mer_ros.replay.tail import JUMP_NS, with_tail
from mer_ros.utterance import AudioChunk, Frame

NS = 1_000_000_000
CLOCK_STEP_S = 0.01
LATE_S = 0.1


class FilePlayerNode(DriverNode):
    """The file player."""

    table: ClassVar[tuple[Parameter, ...]] = (
        Parameter("file", "sample", "path of a bag, a sound or video file, or 'sample' for the sample dialogue"),
        Parameter("image_topic", "", "images of a bag; empty: the only topic of images"),
        Parameter("audio_topic", "", "sound of a bag; empty: the only topic of sound"),
        Parameter("words_topic", "", "words of a bag; empty: the one that is called so, or the only one of words"),
        Parameter("robot_speaking_topic", "", "of a bag (std_msgs/Bool); empty: the one that is called so"),
        Parameter("sample_rate", 0, "Hz, of a bag's sound that does not say; 0: as the bag tells, or 16000", 0, 192000),
        Parameter("channels", 0, "of a bag's sound that does not say; 0: as the bag tells, or 1", 0, 64),
        Parameter("sample_format", "", "of a bag's sound that does not say", choices=("", *PCM_FORMATS)),
        Parameter("rate", 1.0, "speed of playing; other than 1 wants publish_clock", 0.1, 100.0),
        Parameter("loop", False, "start again at the end"),
        Parameter("start_delay_s", 0.5, "wait before playing, once the subscribers are there", 0.0, 600.0),
        Parameter("subscriber_timeout_s", 60.0, "longest wait for subscribers; 0 waits for none", 0.0, 3600.0),
        Parameter("await_images", True, "wait for a subscriber of the images"),
        Parameter("await_audio", True, "wait for a subscriber of the sound"),
        Parameter("tail_s", 3.0, "silence after the end, in which the last utterance ends", 0.0, 60.0),
        Parameter("chunk_ms", 20, "length of the audio chunks", 5, 1000),
        Parameter("max_width", 1280, "wider frames are scaled down to this; 0 keeps every size", 0, 16384),
        Parameter("exit_at_end", True, "end the process with exit code 0 after playing"),
        Parameter("publish_clock", False, "publish /clock, for nodes with use_sim_time"),
        RELIABILITY,
        FRAME_ID,
    )

    def __init__(self) -> None:
        super().__init__("file_player", images=True, audio=True)
        self._source = self._open()
        for warning in self._source.warnings:
            self.warn(warning)
        self._cues = PlayedCues(self) if isinstance(self._source, Cued) else None
        self._rate: float = self.parameters["rate"]
        self._sim_clock: Any = None
        self._clock_ns = 0  # the last time that was told
        self._origin = 0.0, 0  # when playing began, in s of the monotonic clock, and the recording's time of that
        if self.parameters["publish_clock"]:
            self._sim_clock = self.create_publisher(ClockMessage, "/clock", 10)
        elif self._rate != 1.0:
            self.warn(f"rate is {self._rate} but publish_clock is off: stamps will part from the clock of other nodes")
        self.begin()

    def work(self) -> None:
        """Wait for listeners, play, end."""
        if not (self._await_subscribers() and self.pause(self.parameters["start_delay_s"])):
            return
        if self._cues and self._cues.find_listeners():
            self._source = self._open(words=True)
        # With /clock this node makes the time, and begins it at that of the system.
        start_ns = Clock().now().nanoseconds if self._sim_clock else self.now_ns()
        self._origin = time.monotonic(), start_ns
        while self.pause(0):
            end_ns = self._play(start_ns)
            if not self.parameters["loop"]:
                break
            start_ns = end_ns
        if self.ending.is_set():
            return
        self.recover("finished", file=self._source.name)
        for publisher in (self.images, self.sounds):
            publisher.wait_for_all_acked(Duration(seconds=2.0))
        self.get_logger().info(f"finished {self._source.name}")
        if self.parameters["exit_at_end"]:
            raise SystemExit(0)

    def _open(self, *, words: bool = False) -> Recording:
        """words: also those of another recogniser, of which a bag may hold several."""
        p = self.parameters
        if p["file"] == "sample":
            return SampleDialogue()
        told = p["sample_rate"], p["channels"], p["sample_format"]
        topics = {"words_topic": p["words_topic"], "robot_speaking_topic": p["robot_speaking_topic"]}
        wanted = RecordingOptions(p["image_topic"], p["audio_topic"], *told, p["max_width"], words, **topics)
        return open_recording(p["file"], wanted)

    def _await_subscribers(self) -> bool:
        """Wait until somebody listens to all that is to be awaited; False when the node ends."""
        wanted = [
            publisher
            for publisher, there, kind in (
                (self.images, self._source.has_video, "images"),
                (self.sounds, self._source.has_audio, "audio"),
            )
            if there and self.parameters[f"await_{kind}"]
        ]
        if not wanted:
            return True
        timeout_s = self.parameters["subscriber_timeout_s"]
        until = time.monotonic() + timeout_s
        self.recover("waiting for subscribers", file=self._source.name)
        topics = " and ".join(publisher.topic_name for publisher in wanted)
        self.get_logger().info(f"waiting for subscribers of {topics}, {timeout_s:g} s at most")
        while not all(self._is_heard(publisher.topic_name) for publisher in wanted):
            if time.monotonic() >= until:
                self.get_logger().warning("nobody listens: playing all the same")
                break
            if not self.pause(0.05):
                return False
        return True

    def _is_heard(self, topic: str) -> bool:
        """Whether a node listens that is no recorder: those come along with the nodes that are to be played to."""
        return any(info.node_name not in RECORDERS for info in self.get_subscriptions_info_by_topic(topic))

    def _play(self, start_ns: int) -> int:
        """Play once with stamps from `start_ns`; return where the next round starts."""
        self.get_logger().info(f"playing {self._source.name}")
        self.recover("playing", file=self._source.name)
        end_ns = last_ns = start_ns
        if (behind_s := -self._ahead_s(start_ns)) > LATE_S:  # opening it again took long: nothing is hurried after that
            self._origin = self._origin[0] + behind_s, self._origin[1]
        by_ns = start_ns - self._source.zero_ns
        events = self._source.events(by_ns, chunk_ms=self.parameters["chunk_ms"])
        cues = self._source.cues(by_ns) if isinstance(self._source, Cued) else iter(())
        for event in with_cues(with_tail(map(_publishable, events), self.parameters["tail_s"]), cues):
            if isinstance(event, Cue):
                is_near = abs(event.stamp_ns - last_ns) <= JUMP_NS  # of the clock of the sound
                if is_near and not self._wait(event.stamp_ns):
                    return end_ns
                assert self._cues  # the recording has them
                self._cues.tell(event)
                continue
            due_ns = _complete_ns(event)
            if abs(due_ns - last_ns) > JUMP_NS:  # the clock was set while the bag was recorded: do not wait for that
                self._origin = self._origin[0], self._origin[1] + due_ns - last_ns
                self._clock_ns = 0  # may be set back as well
            last_ns = due_ns
            if not self._wait(due_ns):
                return end_ns
            if isinstance(event, Frame):
                self.show(event)
            else:
                self.sound(event)
            end_ns = max(end_ns, due_ns)
        return end_ns

    def _ahead_s(self, due_ns: int) -> float:
        """How long it is until a time of the recording comes: by one origin for all rounds, so that nothing drifts."""
        begun, origin_ns = self._origin
        return (due_ns - origin_ns) / NS / self._rate - (time.monotonic() - begun)

    def _wait(self, due_ns: int) -> bool:
        """Wait until `due_ns` of the recording's time has come; False when the node ends."""
        while True:
            ahead_s = self._ahead_s(due_ns)
            now_ns = due_ns - max(0, round(ahead_s * self._rate * NS))
            if self._sim_clock:
                # What is due comes in the order of its stamps, and sound is due later than its stamp.
                self._clock_ns = max(self._clock_ns, now_ns)
                self._sim_clock.publish(ClockMessage(clock=to_time(self._clock_ns)))
            if ahead_s <= 0:
                self.health.counts["late"] += ahead_s < -LATE_S
                return self.pause(0)
            if not self.pause(min(ahead_s, CLOCK_STEP_S) if self._sim_clock else ahead_s):
                return False


def _publishable(event: Frame | AudioChunk) -> Frame | AudioChunk:
    """The event with samples as the message carries them: int16."""
    return event if isinstance(event, Frame) else replace(event, samples=as_int16(event.samples))


def _complete_ns(event: Frame | AudioChunk) -> int:
    """When a device would give it out: sound only once its last sample is taken."""
    if isinstance(event, Frame):
        return event.stamp_ns
    return event.stamp_ns + len(event.samples) * NS // event.sample_rate


def main() -> int:
    """Run the file player."""
    return spin(FilePlayerNode)


if __name__ == "__main__":
    sys.exit(main())
