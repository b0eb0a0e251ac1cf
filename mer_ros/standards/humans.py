"""Which faces, voices and persons there are, and what there is to say of them: the logic behind `/humans`."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Any

from mer_ros.emotion import EmotionEstimate
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
from mer_ros.standards.ids import ros_id
from mer_ros.standards.options import ONE, HumansOptions
from mer_ros.utterance import FaceSample, SpeechState, Transcript, Utterance, VisualWindow

_NS_PER_MS = 1_000_000
_LOST_NS = 3_000 * _NS_PER_MS  # a voice that speaks and goes on no more for so long: its end was lost
_UNSURE = 0.5  # how surely a voice is that of the face in view, where mouths were not weighed against it
_REMEMBERED = 64  # utterances of which it is known whose voice they are, and how surely
_KNOWN_FOR_EACH_TRACKED = 4
_UNNAMED = "face-"  # what the pipeline calls persons of whom only a face is known
_ANONYMOUS = "anonymous"


@dataclass
class _Part:
    """A face or a voice. person: empty when not known. start_ns, speaks: of a voice."""

    last_ns: int
    person: str = ""
    confidence: float = 1.0
    start_ns: int = 0
    speaks: bool = False


class Humans:
    """Takes what the pipeline says, gives what is to be published; `now_ns` is the caller's clock in ROS time.

    A face is tracked while windows of it come. A voice is tracked while it speaks and some time after. A person is
    tracked as long as a face or a voice of theirs is. A voice is matched to a person when its utterance's emotion
    tells who spoke. `poll` says again what is, for listeners that came late.
    counts: faces_over_limit, voices_over_limit (the oldest gave way), voices_not_ended (the end was lost),
    emotions_of_no_face, emotions_of_no_voice, words_of_no_voice (of what is not tracked, or no more), faces_not_told
    (the node that gives ids does not know them).
    """

    def __init__(self, options: HumansOptions | None = None) -> None:
        self.options = options or HumansOptions()
        self.counts: Counter[str] = Counter()
        self._parts: dict[Group, OrderedDict[str, _Part]] = {Group.FACE: OrderedDict(), Group.VOICE: OrderedDict()}
        self._known: OrderedDict[str, None] = OrderedDict()
        self._face_of: OrderedDict[int, str] = OrderedDict()  # by track
        self._voice_of: OrderedDict[int, str] = OrderedDict()  # by the number of the utterance
        self._sure: OrderedDict[int, float] = OrderedDict()
        self._told: dict[Group, tuple[str, ...]] = dict.fromkeys(Group, ())
        self._belong: dict[tuple[str, Group], str] = {}  # what was told of each person
        self._begun = 0

    def tracked(self, group: Group) -> tuple[str, ...]:
        """The ids of a group that are tracked now."""
        if group is Group.PERSON:
            return tuple(dict.fromkeys(p.person for parts in self._parts.values() for p in parts.values() if p.person))
        return tuple(self._parts[group])

    def window(self, window: VisualWindow, now_ns: int, face: str | None = None) -> list[Fact]:
        """Take a visual window: its face is there, and where it is.

        face: its id where another node gives ids to faces, empty where that node does not know it; None: as we do.
        """
        if window.is_final and window.utterance_id:
            sure = window.speaking if window.track_id else window.out_of_view
            _keep(self._sure, window.utterance_id, sure, _REMEMBERED)
        if not (window.track_id and window.samples):
            return []
        name = f"face{window.track_id}" if face is None else face
        if not name:
            self.counts["faces_not_told"] += 1
            return []
        _keep(self._face_of, window.track_id, name, _REMEMBERED)
        facts = self._enter(Group.FACE, name, now_ns)
        facts += self._match(Group.FACE, name, _person_id(window.person_id or f"{_UNNAMED}{window.track_id}"), 1.0)
        region = _region(name, window.samples[-1], (window.image_width, window.image_height))
        return [*self._news(now_ns), *facts, region]

    def utterance(self, utterance: Utterance, now_ns: int) -> list[Fact]:
        """Take a piece of an utterance or its end: a voice speaks, or has spoken."""
        voices = self._parts[Group.VOICE]
        name = self._voice_of.get(utterance.id, "")
        facts: list[Fact] = []
        if name not in voices or voices[name].start_ns != utterance.start_ns:  # new, or ids began again
            hushed = self._hush()
            self._begun += 1
            name = "voice" if self.options.voices == ONE else f"voice{self._begun}"
            gone = self._enter(Group.VOICE, name, now_ns)
            voices[name].start_ns = utterance.start_ns
            _keep(self._voice_of, utterance.id, name, _REMEMBERED)
            facts = [*hushed, *self._news(now_ns), *gone]
        voice, speaks = voices[name], utterance.state is not SpeechState.ENDED
        voice.last_ns = now_ns
        if voice.speaks != speaks:
            voice.speaks = speaks
            facts.append(Speaking(name, speaks))
        return facts

    def transcript(self, words: Transcript, now_ns: int) -> list[Fact]:
        """Take words, partial or final."""
        name = self._voice_of.get(words.utterance_id, "")
        voice = self._parts[Group.VOICE].get(name)
        if voice is None:
            self.counts["words_of_no_voice"] += 1
            return []
        voice.last_ns = now_ns
        if not words.text.strip():
            return []
        return [Spoken(name, words.start_ns, words.text, words.is_final, float(words.confidence), words.language)]

    def emotion(self, emotion: EmotionEstimate, now_ns: int) -> list[Fact]:
        """Take an emotion, interim or final: what a face expresses; and of a final one, whose voice it was."""
        facts = self._whose(emotion, now_ns) if emotion.is_final else []
        name = self._face_of.get(emotion.face_id, "")
        if emotion.face_id and name not in self._parts[Group.FACE]:
            self.counts["emotions_of_no_face"] += 1
        elif emotion.face_id:
            affect = (float(emotion.valence), float(emotion.arousal), float(emotion.confidence))
            facts.append(Expressed(name, emotion.end_ns, emotion.emotion, *affect))
        return facts

    def forget(self, person_id: str, now_ns: int) -> list[Fact]:
        """Forget a person; everybody when `person_id` is empty. Their faces stay until new windows tell whose."""
        persons = [_person_id(person_id)] if person_id else [*self._known, *self.tracked(Group.PERSON)]
        facts: list[Fact] = []
        for group, parts in self._parts.items():
            for name in [name for name, part in parts.items() if part.person in persons]:
                facts += self._match(group, name, "", 0.0)
        for person in persons:
            self._known.pop(person, None)
        return [*facts, *self._news(now_ns), self._met(now_ns)]

    def poll(self, now_ns: int) -> list[Fact]:
        """Let go of what has left, and say again what is."""
        faces, voices = self._parts[Group.FACE], self._parts[Group.VOICE]
        facts: list[Fact] = []
        if any(voice.speaks and abs(now_ns - voice.last_ns) > _LOST_NS for voice in voices.values()):
            self._hush()
        for group, parts, limit_ms in (
            (Group.FACE, faces, self.options.face_ms),
            (Group.VOICE, voices, self.options.voice_ms),
        ):
            # A clock that was set back must not keep anything for ever.
            old = [n for n, p in parts.items() if not p.speaks and abs(now_ns - p.last_ns) > limit_ms * _NS_PER_MS]
            for name in old:
                facts += self._leave(group, name)
        self._told = {}  # all is news
        facts += [*self._news(now_ns), self._met(now_ns)]
        facts += [Speaking(name, voice.speaks) for name, voice in voices.items()]
        for group, parts in self._parts.items():
            facts += [Match(name, group, part.person, part.confidence) for name, part in parts.items() if part.person]
        return facts

    def _whose(self, emotion: EmotionEstimate, now_ns: int) -> list[Fact]:
        name = self._voice_of.get(emotion.utterance_id, "")
        voice = self._parts[Group.VOICE].get(name)
        if voice is None or voice.start_ns != emotion.start_ns:
            self.counts["emotions_of_no_voice"] += 1
            return []
        if not emotion.person_id:
            return []
        sure = self._sure.get(emotion.utterance_id, math.nan)
        confidence = _UNSURE if math.isnan(sure) else float(sure)
        facts = self._match(Group.VOICE, name, _person_id(emotion.person_id), confidence)
        return [*self._news(now_ns), *facts]

    def _enter(self, group: Group, name: str, now_ns: int) -> list[Fact]:
        """A face or voice is there; where there are too many, the one that was last told of before all others goes."""
        parts = self._parts[group]
        facts: list[Fact] = []
        if name not in parts:
            while len(parts) >= self.options.max_tracked:
                self.counts[f"{group.value}_over_limit"] += 1
                facts += self._leave(group, min(parts, key=lambda other: parts[other].last_ns))
            parts[name] = _Part(now_ns)
        parts[name].last_ns = now_ns
        return facts

    def _leave(self, group: Group, name: str) -> list[Fact]:
        facts = self._match(group, name, "", 0.0)
        del self._parts[group][name]
        return facts

    def _match(self, group: Group, name: str, person: str, confidence: float) -> list[Fact]:
        """A face or voice is this person's, nobody's when empty; tells so where that is new."""
        part = self._parts[group][name]
        before, part.person, part.confidence = part.person, person, confidence
        facts: list[Fact] = []
        if before and before != person:
            facts.append(Match(name, group, before, 0.0))
        if person and (before != person or group is Group.VOICE):
            facts.append(Match(name, group, person, confidence))
        return facts

    def _hush(self) -> list[Fact]:
        """One speaks at a time: who spoke before, and was not heard to end, has ended."""
        facts: list[Fact] = []
        for name, voice in self._parts[Group.VOICE].items():
            if voice.speaks:
                self.counts["voices_not_ended"] += 1
                voice.speaks = False
                facts.append(Speaking(name, False))
        return facts

    def _news(self, now_ns: int) -> list[Fact]:
        """The lists that have changed, and which face and voice each person has, where that has."""
        facts: list[Fact] = []
        for group in Group:
            ids = self.tracked(group)
            if ids != self._told.get(group):
                facts.append(Listed(group, ids, now_ns))
            self._told[group] = ids
        persons = self._told[Group.PERSON]
        met = [person for person in persons if not is_anonymous(person) and person not in self._known]
        for person in met:
            _keep(self._known, person, None, _KNOWN_FOR_EACH_TRACKED * self.options.max_tracked)
        if met:
            facts.append(self._met(now_ns))
        has = {(p.person, group): name for group, parts in self._parts.items() for name, p in parts.items() if p.person}
        told = {key: part for key, part in self._belong.items() if key[0] in persons}
        strangers = [person for person in persons if not any(person == other for other, _ in told)]
        facts += [Anonymous(person, is_anonymous(person)) for person in strangers]
        self._belong = {key: has.get(key, "") for key in {**told, **has}}
        changed = [key for key, part in self._belong.items() if part != told.get(key, "")]
        return facts + [Belongs(*key, self._belong[key]) for key in changed]

    def _met(self, now_ns: int) -> Listed:
        return Listed(Group.PERSON, tuple(self._known), now_ns, known=True)


def is_anonymous(person: str) -> bool:
    """Whether this is the id of a person of whom only a face is known."""
    return person.startswith(_ANONYMOUS)


def _person_id(name: str) -> str:
    """The id of a person; of one of whom only a face is known, never that of the face."""
    return f"{_ANONYMOUS if name.startswith(_UNNAMED) else ''}{ros_id(name)}"


def _region(face: str, sample: FaceSample, size: tuple[int, int]) -> Region:
    width, height, box = max(1, size[0]), max(1, size[1]), sample.box
    left, right = (min(1.0, max(0.0, x / width)) for x in (box.x, box.x + box.width))
    top, bottom = (min(1.0, max(0.0, y / height)) for y in (box.y, box.y + box.height))
    return Region(face, sample.stamp_ns, left, top, right, bottom, float(sample.score), size)


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    """Add to what is remembered, at most so many."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
