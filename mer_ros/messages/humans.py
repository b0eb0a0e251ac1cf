"""What there is to say of humans as messages of hri_msgs, in the fields that the installed release has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mer_ros.messages.stamps import fill_stamp
from mer_ros.standards.facts import (
    Anonymous,
    Belongs,
    Expressed,
    Fact,
    Group,
    Listed,
    Match,
    Region,
    Speaking,
    Spoken,
)

#: The constant of hri_msgs/Expression for each label of ours.
EXPRESSIONS = {
    "anger": "ANGRY",
    "disgust": "DISGUSTED",
    "fear": "SCARED",
    "joy": "HAPPY",
    "neutral": "NEUTRAL",
    "sadness": "SAD",
    "surprise": "SURPRISED",
}
#: What each fact is told with: the names of types that `types` is asked for, the first that is there counts.
TYPES: dict[type, tuple[str, ...]] = {
    Listed: ("hri_msgs/msg/IdsList",),
    Region: ("hri_msgs/msg/NormalizedRegionOfInterest2D", "sensor_msgs/msg/RegionOfInterest"),
    Expressed: ("hri_msgs/msg/Expression",),
    Speaking: ("std_msgs/msg/Bool",),
    Spoken: ("hri_msgs/msg/LiveSpeech",),
    Belongs: ("std_msgs/msg/String",),
    Anonymous: ("std_msgs/msg/Bool",),
    Match: ("hri_msgs/msg/IdsMatch",),
}


def human_message(fact: Fact, kind: Any, frame_id: str = "") -> Any:
    """Return the message of a fact. kind: the class of its message type; frame_id: of the camera, for regions."""
    message = kind()
    match fact:
        case Listed():
            fill_stamp(message, fact.stamp_ns)
            message.ids = list(fact.ids)
        case Region():
            fill_stamp(message, fact.stamp_ns, frame_id)
            _fill(message, _box(fact, message))
        case Expressed():
            fill_stamp(message, fact.stamp_ns)
            affect = {"valence": fact.valence, "arousal": fact.arousal, "confidence": fact.confidence}
            _fill(message, {"expression": _constant(kind, EXPRESSIONS.get(fact.emotion, "")), **affect})
        case Speaking():
            message.data = fact.speaks
        case Spoken():
            fill_stamp(message, fact.stamp_ns)
            words = {"final" if fact.is_final else "incremental": fact.text, "confidence": fact.confidence}
            language = {"language": fact.language, "locale": fact.language.replace("-", "_")}  # whichever there is
            _fill(message, words, {name: value for name, value in language.items() if hasattr(message, name)})
        case Belongs():
            message.data = fact.part
        case Anonymous():
            message.data = fact.anonymous
        case Match():
            groups = {"id1_type": _constant(kind, fact.group.name), "id2_type": _constant(kind, Group.PERSON.name)}
            _fill(message, {"id1": fact.part, "id2": fact.person, "confidence": fact.confidence, **groups})
    return message


def _box(region: Region, message: Any) -> Mapping[str, Any]:
    """Shares of the image; or pixels, where the type has those."""
    if hasattr(message, "xmin"):
        edges = {"xmin": region.left, "ymin": region.top, "xmax": region.right, "ymax": region.bottom}
        return {**edges, "c": region.score}
    width, height = region.image_size
    left, top = round(region.left * width), round(region.top * height)
    right, bottom = round(region.right * width), round(region.bottom * height)
    return {"x_offset": left, "y_offset": top, "width": right - left, "height": bottom - top}


def _constant(kind: Any, name: str) -> Any:
    """A constant of the type; an expression that a release does not name is left out rather than made up."""
    return getattr(kind, name) if name else ""


def _fill(message: Any, *fields: Mapping[str, Any]) -> None:
    for name, value in (item for part in fields for item in part.items()):
        setattr(message, name, value)
