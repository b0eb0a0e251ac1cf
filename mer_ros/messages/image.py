"""Camera messages to frames, told apart by their fields."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError
from mer_ros.messages.stamps import stamp_of
from mer_ros.utterance import Frame
from mer_ros.vision.image import decode_compressed, decode_image

_RAW = ("data", "encoding", "width", "height", "step", "is_bigendian")


def frame_of(message: Any, received_ns: int) -> Frame:
    """Return the frame of a raw or compressed image; raises InputError for what cannot be decoded.

    received_ns: stands in for a stamp that was never filled.
    """
    return Frame(stamp_of(message) or received_ns, pixels_of(message))


def pixels_of(message: Any) -> NDArray[np.uint8]:
    """Return uint8 [height, width, 3], RGB, of a message with the fields of sensor_msgs/Image or CompressedImage."""
    if all(hasattr(message, name) for name in _RAW):
        return decode_image(
            message.data, message.encoding, message.width, message.height, message.step, bool(message.is_bigendian)
        )
    if hasattr(message, "format") and hasattr(message, "data"):
        return decode_compressed(bytes(message.data), message.format)
    raise InputError(
        f"{type(message).__name__} is no known image message; accepted are sensor_msgs/Image and CompressedImage"
    )
