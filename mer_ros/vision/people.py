"""Persons who leave and come back: a gallery of face encodings, in memory only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError, OptionError, check_ranges

Encoding = NDArray[np.floating]

ENCODING = 128  # numbers in dlib's encoding of a face
NEWEST = 0.3  # weight of a new encoding in what is remembered of a person


@dataclass(frozen=True)
class PeopleOptions:
    """Whom a face is taken for.

    enabled: whether faces are told apart at all.
    same: encodings nearer than this are one person's; 0.6 is what dlib's face recognition network was trained for.
    other: those at least so far apart are two persons'; in between, a face stays without a person.
    forget_s: a person unseen for so long is forgotten. max_people: who was seen longest ago gives way.
    check_ms: how often it is made sure that a known face still is that person's.
    least_px: smaller faces are not asked for who they are.
    """

    enabled: bool = True
    same: float = 0.55
    other: float = 0.6
    forget_s: float = 3_600.0
    max_people: int = 50
    check_ms: int = 5_000
    least_px: int = 32

    def __post_init__(self) -> None:
        limits = {
            "same": (0.1, 1.5),
            "other": (0.1, 1.5),
            "forget_s": (1.0, 1e6),
            "max_people": (1, 1_000),
            "check_ms": (0, 600_000),
            "least_px": (8, 1_000),
        }
        check_ranges(self, limits)
        if self.other < self.same:
            raise OptionError(
                f"people.other is {self.other} and people.same {self.same}: let people.other be as large, or larger"
            )


@dataclass
class _Person:
    encoding: Encoding
    seen_ns: int


class People:
    """Gives encoded faces person ids: "person-1" and on, unique within a run and never used again.

    counts: people_met, people_forgotten, people_known_again, faces_unsure.
    """

    def __init__(self, options: PeopleOptions | None = None) -> None:
        self.options = options or PeopleOptions()
        self.counts: Counter[str] = Counter()
        self._people: dict[str, _Person] = {}

    def recognise(self, encoding: Encoding, now_ns: int, others: Collection[str] = ()) -> str:
        """The person of a face, maybe a new one; empty when it is too near to tell and too far to be sure.

        encoding: [128]. others: persons in view with another face, who cannot be this one. Raises InputError.
        """
        if encoding.shape != (ENCODING,) or not np.isfinite(encoding).all():
            raise InputError(f"a face's encoding has shape {encoding.shape}: give {ENCODING} finite numbers")
        self._forget_old(now_ns)
        distances = {
            name: float(np.linalg.norm(person.encoding - encoding))
            for name, person in self._people.items()
            if name not in others
        }
        nearest = min(distances, key=lambda name: distances[name], default="")
        if nearest and distances[nearest] < self.options.same:
            self._see(nearest, encoding, now_ns)
            self.counts["people_known_again"] += 1
            return nearest
        if nearest and distances[nearest] < self.options.other:
            self.counts["faces_unsure"] += 1
            return ""
        return self._meet(encoding, now_ns)

    def nearest(self, encoding: Encoding) -> str:
        """Whom a face is like; empty when it is like nobody."""
        distances = {name: float(np.linalg.norm(p.encoding - encoding)) for name, p in self._people.items()}
        name = min(distances, key=lambda n: distances[n], default="")
        return name if name and distances[name] < self.options.same else ""

    def confirm(self, person_id: str, encoding: Encoding, now_ns: int) -> bool:
        """Whether a face may still be this person's; what is remembered of them goes along with how they look."""
        person = self._people.get(person_id)
        if person is None:
            return False
        distance = float(np.linalg.norm(person.encoding - encoding))
        if distance < self.options.same:
            self._see(person_id, encoding, now_ns)
        return distance < self.options.other

    def names(self) -> list[str]:
        """The ids of all persons who are remembered."""
        return list(self._people)

    def forget(self, person_id: str) -> bool:
        """Forget a person at once; whether there was one of this id."""
        known = self._people.pop(person_id, None) is not None
        self.counts["people_forgotten"] += known
        return known

    def _see(self, name: str, encoding: Encoding, now_ns: int) -> None:
        person = self._people[name]
        person.encoding = (1 - NEWEST) * person.encoding + NEWEST * encoding
        person.seen_ns = now_ns

    def _meet(self, encoding: Encoding, now_ns: int) -> str:
        if len(self._people) >= self.options.max_people:
            self.forget(min(self._people, key=lambda name: self._people[name].seen_ns))
        self.counts["people_met"] += 1
        name = f"person-{self.counts['people_met']}"
        self._people[name] = _Person(np.array(encoding, np.float64), now_ns)
        return name

    def _forget_old(self, now_ns: int) -> None:
        limit_ns = self.options.forget_s * 1e9
        for person in self._people.values():
            person.seen_ns = min(person.seen_ns, now_ns)  # a clock that was set back makes nobody immortal
        for name in [name for name, person in self._people.items() if now_ns - person.seen_ns > limit_ns]:
            self.forget(name)
