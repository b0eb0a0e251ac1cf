"""What was recognised in whole recordings against their labels: all scores, and of all parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS, SENTIMENTS, UNKNOWN, Modality
from mer_ros.errors import InputError
from mer_ros.evaluation.intervals import bootstrap
from mer_ros.evaluation.recordings.labels import seconds
from mer_ros.evaluation.recordings.matching import Matching, Span, match
from mer_ros.evaluation.recordings.placing import Placed
from mer_ros.evaluation.recordings.recorded import Heard
from mer_ros.evaluation.scores import ECE_BINS, as_mapping, calibration_bins, score
from mer_ros.fusion.affect import SENTIMENT_OF_EMOTION
from mer_ros.replay.records import DIGITS

LENGTHS_S = (0, 1, 2, 4, 8)
SHORT = ("n", "accuracy", "weighted_f1", "macro_f1", "uar", "ece")


@dataclass(frozen=True)
class Matched:
    """A label with the utterance that was recognised for it."""

    recording: str
    placed: Placed
    heard: Heard
    overlap_ns: int


@dataclass(frozen=True)
class Comparison:
    """The labels and utterances of some recordings, matched. found: how, of each recording."""

    matched: tuple[Matched, ...]
    missed: tuple[tuple[str, Placed], ...]
    found: Mapping[str, Matching]


def compare(placed: Mapping[str, Sequence[Placed]], heard: Mapping[str, Sequence[Heard]]) -> Comparison:
    """Match the labels of each recording with its utterances; those of recordings without labels are left out."""
    matched: list[Matched] = []
    missed: list[tuple[str, Placed]] = []
    found = {}
    for name, labels in placed.items():
        utterances = heard.get(name, ())
        how = found[name] = match([item.span for item in labels], [item.span for item in utterances])
        matched += [Matched(name, labels[p.label], utterances[p.utterance], p.overlap_ns) for p in how.pairs]
        missed += [(name, labels[i]) for i in how.misses]
    return Comparison(tuple(matched), tuple(missed), found)


def break_down(comparison: Comparison, *, intervals_by: str = "") -> dict[str, Any]:
    """Scores of the matched utterances, as JSON's own types; numbers with six digits.

    An utterance whose emotion was told as unknown is scored by its most probable one; `named` scores those alone
    that were told. intervals_by: what the bootstrap calls that which it draws, when each recording is one;
    otherwise it draws recordings, or of a single recording its dialogues, or of a single dialogue its utterances.
    Raises InputError when nothing was matched.
    """
    matched, found = comparison.matched, comparison.found.values()
    if not matched:
        raise InputError(
            f"none of {len(comparison.missed)} labels overlaps an utterance by a fifth of either; do labels and "
            "recording go together, and do both count from its start?"
        )
    labels, told = _labels(matched), np.array([m.heard.probabilities for m in matched])
    right = told.argmax(axis=1) == labels
    by, clusters = _clusters(matched, intervals_by)
    misses = len(comparison.missed)
    result = as_mapping(score(labels, told))
    result |= {
        "misses": misses,
        "extras": sum(len(how.extras) for how in found),
        "split": sum(how.split for how in found),
        "merged": sum(how.merged for how in found),
        "accuracy_with_misses": float(right.sum() / (len(matched) + misses)),
        "intervals": bootstrap(labels, told.argmax(axis=1), len(EMOTIONS), clusters),
        "intervals_by": by,
        "clusters": len(set(clusters)),
        "calibration": calibration_bins(told.max(axis=1), right, ECE_BINS),
        "named": _named(matched),
        "sentiment": _sentiment(matched),
        "by_modality": _by_modality(matched),
        "by_available": _parts(matched, lambda m: "+".join(s.value for s in Modality if s in m.heard.modalities)),
        "by_speaker": _by_speaker(comparison),
        "by_length": _parts(matched, lambda m: length_name(m.heard.span)),
        "matches": [_match(m) for m in matched],
        "missed": [{"recording": name, **_told(placed)} for name, placed in comparison.missed],
    }
    return rounded(result)


def length_name(span: Span) -> str:
    """Which of the lengths in LENGTHS_S, in seconds, an utterance has; the lower end belongs to it."""
    length_s = (span.end_ns - span.start_ns) / 1e9
    i = max(i for i, low in enumerate(LENGTHS_S) if length_s >= low)
    return f"{LENGTHS_S[i]}-{LENGTHS_S[i + 1]} s" if i + 1 < len(LENGTHS_S) else f"{LENGTHS_S[i]}+ s"


def rounded(content: Any) -> Any:
    """The same with all its floats at six digits, tuples as lists."""
    if isinstance(content, float):
        return round(content, DIGITS)
    if isinstance(content, Mapping):
        return {key: rounded(value) for key, value in content.items()}
    return [rounded(value) for value in content] if isinstance(content, list | tuple) else content


def _labels(matched: Iterable[Matched]) -> NDArray[np.int64]:
    return np.array([EMOTIONS.index(m.placed.label.emotion) for m in matched], np.int64)


def _short(matched: Sequence[Matched]) -> dict[str, Any]:
    told = as_mapping(score(_labels(matched), [m.heard.probabilities for m in matched]))
    return {name: told[name] for name in SHORT}


def _parts(matched: Sequence[Matched], name_of: Callable[[Matched], str]) -> dict[str, Any]:
    """Short scores of the parts that a name tells apart; by length and availability, in the order of the names."""
    parts: dict[str, list[Matched]] = defaultdict(list)
    for item in matched:
        parts[name_of(item)].append(item)
    return {name: _short(parts[name]) for name in sorted(parts)}


def _by_speaker(comparison: Comparison) -> dict[str, Any]:
    """Of the labels' speakers, the one with the most labels first."""
    own: dict[str, list[Matched]] = defaultdict(list)
    missed: dict[str, int] = defaultdict(int)
    for item in comparison.matched:
        own[item.placed.label.speaker].append(item)
    for _, placed in comparison.missed:
        missed[placed.label.speaker] += 1
    names = sorted({*own, *missed} - {""}, key=lambda name: (-len(own[name]) - missed[name], name))
    return {name: (_short(own[name]) if own[name] else {"n": 0}) | {"misses": missed[name]} for name in names}


def _by_modality(matched: Sequence[Matched]) -> dict[str, Any]:
    """What each modality says by itself, where it had something to say."""
    found = {}
    for modality in Modality:
        own = [m for m in matched if modality in m.heard.modalities]
        if own:
            found[modality.value] = as_mapping(score(_labels(own), [m.heard.modalities[modality] for m in own]))
    return found


def _named(matched: Sequence[Matched]) -> dict[str, Any]:
    """Of the utterances whose emotion was told, and not called unknown. coverage: their share."""
    own = [m for m in matched if m.heard.emotion != UNKNOWN]
    counts = {"unknown": len(matched) - len(own), "coverage": len(own) / len(matched)}
    return counts | (_short(own) if own else {"n": 0})


def _sentiment(matched: Sequence[Matched]) -> dict[str, Any] | None:
    """By the labels' own sentiments; where the file tells none by those that emotions have, surprise left out."""
    truth = [m.placed.label.sentiment for m in matched]
    source = "labels" if any(truth) else "emotions"
    if source == "emotions":
        truth = [_sentiment_of(m.placed.label.emotion) for m in matched]
    known = [i for i, name in enumerate(truth) if name]
    if not known:
        return None
    labels = np.array([SENTIMENTS.index(truth[i]) for i in known])
    return {"of": source} | as_mapping(score(labels, [matched[i].heard.sentiment for i in known], SENTIMENTS))


def _sentiment_of(emotion: str) -> str:
    row = SENTIMENT_OF_EMOTION[EMOTIONS.index(emotion)]
    return SENTIMENTS[int(row.argmax())] if row.max() == 1 else ""


def _clusters(matched: Sequence[Matched], each_recording: str) -> tuple[str, list[Hashable]]:
    recordings: list[Hashable] = [m.recording for m in matched]
    if each_recording or len(set(recordings)) > 1:
        return each_recording or "recording", recordings
    dialogues: list[Hashable] = [m.heard.dialogue for m in matched]
    return ("dialogue", dialogues) if len(set(dialogues)) > 1 else ("utterance", list(range(len(matched))))


def _match(item: Matched) -> dict[str, Any]:
    whose = {"recording": item.recording, "utterance": item.heard.utterance}
    return whose | _told(item.placed) | {"overlap_s": seconds(item.overlap_ns)}


def _told(placed: Placed) -> dict[str, Any]:
    label, span = placed.label, placed.span
    return {
        "label": label.emotion,
        "start_s": seconds(span.start_ns),
        "end_s": seconds(span.end_ns),
        "speaker": label.speaker,
        "line": label.line,
    }
