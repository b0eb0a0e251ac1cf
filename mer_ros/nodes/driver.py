"""What the nodes for a bare machine share: they publish what a thread of theirs takes from a device or a file."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from mer_msgs.msg import AudioChunk as AudioChunkMessage
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Image

from mer_ros.nodes import arguments, qos
from mer_ros.nodes.conversions.audio import chunk_message
from mer_ros.nodes.conversions.vision import image_message
from mer_ros.nodes.health import ERROR, WARN, Condition, Health
from mer_ros.nodes.parameters import Parameter, Parameters
from mer_ros.utterance import AudioChunk, Frame

RECORDERS = ("mer_recorder", "rosbag2_recorder")  # nodes that listen to whatever there is
FRAME_ID = Parameter("frame_id", "", "frame_id of the published headers")
RELIABILITY = Parameter(
    "reliability",
    "reliable",
    "of the images; reliable serves subscribers of both kinds",
    choices=("reliable", "best_effort"),
)


class DriverNode(Node):
    """A plain node whose `work` runs in a thread of its own until the node ends.

    `work` publishes with `show` and `sound`, waits with `pause`, and reports through `condition`.
    What leaves `work` ends the process; a MerError does so with one sentence and exit code 2.
    """

    table: ClassVar[tuple[Parameter, ...]] = ()

    def __init__(self, name: str, *, images: bool, audio: bool) -> None:
        super().__init__(name, cli_args=arguments.own())
        self.parameters = Parameters(self, self.table)
        self.condition = Condition()
        self.health = Health(self, lambda: self.condition)
        self.frame_id: str = self.parameters["frame_id"]
        self.images: Any = None
        self.sounds: Any = None
        if images:
            profile = qos.images(self.parameters["reliability"])
            self.images = self.publisher(Image, "image_raw", profile)
        if audio:
            self.sounds = self.publisher(AudioChunkMessage, "audio", qos.audio())
        self.ending = threading.Event()
        self._exit: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"{name} work", daemon=True)
        self.create_timer(0.1, self._look_after, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def begin(self) -> None:
        """Start the thread."""
        self._thread.start()

    def work(self) -> None:
        """Take and publish until `ending` is set."""
        raise NotImplementedError

    def now_ns(self) -> int:
        """Return the node's clock."""
        return int(self.get_clock().now().nanoseconds)

    def pause(self, seconds: float) -> bool:
        """Wait; return False when the node ends."""
        return not self.ending.wait(max(0.0, seconds))

    def fail(self, sentence: str) -> None:
        """Say once what is wrong, and show it in the diagnostics until `recover`."""
        if self.condition.message != sentence:
            self.get_logger().error(sentence)
        self.condition = Condition(ERROR, sentence)

    def recover(self, message: str, **values: object) -> None:
        """Show that all is well."""
        self.condition = Condition(message=message, values=values)

    def warn(self, sentence: str) -> None:
        """Say and show something that needs a look but ends nothing."""
        self.get_logger().warning(sentence)
        self.condition = Condition(WARN, sentence)

    def show(self, frame: Frame, encoding: str = "rgb8") -> None:
        """Publish a frame; `image` holds its pixels in the order that `encoding` names."""
        message = image_message(frame.image, frame.stamp_ns, self.frame_id)
        message.encoding = encoding
        self.images.publish(message)
        self.health.counts["frames"] += 1

    def sound(self, chunk: AudioChunk) -> None:
        """Publish int16 samples [n, channels]."""
        self.sounds.publish(chunk_message(chunk, self.frame_id))
        self.health.counts["chunks"] += 1

    def publisher(self, kind: Any, topic: str, profile: Any) -> Any:
        """Make a publisher whose QoS parameters can change."""
        return self.create_publisher(kind, topic, profile, qos_overriding_options=qos.overridable())

    def destroy_node(self) -> None:
        """Stop the thread first."""
        self.ending.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)
        super().destroy_node()

    def _run(self) -> None:
        try:
            self.work()
        except BaseException as end:  # handed to the thread that spins, which ends the process with it
            self._exit = end

    def _look_after(self) -> None:
        if self._exit is not None and not self.ending.is_set():
            raise self._exit
