"""A run's folder, read and checked: what the pages are made of."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer_ros.emotion import EMOTIONS, SENTIMENTS, UNKNOWN, Modality, face_name
from mer_ros.errors import InputError
from mer_ros.replay.records import EMOTIONS_FILE, RUN_FILE, SUMMARY_FILE, TIMINGS_FILE, read_lines, read_object
from mer_ros.replay.run_folder import SCORES_FILE, THUMBNAILS

NOBODY = "nobody in view"
THUMBNAIL_BYTES = 65536  # a JPEG of 96 pixels has some thousand
LONGEST_MS = 1e9  # of a stage; what is longer is damage
SENSES = {Modality.FACE.value: "face", Modality.AUDIO.value: "voice", Modality.TEXT.value: "words"}


@dataclass(frozen=True)
class Say:
    """What one modality said. probabilities: of the seven, or None; `reason` then says why."""

    sense: str
    probabilities: tuple[float, ...] | None
    reason: str
    weight: float

    @property
    def top(self) -> tuple[str, float] | None:
        """The most probable emotion and its probability."""
        return None if self.probabilities is None else _top(self.probabilities)


@dataclass(frozen=True)
class Spoken:
    """One utterance with its emotion. label: what a label file says of it, when there was one.

    start_s, end_s: from the recording's beginning. latency_ms: by stage. thumbnail: base64 of a JPEG.
    """

    recording: str
    utterance: int
    dialogue: str
    turn: int
    start_s: float
    end_s: float
    who: str
    emotion: str
    confidence: float
    probabilities: tuple[float, ...]
    sentiment: str
    valence: float | None
    arousal: float | None
    words: str
    says: tuple[Say, ...]
    latency_ms: dict[str, float]
    label: str | None = None
    thumbnail: str | None = None

    @property
    def wrong(self) -> bool:
        """Whether the most probable emotion is not the label's, as the confusion matrix counts it."""
        return self.label is not None and self.label != _top(self.probabilities)[0]

    @property
    def labelled(self) -> str:
        """What people said of it, in words: one that is not named may be right by its most probable emotion only."""
        return "as labelled" if self.emotion == self.label else f"labelled {self.label}"


@dataclass(frozen=True)
class Run:
    """What a folder holds. summary, machine: of summary.json and run.json; scores: of scores.json, or None."""

    name: str
    spoken: tuple[Spoken, ...]
    summary: dict[str, Any]
    machine: dict[str, Any]
    scores: dict[str, Any] | None

    @property
    def recordings(self) -> list[str]:
        """Names, in their order; also of those in which nobody spoke, where the summary tells them."""
        return list(dict.fromkeys([*_recordings(self.summary), *(s.recording for s in self.spoken)]))

    @property
    def people(self) -> list[str]:
        """Those who speak, in the order of their first words."""
        return list(dict.fromkeys(s.who for s in self.spoken))


def read_run(folder: Path, *, thumbnails: bool = False) -> Run:
    """A run's folder. Files but for emotions.jsonl may be absent. Raises InputError."""
    latencies = {}
    if (folder / TIMINGS_FILE).is_file():
        for item in read_lines(folder / TIMINGS_FILE):
            latencies[_key(item)] = _latency(item.get("latency_ms"))
    scores = read_object(folder / SCORES_FILE) if (folder / SCORES_FILE).is_file() else None
    labels = _labels(scores)
    spoken = []
    for number, content in enumerate(read_lines(folder / EMOTIONS_FILE), 1):
        try:
            key = _key(content)
            thumbnail = _thumbnail(folder, str(content["recording"]), int(content["utterance"])) if thumbnails else None
            spoken.append(_spoken(content, latencies.get(key, {}), labels.get(key), thumbnail))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError(
                f"line {number} of {folder / EMOTIONS_FILE} is no emotion ({error}): write it anew with `mer replay`"
            ) from error
    spoken.sort(key=lambda s: (s.recording, s.start_s, s.utterance))
    name = folder.resolve().name
    machine = read_object(folder / RUN_FILE)
    machine.pop("input", None)  # where it lay is nobody's business who gets the page
    return Run(name, tuple(spoken), read_object(folder / SUMMARY_FILE), machine, scores)


def _spoken(content: dict[str, Any], latency: dict[str, float], label: str | None, thumbnail: str | None) -> Spoken:
    return Spoken(
        recording=str(content["recording"]),
        utterance=int(content["utterance"]),
        dialogue=str(content["dialogue"]),
        turn=int(content["turn"]),
        start_s=_finite(content["start_s"]),
        end_s=_finite(content["end_s"]),
        who=_who(content),
        emotion=_one_of((*EMOTIONS, UNKNOWN), content["emotion"]),
        confidence=_finite(content["confidence"]),
        probabilities=_seven(content["probabilities"]),
        sentiment=_one_of((*SENTIMENTS, UNKNOWN), content["sentiment"]),
        valence=_maybe(content["valence"]),
        arousal=_maybe(content["arousal"]),
        words=str(content["transcript"]),
        says=tuple(_say(sense, content["modalities"].get(name) or {}) for name, sense in SENSES.items()),
        latency_ms=latency,
        label=label,
        thumbnail=thumbnail,
    )


def _who(content: dict[str, Any]) -> str:
    """The best name there is for the one who speaks."""
    face = face_name(content["face"]) if content["face"] else ""
    return str(content["person"] or face or content["voice"] or NOBODY)


def _say(sense: str, content: Mapping[str, Any]) -> Say:
    told = content.get("probabilities")
    return Say(
        sense=sense,
        probabilities=None if told is None else _seven(told),
        reason=str(content.get("reason") or "not there"),
        weight=_maybe(content.get("weight")) or 0.0,
    )


def _labels(scores: dict[str, Any] | None) -> dict[tuple[str, str], str]:
    """The label of each utterance; of several, the one that covers most of it."""
    found: dict[tuple[str, str], tuple[float, str]] = {}
    told_of = (scores or {}).get("matches")
    for match in (m for m in (told_of if isinstance(told_of, list) else ()) if isinstance(m, dict)):
        key, told = _key(match), match.get("overlap_s")
        share = told if isinstance(told, int | float) else 0.0
        if match.get("label") in EMOTIONS and (key not in found or share > found[key][0]):
            found[key] = (share, match["label"])
    return {key: label for key, (_, label) in found.items()}


def _key(content: Mapping[str, Any]) -> tuple[str, str]:
    """By which the files of a run tell of the same utterance."""
    return str(content.get("recording")), str(content.get("utterance"))


def _thumbnail(folder: Path, recording: str, utterance: int) -> str | None:
    """Base64 of the speaker's face; a run of several recordings has them in the folder of each."""
    places = [folder / THUMBNAILS]
    if recording == Path(recording).name and recording not in ("", ".", ".."):
        places.append(folder / recording / THUMBNAILS)
    for place in places:
        path = place / f"{int(utterance)}.jpg"
        if path.is_file() and path.stat().st_size <= THUMBNAIL_BYTES:
            content = path.read_bytes()
            return base64.b64encode(content).decode() if content.startswith(b"\xff\xd8\xff") else None
    return None


def _recordings(summary: dict[str, Any]) -> list[str]:
    told = summary.get("recordings", summary.get("recording", []))
    named = [told] if isinstance(told, str | dict) else told if isinstance(told, list) else []
    return [str(item.get("recording", item.get("name", ""))) if isinstance(item, dict) else str(item) for item in named]


def _latency(content: Any) -> dict[str, float]:
    told = content.items() if isinstance(content, dict) else ()
    return {str(k): float(v) for k, v in told if isinstance(v, int | float) and abs(v) < LONGEST_MS}


def _seven(content: Mapping[str, float]) -> tuple[float, ...]:
    found = tuple(_finite(content[name]) for name in EMOTIONS)
    if not all(0.0 <= share <= 1.0 for share in found):
        raise ValueError("a probability lies outside of 0 to 1")
    return found


def _top(probabilities: tuple[float, ...]) -> tuple[str, float]:
    best = max(range(len(EMOTIONS)), key=probabilities.__getitem__)
    return EMOTIONS[best], probabilities[best]


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _maybe(value: Any) -> float | None:
    return None if value is None else _finite(value)


def _one_of(names: tuple[str, ...], value: Any) -> str:
    if value not in names:
        raise ValueError(f"{value!r} is none of {', '.join(names)}")
    return str(value)
