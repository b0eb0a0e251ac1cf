"""Camera node: images in; for each utterance the faces seen during it out.

Subscribes `image_raw` (or `image_raw/compressed`) and `utterance`; publishes `visual_window`.
"""

from __future__ import annotations

import sys
import time

import cv2
from mer_msgs.msg import Utterance, VisualWindow
from sensor_msgs.msg import CompressedImage, Image

from mer_ros.errors import MerError
from mer_ros.nodes import qos
from mer_ros.nodes.base import PipelineNode, spin
from mer_ros.nodes.conversions.audio import utterance_of
from mer_ros.nodes.conversions.vision import frame_of, window_message
from mer_ros.nodes.health import WARN, Condition
from mer_ros.nodes.parameters import Parameter, table_of
from mer_ros.utterance import VisualWindow as Window
from mer_ros.vision.detector import DEFAULT_DETECTOR, DETECTORS, make_detector
from mer_ros.vision.observer import FaceObserver, ObserverOptions
from mer_ros.vision.tracker import TrackerOptions

_POLL_S = 0.1
_BLIND_S = 2.0  # without a frame for so long, the driver is probably gone
_FRAMELESS = 3  # utterances in a row in which no frame lies: the stamps are of two clocks

_OBSERVER = {
    "window_frames": ("frames in a visual window at most", 1, 256),
    "sample_period_ms": ("least time between two frames that are cropped", 10, 10000),
    "buffer_s": ("how long crops are kept, hence the longest utterance that is covered whole", 1.0, 120.0),
    "interim_period_ms": ("time between interim windows; 0 for none", 0, 60000),
    "interim_span_ms": ("what an interim window covers when nobody speaks", 100, 60000),
    "deadline_ms": ("how long after an utterance's end its window waits for a frame", 0, 60000),
    "max_rate_hz": ("frames beyond this rate are dropped; 0 for no limit", 0.0, 1000.0),
    "jump_ms": ("stamps further apart than this are taken for a jump of the clock", 100, 600000),
    "margin": ("side of the face crop over the size of the face's box", 0.5, 3.0),
    "upright_deg": ("heads tilted by more than this are turned upright", 0.0, 180.0),
}
_TRACKER = {
    "detect_period_ms": ("the detector runs on frames at least this far apart", 0, 60000),
    "coast_ms": ("a face that the detector no longer finds is followed for so long", 0, 60000),
    "lost_after_ms": ("a face unseen for so long is forgotten", 0, 60000),
    "max_tracks": ("faces that are followed at most", 1, 100),
}


class CameraNode(PipelineNode):
    """The face observer as a node."""

    table = (
        Parameter("compressed", False, "subscribe to image_raw/compressed in place of image_raw"),
        Parameter("reliability", "best_effort", "of the image subscription", choices=("best_effort", "reliable")),
        Parameter("detector", DEFAULT_DETECTOR, "face detector", choices=tuple(DETECTORS)),
        Parameter("detector_model", "", "the detector's model file; yunet needs one"),
        Parameter("detector_min_score", 0.0, "detections below are dropped; 0: the detector's own", 0.0, 0.99),
        Parameter("detector_width_px", 0, "wider frames are scaled down for it; 0: the detector's own", 0, 4096),
        *table_of("observer", ObserverOptions(), _OBSERVER),
        *table_of("tracker", TrackerOptions(), _TRACKER),
    )

    def __init__(self) -> None:
        super().__init__("camera")
        self._observer: FaceObserver | None = None
        self._frame_id = ""
        # Arrivals are told in steady time, so that a stopped simulation is seen as well.
        self._seen_s = self._refused_s = 0.0
        self._refusal = ""
        self._frameless = 0

    def build(self) -> None:
        """Make detector and observer."""
        p = self.parameters
        cv2.setNumThreads(1)  # frames are small: more threads cost more than they bring, and other nodes need cores
        detector = make_detector(
            p["detector"],
            model_path=p["detector_model"] or None,
            min_score=p["detector_min_score"] or None,
            width_px=p["detector_width_px"] or None,
        )
        tracker = TrackerOptions(**p.group("tracker"))
        self._observer = FaceObserver(detector, ObserverOptions(**p.group("observer"), tracker=tracker))
        self._window = self.speak(VisualWindow, "visual_window", qos.events())
        self.get_logger().info(f"faces are found by {detector.name}")

    def start(self) -> None:
        """Subscribe."""
        p = self.parameters
        self._seen_s, self._refused_s, self._frameless = time.monotonic(), -_BLIND_S, 0
        kind, topic = (CompressedImage, "image_raw/compressed") if p["compressed"] else (Image, "image_raw")
        self.listen(kind, topic, self._on_image, qos.images(p["reliability"]))
        self.listen(Utterance, "utterance", self._on_utterance, qos.events())
        self.tick(_POLL_S, self._on_tick)

    def stop(self) -> None:
        """Publish the windows that still wait."""
        self._publish(self._eye.flush())

    def drop(self) -> None:
        """Forget all faces."""
        self._observer = None

    def condition(self) -> Condition:
        """Tell counts, and whether images arrive, can be used, and belong to what is said."""
        counts = self._eye.counts
        now_s = time.monotonic()
        blind_s = now_s - self._seen_s
        if now_s - self._refused_s < _BLIND_S:
            return Condition(WARN, f"images are refused: {self._refusal}", counts)
        if blind_s > _BLIND_S:
            return Condition(WARN, f"no image for {blind_s:.0f} s: is the driver running?", counts)
        if self._frameless >= _FRAMELESS:
            return Condition(
                WARN,
                f"no frame lies inside the last {self._frameless} utterances: do camera and microphone share a clock?",
                counts,
            )
        return Condition(values=counts)

    @property
    def _eye(self) -> FaceObserver:
        assert self._observer is not None  # only used between build and drop
        return self._observer

    def _on_image(self, message: Image | CompressedImage) -> None:
        self._frame_id = message.header.frame_id
        try:
            windows = self._eye.frame(frame_of(message, self.now_ns()))
        except MerError as error:
            self._refused_s, self._refusal = time.monotonic(), str(error)
            raise
        self._seen_s = time.monotonic()
        self._publish(windows)

    def _on_utterance(self, message: Utterance) -> None:
        self._publish(self._eye.utterance(utterance_of(message)))

    def _on_tick(self) -> None:
        self._publish(self._eye.poll(self.now_ns()))

    def _publish(self, windows: list[Window]) -> None:
        for window in windows:
            if window.is_final:
                self._frameless = 0 if window.frames_seen else self._frameless + 1
            self._window.publish(window_message(window, self._frame_id))


def main() -> int:
    """Run the node; return the exit code of its process."""
    return spin(CameraNode)


if __name__ == "__main__":
    sys.exit(main())
