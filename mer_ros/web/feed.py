"""What the page shows as it changes: written by the thread that listens, read by those that serve. Bounded."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mer_ros.emotion import EMOTIONS, EmotionEstimate
from mer_ros.fusion.names import Names, Request
from mer_ros.web import told

MOST_SAID, MOST_PEOPLE, MOST_NODES, MOST_REQUESTS = 300, 24, 48, 64
STALE_S = 2.5  # an interim estimate that no other follows says nothing of the present


@dataclass
class Seen:
    """How far a reader has come."""

    state: int = 0
    said: int = 0
    image: int = 0
    forgotten: int = 0


@dataclass(frozen=True)
class _Said:
    """An utterance as the page is told of it. who: said it. told_ns: when it was published."""

    number: int
    who: str
    told_ns: int
    content: str


class Feed:
    """The title, how the graph is, who feels what now, what was said, and the last picture.

    No method waits for a reader. over: the graph has ended, and nothing more will come.
    address, watched: where it is served, and how many readers there are now; set by the server.
    """

    def __init__(self, title: str) -> None:
        self.over = False
        self.address = ""
        self.watched = 0
        self._changed = threading.Condition()
        self._run = secrets.token_hex(4)  # a page that outlives us must not take another run's numbers for ours
        self._state: dict[str, Any] = {"run": self._run, "emotions": EMOTIONS, "title": told.text(title, told.WORDS)}
        self._state |= {"status": "", "over": False, "note": "", "speaking": False, "heard": 0, "nodes": []}
        self._people: dict[str, tuple[dict[str, Any], float]] = {}
        self._said: deque[_Said] = deque(maxlen=MOST_SAID)
        self._names = Names()
        self._forgotten: deque[int] = deque(maxlen=MOST_SAID)  # of what was said
        self._requests: deque[Request] = deque(maxlen=MOST_REQUESTS)
        self._image: bytes | None = None
        self._origin_ns: int | None = None
        self._version = Seen(state=1)

    def utterance(self, estimate: EmotionEstimate, after_s: float, told_ns: int = 0) -> None:
        """A final estimate. after_s: from the end of its utterance to its arrival. told_ns: when it was told.

        What was told before a request to forget who said it is not taken, even if it comes after that.
        """
        told_of = told.utterance(estimate, after_s, self._origin(estimate))
        with self._changed:
            self._names.learn(estimate.face_id, estimate.person_id)
            if any(request.means(told_of["who"], told_ns) for request in self._requests):
                return
            self._version.said += 1
            content = _json(told_of | {"number": self._version.said})
            self._said.append(_Said(self._version.said, told_of["who"], told_ns, content))
            self._changed.notify_all()

    def forget(self, person_id: str, told_ns: int = 0) -> None:
        """Forget what a person said until `told_ns`, under any of their names; what all said for an empty id."""
        with self._changed:
            names = self._names.forget(person_id)
            request = Request(frozenset(told.text(name, told.NAME) for name in names if person_id), told_ns)
            self._requests.append(request)
            gone = [said for said in self._said if request.means(said.who, said.told_ns)]
            self._said = deque((said for said in self._said if said not in gone), maxlen=MOST_SAID)
            self._people = {who: known for who, known in self._people.items() if not request.means(who, told_ns)}
            self._forgotten.extend(said.number for said in gone)
            self._version.forgotten += len(gone)
            self._touch()

    def live(self, estimate: EmotionEstimate) -> None:
        """An interim estimate of somebody."""
        self._origin(estimate)
        person = told.person(estimate)
        with self._changed:
            self._names.learn(estimate.face_id, estimate.person_id)
            self._people.pop(person["who"], None)
            self._people[person["who"]] = person, time.monotonic()
            while len(self._people) > MOST_PEOPLE:
                del self._people[next(iter(self._people))]
            self._touch()

    def tell(self, *, status: str, speaking: bool, heard: int) -> None:
        """A sentence on how the graph comes up or fails, empty when all is well; how many utterances have ended."""
        now_s = time.monotonic()
        changes = {"status": told.text(status, told.WORDS), "speaking": speaking, "heard": heard}
        with self._changed:
            fresh = {who: known for who, known in self._people.items() if now_s - known[1] <= STALE_S}
            if len(fresh) != len(self._people) or any(self._state[key] != value for key, value in changes.items()):
                self._people = fresh
                self._state |= changes
                self._touch()

    def nodes(self, nodes: Sequence[Mapping[str, str]]) -> None:
        """Each node's name, level (ok, warn, error or silent) and sentence."""
        listed = [{key: told.text(value, told.REASON) for key, value in node.items()} for node in nodes[:MOST_NODES]]
        with self._changed:
            if listed != self._state["nodes"]:
                self._state["nodes"] = listed
                self._touch()

    def image(self, jpeg: bytes) -> None:
        """The newest picture; one that nobody has fetched is forgotten."""
        with self._changed:
            self._image = jpeg
            self._version.image += 1
            self._changed.notify_all()

    def end(self, note: str = "") -> None:
        """Nothing more will come. note: what went wrong. Only the first call counts."""
        with self._changed:
            if not self.over:
                self.over = True
                self._state |= {"over": True, "note": told.text(note, told.WORDS), "speaking": False}
                self._touch()

    def wake(self) -> None:
        """Let all readers look round."""
        with self._changed:
            self._changed.notify_all()

    def picture(self) -> bytes | None:
        """The newest picture, JPEG."""
        with self._changed:
            return self._image

    def start(self, last_event_id: str) -> Seen:
        """Where a reader goes on that has come to this id; another run's ids count for nothing."""
        run, _, number = last_event_id.partition("-")
        known = run == self._run and number.isascii() and number.isdigit() and len(number) < 10
        return Seen(said=int(number) if known else 0)

    def news(self, seen: Seen, timeout_s: float) -> str:
        """What is new to a reader, as Server-Sent Events; empty when nothing came in time, or it was woken."""
        with self._changed:
            if self._version == seen and not self.over:
                self._changed.wait(timeout_s)
            events = []
            if seen.state != self._version.state:
                people = sorted((it for it, _ in self._people.values()), key=lambda it: (len(it["who"]), it["who"]))
                if not self._state["speaking"]:  # the last word of who spoke does not know yet that it was the last
                    people = [it | {"speaks": False, "words": ""} for it in people]
                events.append(_event("state", _json(self._state | {"people": people})))
            events += [
                _event("said", it.content, f"{self._run}-{it.number}") for it in self._said if it.number > seen.said
            ]
            if seen.forgotten != self._version.forgotten:
                events.append(_event("forgotten", json.dumps(list(self._forgotten))))
            if seen.image != self._version.image:
                events.append(_event("image", str(self._version.image)))
            vars(seen).update(vars(self._version))
            return "".join(events)

    def _touch(self) -> None:
        self._version.state += 1
        self._changed.notify_all()

    def _origin(self, estimate: EmotionEstimate) -> int:
        if self._origin_ns is None:
            self._origin_ns = estimate.start_ns
        return self._origin_ns


def _event(kind: str, data: str, number: str = "") -> str:
    told_number = f"id: {number}\n" if number else ""
    return f"event: {kind}\n{told_number}data: {data}\n\n"


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, allow_nan=False, separators=(",", ":"))
