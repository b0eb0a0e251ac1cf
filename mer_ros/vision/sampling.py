"""Which frames are cropped, and what is kept of them."""

from __future__ import annotations

from mer_ros.utterance import FaceSample, Frame
from mer_ros.vision.crops import context_crop, crop_face
from mer_ros.vision.tracker import FacesInFrame
from mer_ros.vision.window import SampledFrame


def sampled(frame: Frame, faces: FacesInFrame, margin: float, upright_deg: float) -> SampledFrame:
    """Crop the faces of a frame, and the context that they share. margin, upright_deg: as in the observer's options."""
    if not faces.faces:
        return SampledFrame(frame.stamp_ns, {})
    context = context_crop(frame.image, faces.hidden)
    return SampledFrame(
        frame.stamp_ns,
        {
            face.id: FaceSample(
                frame.stamp_ns,
                face.box,
                face.score,
                face.detected,
                crop_face(frame.image, face.box, face.landmarks, margin=margin, upright_deg=upright_deg),
                context,
            )
            for face in faces.faces
        },
    )


def due(last_ns: int | None, now_ns: int, period_ns: int) -> int | None:
    """Return the tick since last_ns on a grid, so that the mean rate holds at any frame rate; None when none came."""
    if last_ns is None:
        return now_ns
    ticks = (now_ns - last_ns) // period_ns
    return last_ns + ticks * period_ns if ticks >= 1 else None
