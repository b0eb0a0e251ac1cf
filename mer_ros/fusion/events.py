"""Who is there and what they feel, from a stream of estimates: arrivals, changes that stay, leavings.

The fusion node tells them on `emotion/events`, and clients of a graph that does not find them out by themselves.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from mer_ros.emotion import UNKNOWN, EmotionEstimate, face_name
from mer_ros.errors import OptionError

SOMEBODY = "somebody"  # every speaker whose person and voice are not known


@dataclass(frozen=True)
class EventOptions:
    """When somebody has come or left, and when an emotion has changed.

    arrive_after_ms: who is not known has come when they have been seen or heard for so long, or an utterance of theirs
    has ended; who is known has at once. forget_after_s: who is neither seen nor heard for so long has left.
    hold_ms: interim estimates change a person's emotion when all of them agree for so long; a final one does at once.
    max_people: beyond it, who was unseen longest is taken to have left.
    """

    arrive_after_ms: float = 2000.0
    forget_after_s: float = 15.0
    hold_ms: float = 1000.0
    max_people: int = 32

    def __post_init__(self) -> None:
        for name in ("arrive_after_ms", "hold_ms"):
            if not 0 <= getattr(self, name) < 1e9:
                raise OptionError(f"{name} is {getattr(self, name)}; give milliseconds from 0")
        if not 0 < self.forget_after_s < 1e6:
            raise OptionError(f"forget_after_s is {self.forget_after_s}; give seconds above 0")
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
    """One happening.

    after: the estimate that told; of LEAVING the last one. before (CHANGE only): the one that the old emotion came
    with. since_ns: stamp since when the emotion of `after` has been felt.
    """

    kind: Happening
    person: str
    after: EmotionEstimate
    before: EmotionEstimate | None = None
    since_ns: int = 0


@dataclass
class _Person:
    """steady: the last estimate that named the emotion that holds. rival: another one that interim ones name."""

    last: EmotionEstimate
    seen_ns: int
    first_ns: int
    has_arrived: bool = False
    steady: EmotionEstimate | None = None
    since_ns: int = 0
    rival: str = ""
    rival_since_ns: int = 0


class People:
    """Takes estimates in the order in which they come; memory is bounded by `max_people`.

    A face whose person becomes known goes on under the person's name.
    counts: estimates, stale (of somebody who has left since), crowded_out.
    """

    def __init__(self, options: EventOptions | None = None) -> None:
        self.options = options or EventOptions()
        self.counts: Counter[str] = Counter()
        self._people: dict[str, _Person] = {}
        self._latest = ""

    def take(self, estimate: EmotionEstimate, now_ns: int, age_ns: int = 0, *, decide: bool = True) -> list[Event]:
        """Take an estimate that came at `now_ns` of the caller's clock, `age_ns` after it was published.

        decide: whether this finds out changes and leavings; else `hear` is told of them.
        """
        events = self.poll(now_ns) if decide else []
        self.counts["estimates"] += 1
        if age_ns > self.options.forget_after_s * 1e9:
            self.counts["stale"] += 1
            return events
        name = person_of(estimate)
        events += self._rename(name, face_name(estimate.face_id))
        person = self._people.get(name)
        if person is None:
            events += self._make_room()
            person = self._people[name] = _Person(estimate, now_ns - max(age_ns, 0), estimate.end_ns)
        person.last, person.seen_ns = estimate, max(person.seen_ns, now_ns - max(age_ns, 0))
        if estimate.is_final or estimate.utterance_id or not self._latest:
            self._latest = name
        before, changes = person.steady, self._changes(person, estimate, decide)
        if not person.has_arrived and self._has_arrived(name, person, estimate):
            person.has_arrived = True
            events.append(Event(Happening.ARRIVAL, name, estimate, since_ns=person.since_ns))
        if estimate.is_final:
            events.append(Event(Happening.UTTERANCE, name, estimate, since_ns=estimate.start_ns))
        if changes and before is not None and before.emotion != estimate.emotion and person.has_arrived:
            events.append(Event(Happening.CHANGE, name, estimate, before, person.since_ns))
        return events

    def hear(self, event: Event, now_ns: int) -> list[Event]:
        """Take an event that was found out elsewhere; return what it tells that was not known."""
        person = self._people.get(event.person)
        if event.kind is Happening.LEAVING:
            return [] if person is None else self._leave(event.person)
        events: list[Event] = []
        if person is None:
            events += self._make_room()
            person = self._people[event.person] = _Person(event.after, now_ns, event.after.end_ns)
            self._latest = self._latest or event.person
        if not person.has_arrived:
            person.has_arrived = True
            events.append(Event(Happening.ARRIVAL, event.person, event.after, since_ns=event.since_ns))
        if event.kind is Happening.CHANGE:
            # What was published with it tells more, when it came first.
            after = person.last if person.last.emotion == event.after.emotion else event.after
            before = person.steady
            person.steady, person.since_ns, person.rival = after, event.since_ns, ""
            if before is not None and before.emotion != after.emotion:
                events.append(Event(Happening.CHANGE, event.person, after, before, event.since_ns))
        return events

    def poll(self, now_ns: int, told_since_ns: int | None = None) -> list[Event]:
        """Return who has left by now. A clock that went back makes nobody leave.

        told_since_ns: `hear` is told of who leaves, by somebody who has listened since then, and so knows nothing of
        those who were last seen before, nor tells of those who never came.
        """
        events = []
        for name, person in list(self._people.items()):
            person.seen_ns = min(person.seen_ns, now_ns)
            is_told = told_since_ns is not None and person.has_arrived and person.seen_ns >= told_since_ns
            if not is_told and now_ns - person.seen_ns > self.options.forget_after_s * 1e9:
                events += self._leave(name)
        return events

    def forget(self, name: str = "") -> list[Event]:
        """Forget a person, or everybody: they have left."""
        return [event for known in list(self._people) if name in ("", known) for event in self._leave(known)]

    def all(self) -> dict[str, EmotionEstimate]:
        """Return everybody who is there, with the last estimate."""
        return {name: person.last for name, person in self._people.items()}

    def current(self, name: str | None = None) -> EmotionEstimate | None:
        """Return the last estimate of a person, or of whoever spoke last or, if nobody has, came first; or None."""
        person = self._people.get(self._latest if name is None else name)
        return person.last if person else None

    def feeling(self, emotion: str, name: str | None = None) -> EmotionEstimate | None:
        """Return the estimate by which a person, or anybody, holds this emotion; None when nobody does."""
        for key, person in self._people.items():
            if name in (None, key) and person.steady is not None and person.steady.emotion == emotion:
                return person.steady
        return None

    def _has_arrived(self, name: str, person: _Person, estimate: EmotionEstimate) -> bool:
        is_known = name not in (face_name(estimate.face_id), SOMEBODY)
        return is_known or estimate.is_final or estimate.end_ns - person.first_ns >= self.options.arrive_after_ms * 1e6

    def _changes(self, person: _Person, estimate: EmotionEstimate, decide: bool) -> bool:
        """Whether the estimate's emotion is the person's from now on."""
        if estimate.emotion == UNKNOWN:
            return False
        if person.steady is not None and person.steady.emotion == estimate.emotion:
            person.steady, person.rival = estimate, ""
            return False
        if person.rival != estimate.emotion or estimate.end_ns < person.rival_since_ns:
            begun_ns = estimate.start_ns if estimate.is_final else estimate.end_ns
            person.rival, person.rival_since_ns = estimate.emotion, begun_ns
        lasts = estimate.end_ns - person.rival_since_ns >= self.options.hold_ms * 1e6
        if person.steady is not None and not (decide and (estimate.is_final or lasts)):
            return False
        person.steady, person.since_ns, person.rival = estimate, person.rival_since_ns, ""
        return True

    def _rename(self, name: str, nameless: str) -> list[Event]:
        """It is known by now whose face it is."""
        if name == nameless or nameless not in self._people:
            return []
        if name in self._people:
            return self._leave(nameless)
        person = self._people.pop(nameless)
        left = Event(Happening.LEAVING, nameless, person.last, since_ns=person.since_ns)
        events = [left] if person.has_arrived else []
        person.has_arrived = False
        self._people[name] = person
        self._latest = name if self._latest == nameless else self._latest
        return events

    def _make_room(self) -> list[Event]:
        if len(self._people) < self.options.max_people:
            return []
        self.counts["crowded_out"] += 1
        return self._leave(min(self._people, key=lambda name: self._people[name].seen_ns))

    def _leave(self, name: str) -> list[Event]:
        person = self._people.pop(name)
        if name == self._latest:
            self._latest = max(self._people, key=lambda key: self._people[key].seen_ns, default="")
        left = Event(Happening.LEAVING, name, person.last, since_ns=person.since_ns)
        return [left] if person.has_arrived else []


def person_of(estimate: EmotionEstimate) -> str:
    """Return by which name the person of an estimate is known: of the person, else of the voice."""
    return estimate.person_id or estimate.voice_id or SOMEBODY
