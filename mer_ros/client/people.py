"""Who is there and what they feel, from a stream of estimates: arrivals, changes that stay, leavings. No ROS."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from mer_ros.emotion import UNKNOWN, EmotionEstimate
from mer_ros.errors import OptionError

SOMEBODY = "somebody"  # every speaker whose person and voice are not known


@dataclass(frozen=True)
class PeopleOptions:
    """When somebody has left, and when an emotion has changed.

    forget_after_s: who is neither seen nor heard for so long has left.
    hold_ms: interim estimates change a person's emotion when all of them agree for so long; a final one does at once.
    max_people: beyond it, who was unseen longest is taken to have left.
    """

    forget_after_s: float = 15.0
    hold_ms: float = 600.0
    max_people: int = 32

    def __post_init__(self) -> None:
        if not 0 < self.forget_after_s < 1e6:
            raise OptionError(f"forget_after_s is {self.forget_after_s}; give seconds above 0")
        if not 0 <= self.hold_ms < 1e9:
            raise OptionError(f"hold_ms is {self.hold_ms}; give milliseconds from 0")
        if self.max_people < 1:
            raise OptionError(f"max_people is {self.max_people}; give 1 or more")


class Happening(Enum):
    """What an estimate, or time that passes, tells of a person."""

    ARRIVAL = "arrival"
    UTTERANCE = "utterance"
    CHANGE = "change"
    LEAVING = "leaving"


@dataclass(frozen=True)
class Event:
    """One happening. after: the estimate that told; before (CHANGE only): the one that the old emotion came with."""

    kind: Happening
    person: str
    after: EmotionEstimate
    before: EmotionEstimate | None = None


@dataclass
class _Person:
    last: EmotionEstimate
    seen_ns: int
    steady: EmotionEstimate | None = None  # the last one that named the emotion that holds
    rival: str = ""  # another emotion that interim estimates name
    rival_since_ns: int = 0


class People:
    """Takes estimates in the order in which they come; memory is bounded by `max_people`.

    counts: estimates, stale (of somebody who has left since), crowded_out.
    """

    def __init__(self, options: PeopleOptions | None = None) -> None:
        self.options = options or PeopleOptions()
        self.counts: Counter[str] = Counter()
        self._people: dict[str, _Person] = {}
        self._latest = ""

    def take(self, estimate: EmotionEstimate, now_ns: int, age_ns: int = 0) -> list[Event]:
        """Take an estimate that came at `now_ns` of the caller's clock, `age_ns` after it was published."""
        events = self.poll(now_ns)
        self.counts["estimates"] += 1
        if age_ns > self.options.forget_after_s * 1e9:
            self.counts["stale"] += 1
            return events
        name = person_of(estimate)
        person = self._people.get(name)
        if person is None:
            events += self._make_room()
            person = self._people[name] = _Person(estimate, now_ns - max(age_ns, 0))
            events.append(Event(Happening.ARRIVAL, name, estimate))
        person.last, person.seen_ns = estimate, max(person.seen_ns, now_ns - max(age_ns, 0))
        self._latest = name
        if estimate.is_final:
            events.append(Event(Happening.UTTERANCE, name, estimate))
        before = person.steady
        if self._changes(person, estimate):
            person.steady, person.rival = estimate, ""
            if before is not None and before.emotion != estimate.emotion:
                events.append(Event(Happening.CHANGE, name, estimate, before))
        return events

    def poll(self, now_ns: int) -> list[Event]:
        """Return who has left by now. A clock that went back makes nobody leave."""
        events = []
        for name, person in list(self._people.items()):
            person.seen_ns = min(person.seen_ns, now_ns)
            if now_ns - person.seen_ns > self.options.forget_after_s * 1e9:
                events.append(self._leave(name))
        return events

    def all(self) -> dict[str, EmotionEstimate]:
        """Return everybody who is there, with the last estimate."""
        return {name: person.last for name, person in self._people.items()}

    def current(self, name: str | None = None) -> EmotionEstimate | None:
        """Return the last estimate of a person, or of whoever was told of last; None when there is nobody."""
        person = self._people.get(self._latest if name is None else name)
        return person.last if person else None

    def feeling(self, emotion: str, name: str | None = None) -> EmotionEstimate | None:
        """Return the estimate by which a person, or anybody, holds this emotion; None when nobody does."""
        for key, person in self._people.items():
            if name in (None, key) and person.steady is not None and person.steady.emotion == emotion:
                return person.steady
        return None

    def _changes(self, person: _Person, estimate: EmotionEstimate) -> bool:
        """Whether the estimate's emotion is the person's from now on."""
        if estimate.emotion == UNKNOWN:
            return False
        if estimate.is_final or person.steady is None or person.steady.emotion == estimate.emotion:
            return True
        if person.rival != estimate.emotion or estimate.end_ns < person.rival_since_ns:
            person.rival, person.rival_since_ns = estimate.emotion, estimate.end_ns
        return estimate.end_ns - person.rival_since_ns >= self.options.hold_ms * 1e6

    def _make_room(self) -> list[Event]:
        if len(self._people) < self.options.max_people:
            return []
        self.counts["crowded_out"] += 1
        return [self._leave(min(self._people, key=lambda name: self._people[name].seen_ns))]

    def _leave(self, name: str) -> Event:
        person = self._people.pop(name)
        if name == self._latest:
            self._latest = max(self._people, key=lambda key: self._people[key].seen_ns, default="")
        return Event(Happening.LEAVING, name, person.last)


def person_of(estimate: EmotionEstimate) -> str:
    """Return by which name a client knows the person of an estimate: of the person, else of the voice."""
    return estimate.person_id or estimate.voice_id or SOMEBODY
