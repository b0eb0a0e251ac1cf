"""Frames to messages; visual windows to messages and back."""

from __future__ import annotations

import numpy as np
from mer_msgs.msg import FaceSample as FaceSampleMsg
from mer_msgs.msg import VisualWindow as VisualWindowMsg
from sensor_msgs.msg import Image, RegionOfInterest

from mer_ros.errors import InputError
from mer_ros.messages.image import pixels_of
from mer_ros.messages.stamps import to_ns
from mer_ros.nodes.conversions.stamps import header, to_time
from mer_ros.utterance import Box, FaceSample, VisualWindow
from mer_ros.vision.crops import CONTEXT_SHAPE, FACE_PX


def image_message(pixels: np.ndarray, stamp_ns: int, frame_id: str = "") -> Image:
    """Return the rgb8 message of uint8 [height, width, 3]."""
    height, width = pixels.shape[:2]
    message = Image(
        header=header(stamp_ns, frame_id), height=height, width=width, encoding="rgb8", is_bigendian=0, step=width * 3
    )
    message.data.frombytes(np.ascontiguousarray(pixels).tobytes())
    return message


def window_message(window: VisualWindow, frame_id: str = "") -> VisualWindowMsg:
    """Return the message of a visual window."""
    return VisualWindowMsg(
        header=header(window.start_ns, frame_id),
        utterance_id=window.utterance_id,
        is_final=window.is_final,
        start=to_time(window.start_ns),
        end=to_time(window.end_ns),
        track_id=window.track_id,
        person_id=window.person_id,
        speaking=window.speaking,
        out_of_view=window.out_of_view,
        faces_in_view=window.faces_in_view,
        frames_seen=window.frames_seen,
        image_width=window.image_width,
        image_height=window.image_height,
        samples=[_sample_message(sample, frame_id) for sample in window.samples],
    )


def window_of(message: VisualWindowMsg) -> VisualWindow:
    """Return the visual window of a message; raises InputError for crops that cannot be decoded or are of odd size."""
    return VisualWindow(
        utterance_id=message.utterance_id,
        is_final=message.is_final,
        start_ns=to_ns(message.start),
        end_ns=to_ns(message.end),
        track_id=message.track_id,
        person_id=message.person_id,
        speaking=message.speaking,
        out_of_view=message.out_of_view,
        samples=tuple(_sample_of(sample) for sample in message.samples),
        faces_in_view=message.faces_in_view,
        frames_seen=message.frames_seen,
        image_width=message.image_width,
        image_height=message.image_height,
    )


def _sample_message(sample: FaceSample, frame_id: str) -> FaceSampleMsg:
    box = sample.box
    return FaceSampleMsg(
        stamp=to_time(sample.stamp_ns),
        box=RegionOfInterest(x_offset=box.x, y_offset=box.y, width=box.width, height=box.height),
        score=float(sample.score),
        detected=sample.detected,
        face=image_message(sample.face, sample.stamp_ns, frame_id),
        context=image_message(sample.context, sample.stamp_ns, frame_id),
    )


def _sample_of(message: FaceSampleMsg) -> FaceSample:
    box = message.box
    return FaceSample(
        stamp_ns=to_ns(message.stamp),
        box=Box(box.x_offset, box.y_offset, box.width, box.height),
        score=message.score,
        detected=message.detected,
        face=_sized(pixels_of(message.face), (FACE_PX, FACE_PX)),
        context=_sized(pixels_of(message.context), CONTEXT_SHAPE),
    )


def _sized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if pixels.shape[:2] != size:
        found, wanted = ("{1}x{0}".format(*shape) for shape in (pixels.shape, size))
        raise InputError(f"a crop of a visual window is {found} pixels; it must be {wanted}")
    return pixels
