"""Messages of packages that need not be installed, made by hand: the same fields, nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar


class StandIn:
    """A message type. Values are checked as rosidl does: a field that it has not is an error."""

    fields: ClassVar[dict[str, Any]] = {}

    def __init__(self, **given: Any) -> None:
        for name, default in self.fields.items():
            object.__setattr__(self, name, default() if callable(default) else default)
        for name, value in given.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.fields:
            raise AttributeError(f"{type(self).__name__} has no field {name}")
        object.__setattr__(self, name, value)

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        return {
            name: type(default() if callable(default) else default).__name__ for name, default in cls.fields.items()
        }


def stamped(stamp_ns: int = 0) -> Any:
    """Return a std_msgs/Header."""
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    return SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec), frame_id="")


def kind(name: str, constants: dict[str, Any] | None = None, **fields: Any) -> type[StandIn]:
    """Return a message type with these fields and their defaults."""
    return type(name, (StandIn,), {"fields": fields, **(constants or {})})


_SPEECH = {"header": stamped, "incremental": "", "final": "", "confidence": 0.0}
#: hri_msgs/LiveSpeech by release: 2.0; 2.1 and 2.2.0; since 2.2.1.
LIVE_SPEECH = {
    "language": kind("LiveSpeech", **_SPEECH, language=""),
    "both": kind("LiveSpeech", **_SPEECH, locale="", language=""),
    "locale": kind("LiveSpeech", **_SPEECH, locale=""),
}
TRANSCRIPTION = kind("Transcription", text="", audio_time=0.0, transcription_time=0.0)
TRANSCRIPT = kind(  # mer_msgs/Transcript
    "Transcript",
    utterance_id=0,
    start=None,
    end=None,
    text="",
    is_final=False,
    confidence=0.0,
    language="",
    source="",
)
STRING = kind("String", data="")
IDS_LIST = kind("IdsList", header=stamped, ids=list)
EXPRESSION = kind(
    "Expression",
    {name.upper(): name for name in ("neutral", "angry", "sad", "happy", "surprised", "disgusted", "scared")},
    header=stamped,
    expression="",
    valence=0.0,
    arousal=0.0,
    confidence=0.0,
)
IDS_MATCH = kind(
    "IdsMatch",
    {"PERSON": 1, "FACE": 2, "BODY": 3, "VOICE": 4},
    id1="",
    id1_type=0,
    id2="",
    id2_type=0,
    confidence=0.0,
)
NORMALIZED_REGION = kind("NormalizedRegionOfInterest2D", header=stamped, xmin=0.0, ymin=0.0, xmax=0.0, ymax=0.0, c=0.0)
REGION = kind("RegionOfInterest", x_offset=0, y_offset=0, width=0, height=0, do_rectify=False)
BOOL = kind("Bool", data=False)
CLASSIFICATION = kind("Classification", header=stamped, results=list)
#: vision_msgs/ObjectHypothesis since Humble, and before.
HYPOTHESES = {
    "class_id": kind("ObjectHypothesis", class_id="", score=0.0),
    "id": kind("ObjectHypothesis", id="", score=0.0),
}
