"""Camera node: images in; for each utterance the faces seen during it out.

Subscribes `image_raw` (or `image_raw/compressed`), `utterance` and, where another node finds the faces, those below
`/humans/faces`; publishes `visual_window`, and while somebody subscribes `image_annotated` and
`image_annotated/compressed`. Service `~/forget_person`; whom it forgets, it tells the other nodes on
`people/forgotten`, and on `people/renumbered` that ids of persons and faces begin anew.
"""

from __future__ import annotations

import sys
import time

from mer_msgs.msg import Utterance, VisualWindow
from mer_msgs.srv import ForgetPerson
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Empty, String

from mer_ros import stages
from mer_ros.errors import MerError
from mer_ros.messages.image import frame_of
from mer_ros.messages.stamps import stamp_of
from mer_ros.nodes import qos
from mer_ros.nodes.annotated import Annotated
from mer_ros.nodes.base import PipelineNode
from mer_ros.nodes.conversions.audio import utterance_of
from mer_ros.nodes.conversions.vision import window_message
from mer_ros.nodes.health import WARN, Condition
from mer_ros.nodes.load import LEVELS, MS, FramePolicy, reduced, steady_ns
from mer_ros.nodes.process import spin
from mer_ros.nodes.sensor_watch import SensorWatch
from mer_ros.nodes.told import FaceListener
from mer_ros.settings.load import LoadOptions
from mer_ros.settings.tables import CAMERA
from mer_ros.utterance import Frame
from mer_ros.utterance import VisualWindow as Window
from mer_ros.vision.observer import FaceObserver
from mer_ros.vision.told_faces import ToldFaces

_POLL_S = 0.1
_REFUSED_S = 2.0  # for so long a refused image is shown
_FRAMELESS = 3  # utterances in a row in which no frame lies: the stamps are of two clocks


class CameraNode(PipelineNode):
    """The face observer as a node."""

    table = CAMERA

    def __init__(self) -> None:
        super().__init__("camera")
        self._observer: FaceObserver | None = None
        self._told: ToldFaces | None = None
        self._others: FaceListener | None = None
        self._frame_id = ""
        self._watch = SensorWatch("image", "images")
        self._refused_s = 0.0
        self._refusal = ""
        self._frameless = 0
        self._forgotten = self.create_publisher(String, "people/forgotten", qos.forgotten())
        self._renumbered = self.create_publisher(Empty, "people/renumbered", qos.latched())
        self.create_service(ForgetPerson, "~/forget_person", self._forget_person)

    def build(self) -> None:
        """Make detector and observer."""
        self._told = stages.told_faces(self.parameters)
        self._others = FaceListener(self, self._told) if self._told else None
        detector = self._told or stages.detector(self.parameters)
        apart = stages.encoder(self.parameters)
        observer = stages.observer(self.parameters, detector, apart)
        self._wanted = observer.options
        self._load = FramePolicy(LoadOptions(**self.parameters.group("load")))
        self._window = self.speak(VisualWindow, "visual_window", qos.events())
        self._glance = self.speak(VisualWindow, "visual_window", qos.glances(), "interim")
        self._annotated = Annotated(self, stages.overlay(self.parameters))
        self._observer = observer  # with it all of these are there
        self._renumbered.publish(Empty())  # ids of before, of tracks and persons, mean others from now on
        told_apart = f"told apart by {apart.name}" if apart else "not told apart"
        self.get_logger().info(f"faces are found by {detector.name}, and {told_apart}")

    def start(self) -> None:
        """Subscribe."""
        p = self.parameters
        self._refused_s, self._frameless = -_REFUSED_S, 0
        self._watch.begin(time.monotonic())
        kind, topic = (CompressedImage, "image_raw/compressed") if p["compressed"] else (Image, "image_raw")
        self.listen(kind, topic, self._on_image, qos.images(p["reliability"]))
        self.listen(Utterance, "utterance", self._on_utterance, qos.events())
        self.tick(_POLL_S, self._on_tick)
        if self._others:
            self._others.start()

    def stop(self) -> None:
        """Publish the windows that still wait."""
        self._annotated.rest()
        if self._told and self._others:
            for frame in self._told.flush():
                self._look(frame)
            self._others.rest()
        self._publish(self._eye.flush())

    def drop(self) -> None:
        """Forget all faces."""
        if self._observer is not None:
            self._annotated.rest()
        self._observer = None

    def condition(self) -> Condition:
        """Tell counts, and whether images arrive, can be used, and belong to what is said."""
        load = {"load_level": self._load.level, **self._load.counts}
        counts = {**self._eye.counts, **self._annotated.overlay.counts, **load}
        counts["sound_delay_ms"] = self._eye.sound_delay_ms
        if self._told and self._others:
            counts |= {**self._told.counts, **self._others.counts}
        counts |= dict(self._watch.counts)
        now_s = time.monotonic()
        complaint = self._watch.complaint(now_s, frozen=self._eye.is_frozen)
        if news := self._watch.news(complaint):
            self.get_logger().warning(news)
        if now_s - self._refused_s < _REFUSED_S:
            return Condition(WARN, f"images are refused: {self._refusal}", counts)
        if complaint:
            return Condition(WARN, complaint, counts)
        if self._frameless >= _FRAMELESS:
            return Condition(
                WARN,
                f"no frame lies inside the last {self._frameless} utterances: do camera and microphone share a clock?",
                counts,
            )
        if self._load.level:
            return Condition(WARN, f"the machine cannot keep up: {LEVELS[self._load.level]}", counts)
        return Condition(values=counts)

    @property
    def _eye(self) -> FaceObserver:
        assert self._observer is not None  # only used between build and drop
        return self._observer

    def _on_image(self, message: Image | CompressedImage) -> None:
        self._frame_id = message.header.frame_id
        if not self._is_affordable(message):
            return
        begun_ns = steady_ns()
        try:
            frame = frame_of(message, self.now_ns())
            for ready in self._told.hold(frame) if self._told else (frame,):
                self._look(ready)
        except MerError as error:
            self._refused_s, self._refusal = time.monotonic(), str(error)
            raise
        self._came(frame.stamp_ns)
        self._load.spent(steady_ns() - begun_ns)

    def _came(self, stamp_ns: int) -> None:
        if jump := self._watch.take(stamp_ns, time.monotonic(), self.now_ns()):
            self.get_logger().warning(jump)

    def _look(self, frame: Frame) -> None:
        self._publish(self._eye.frame(frame))
        self._annotated.show(frame, self._eye, self._frame_id)

    def _is_affordable(self, message: Image | CompressedImage) -> bool:
        """Under load frames are left out first; then windows get smaller, then interim ones are left out."""
        level, now_ns = self._load.level, self.now_ns()
        stamp_ns = stamp_of(message) or now_ns
        wanted = self._load.wants((now_ns - stamp_ns) / MS, steady_ns())
        if not wanted:
            self._came(stamp_ns)
            self._publish(self._eye.pass_over(stamp_ns))
        if self._load.level != level:
            self._eye.options = reduced(self._wanted, self._load.level)
            self.get_logger().warning(f"load: {LEVELS[self._load.level]}")
        return wanted

    def _on_utterance(self, message: Utterance) -> None:
        self._publish(self._eye.utterance(utterance_of(message)))

    def _on_tick(self) -> None:
        self._publish(self._eye.poll(self.now_ns()))
        self._annotated.look_around()

    def _forget_person(self, request: ForgetPerson.Request, response: ForgetPerson.Response) -> ForgetPerson.Response:
        """In any state: others may know a person whom this node does not know any more."""
        if self._observer is not None:
            response.forgotten = self._observer.forget(request.person_id)
            self._annotated.overlay.forget()
        self._forgotten.publish(String(data=request.person_id))
        return response

    def _publish(self, windows: list[Window]) -> None:
        for window in windows:
            if window.is_final:
                self._frameless = 0 if window.frames_seen else self._frameless + 1
            publisher = self._window if window.is_final else self._glance
            publisher.publish(window_message(window, self._frame_id))


def main() -> int:
    """Run the node; return the exit code of its process."""
    return spin(CameraNode)


if __name__ == "__main__":
    sys.exit(main())
