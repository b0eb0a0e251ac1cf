"""What there is to say of humans, one kind of fact for one topic of REP-155. No logic.

Ids are those of `ros_id`. Times are integer nanoseconds. REP-155: Conventions, Topics, Interfaces for Perception in
Human-Robot Interaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Group(Enum):
    """The parts of humans that have ids; the value names their topics."""

    FACE = "faces"
    VOICE = "voices"
    PERSON = "persons"


@dataclass(frozen=True)
class Listed:
    """The ids of a group that are tracked now; `known`: those of persons met since the start, gone ones among them."""

    group: Group
    ids: tuple[str, ...]
    stamp_ns: int
    known: bool = False


@dataclass(frozen=True)
class Region:
    """Where a face is in the image, in shares of its width and height from the top left, 0..1. score: 0..1."""

    face: str
    stamp_ns: int
    left: float
    top: float
    right: float
    bottom: float
    score: float
    image_size: tuple[int, int]  # width, height in pixels


@dataclass(frozen=True)
class Expressed:
    """What a face expresses. emotion: one of the seven, or `unknown`. valence, arousal: -1..1. confidence: 0..1."""

    face: str
    stamp_ns: int
    emotion: str
    valence: float
    arousal: float
    confidence: float


@dataclass(frozen=True)
class Speaking:
    """Whether a voice speaks."""

    voice: str
    speaks: bool


@dataclass(frozen=True)
class Spoken:
    """Words of a voice so far, or all of them (`is_final`). language: BCP 47. confidence: NaN when there is none."""

    voice: str
    stamp_ns: int
    text: str
    is_final: bool
    confidence: float
    language: str


@dataclass(frozen=True)
class Belongs:
    """The face or voice of a person; `part` is empty when there is none any more."""

    person: str
    group: Group
    part: str


@dataclass(frozen=True)
class Anonymous:
    """Whether a person is somebody of whom only a face is known."""

    person: str
    anonymous: bool


@dataclass(frozen=True)
class Match:
    """How surely a face or voice is a person's: 0..1; 0 says that it is not (any more)."""

    part: str
    group: Group
    person: str
    confidence: float


Fact = Listed | Region | Expressed | Speaking | Spoken | Belongs | Anonymous | Match


def topic_of(fact: Fact) -> str:
    """The topic of a fact below `/humans`."""
    match fact:
        case Listed(group=group, known=known):
            return f"{group.value}/{'known' if known else 'tracked'}"
        case Region(face=face):
            return f"faces/{face}/roi"
        case Expressed(face=face):
            return f"faces/{face}/expression"
        case Speaking(voice=voice):
            return f"voices/{voice}/is_speaking"
        case Spoken(voice=voice):
            return f"voices/{voice}/speech"
        case Belongs(person=person, group=group):
            return f"persons/{person}/{group.name.lower()}_id"
        case Anonymous(person=person):
            return f"persons/{person}/anonymous"
        case Match():
            return "candidate_matches"


def owner_of(fact: Fact) -> tuple[Group, str] | None:
    """Whose topic it is: it ends when that id is tracked no more. None for those that stay."""
    match fact:
        case Region(face=name) | Expressed(face=name):
            return Group.FACE, name
        case Speaking(voice=name) | Spoken(voice=name):
            return Group.VOICE, name
        case Belongs(person=name) | Anonymous(person=name):
            return Group.PERSON, name
        case _:
            return None
