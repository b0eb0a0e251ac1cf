"""A camera driver for machines that have none: OpenCV takes frames from a device.

Publishes image_raw (sensor_msgs/Image, rgb8 or bgr8), stamped when the frame was grabbed. A camera that is
missing or lost is shown in the diagnostics and tried again, more and more seldom.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar

import cv2
import numpy as np

from mer_ros.nodes.driver import FRAME_ID, RELIABILITY, DriverNode
from mer_ros.nodes.parameters import Parameter
from mer_ros.nodes.process import spin
from mer_ros.utterance import Frame

FIRST_RETRY_S = 0.5
LOST_AFTER = 5  # grabs in a row that fail
EARLY = 0.8  # of a period: a frame sooner than this after the last one is over the asked rate


class WebcamNode(DriverNode):
    """The webcam. `open_capture` makes the object with OpenCV's VideoCapture interface."""

    table: ClassVar[tuple[Parameter, ...]] = (
        Parameter("device", "0", "index of the camera, or a path such as /dev/video0"),
        Parameter("width", 640, "asked of the camera, pixels; it may give another", 16, 16384),
        Parameter("height", 480, "asked of the camera, pixels; it may give another", 16, 16384),
        Parameter("rate_hz", 15.0, "asked of the camera; frames beyond it are left out", 0.1, 240.0),
        Parameter("encoding", "rgb8", "of the published images", choices=("rgb8", "bgr8")),
        Parameter("retry_max_s", 10.0, "longest wait before a lost camera is tried again", 0.5, 600.0),
        RELIABILITY,
        FRAME_ID,
    )

    def __init__(self, open_capture: Callable[..., Any] = cv2.VideoCapture) -> None:
        super().__init__("webcam", images=True, audio=False)
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what goes wrong is said below
        self._open_capture = open_capture
        device = str(self.parameters["device"])
        self._device: int | str = int(device) if device.isdigit() else device
        self._settings = [
            (cv2.CAP_PROP_FRAME_WIDTH, self.parameters["width"]),
            (cv2.CAP_PROP_FRAME_HEIGHT, self.parameters["height"]),
            (cv2.CAP_PROP_FPS, self.parameters["rate_hz"]),
            (cv2.CAP_PROP_BUFFERSIZE, 1),  # the newest frame, not the oldest
        ]
        self._encoding = self.parameters["encoding"]
        self._period_s = 1.0 / self.parameters["rate_hz"]
        self._longest_s = self.parameters["retry_max_s"]
        self.begin()

    def work(self) -> None:
        """Open, take frames until the camera is lost, wait, begin again."""
        wait_s = FIRST_RETRY_S
        while self.pause(0):
            capture = self._open_capture(self._device)
            try:
                if not capture.isOpened():
                    self.fail(
                        f"camera {self._device} cannot be opened: check that it is plugged in, that no other "
                        "program uses it, and that you may read it (group video)"
                    )
                else:
                    for setting, value in self._settings:
                        capture.set(setting, value)
                    if self._take(capture):
                        wait_s = FIRST_RETRY_S
                    if self.pause(0):
                        self.health.counts["lost"] += 1
                        self.fail(f"camera {self._device} gives no frames any more: it is tried again")
            finally:
                capture.release()
            if not self.pause(wait_s):
                return
            wait_s = min(2 * wait_s, self._longest_s)

    def _take(self, capture: Any) -> bool:
        """Publish frames until the camera is lost or the node ends; return whether there were any."""
        misses, taken, last = 0, False, -self._period_s
        while misses < LOST_AFTER and self.pause(0):
            if not capture.grab():
                misses += 1
                self.pause(0.05)
                continue
            stamp_ns, now = self.now_ns(), time.monotonic()
            if now - last < EARLY * self._period_s:
                self.health.counts["over_rate"] += 1
                self.pause(0.001)
                continue
            good, image = capture.retrieve()
            if not good or image is None or image.ndim != 3 or image.shape[2] != 3:
                misses += 1
                self.health.counts["unusable_frames"] += 1
                continue
            if not taken:
                self.recover("streaming", size=f"{image.shape[1]}x{image.shape[0]}")
                self.get_logger().info(f"camera {self._device} gives {image.shape[1]}x{image.shape[0]}")
            misses, taken, last = 0, True, now
            ordered: np.ndarray = image if self._encoding == "bgr8" else image[..., ::-1]
            self.show(Frame(stamp_ns, ordered), self._encoding)
        return taken


def main() -> int:
    """Run the node; return the exit code of the process."""
    return spin(WebcamNode)


if __name__ == "__main__":
    sys.exit(main())
