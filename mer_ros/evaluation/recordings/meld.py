"""MELD's own folders (arXiv 1810.02508): clips named diaX_uttY.mp4, and a csv with a line for each."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from mer_ros.corpora.tables import read_numbered
from mer_ros.errors import InputError
from mer_ros.evaluation.recordings.clips import Clip, lay_out
from mer_ros.evaluation.recordings.labels import Label, read_emotion, read_sentiment
from mer_ros.evaluation.recordings.matching import Span
from mer_ros.evaluation.recordings.placing import Placed
from mer_ros.evaluation.recordings.times import Time

COLUMNS = ("Dialogue_ID", "Utterance_ID", "Emotion")
# Some of the test part's files have the prefix final_videos_test; what begins with a dot are leftovers of an archive.
_NAME = re.compile(r"(?!\.).*?dia(\d+)_utt(\d+)\.\w+", re.IGNORECASE)


@dataclass(frozen=True)
class TalkClips:
    """A dialogue: its clips as they are played, and their labels, whose bounds are the clips'. name: dia and number."""

    name: str
    clips: tuple[Clip, ...]
    labels: tuple[Placed, ...]


@dataclass(frozen=True)
class MeldPart:
    """The dialogues of a csv for which clips were found.

    counts: `clips_missing` that the csv names; `clips_broken` that cannot be played, and `broken` why;
    `clips_unlabelled` that the csv does not name.
    """

    dialogues: tuple[TalkClips, ...]
    counts: Counter[str]
    broken: tuple[str, ...]


def read_part(clips: Path, file: Path) -> MeldPart:
    """The clips in a folder with the lines of a csv in MELD's columns. Raises InputError.

    Clips of a dialogue are in the order of their numbers; missing and broken ones leave no gap.
    """
    lines = _lines(file)
    found = find_clips(clips)
    counts: Counter[str] = Counter(clips_missing=sum(key not in found for key in lines))
    counts["clips_unlabelled"] = sum(key not in lines for key in found)
    by_dialogue: dict[int, list[tuple[Label, Path]]] = defaultdict(list)
    for key in sorted(lines.keys() & found.keys()):
        by_dialogue[key[0]].append((lines[key], found[key]))
    if not by_dialogue:
        raise InputError(f"{clips} holds none of the {len(lines)} clips that {file} names; do they go together?")
    dialogues, broken = [], []
    for items in by_dialogue.values():
        clips_of, labels = [], []
        for (label, _), clip in zip(items, lay_out([path for _, path in items]), strict=True):
            if isinstance(clip, InputError):
                broken.append(str(clip))
                continue
            clips_of.append(clip)
            labels.append(_placed(label, clip))
        if clips_of:
            dialogues.append(TalkClips(labels[0].label.recording, tuple(clips_of), tuple(labels)))
    if not dialogues:
        raise InputError(f"none of the {len(broken)} clips in {clips} can be played: {broken[0]}")
    counts["clips_broken"] = len(broken)
    return MeldPart(tuple(dialogues), counts, tuple(broken))


def find_clips(folder: Path) -> dict[tuple[int, int], Path]:
    """The clip of each dialogue and utterance number; of two for the same, the one without a prefix."""
    folder = folder.expanduser().resolve()  # wherever they are played
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give the one that holds MELD's diaX_uttY.mp4")
    found: dict[tuple[int, int], Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (len(path.name), path.name)):
        if name := _NAME.fullmatch(path.name):
            dialogue, utterance = map(int, name.groups())
            found.setdefault((dialogue, utterance), path)
    if not found:
        raise InputError(f"{folder} holds no clip named as MELD's diaX_uttY.mp4 are; give the folder that does")
    return found


def _lines(file: Path) -> dict[tuple[int, int], Label]:
    """The label of each dialogue and utterance number, without its times."""
    found: dict[tuple[int, int], Label] = {}
    for line, row in read_numbered(file, COLUMNS):
        numbers = [row[name] or "" for name in COLUMNS[:2]]
        if not all(re.fullmatch(r"\s*\d+\s*", number) for number in numbers):
            raise InputError(
                f"{file}, line {line}: Dialogue_ID is {numbers[0]!r} and Utterance_ID {numbers[1]!r}; "
                "both must be whole numbers"
            )
        key = (int(numbers[0]), int(numbers[1]))
        if key in found:
            raise InputError(
                f"{file}, line {line}: dia{key[0]}_utt{key[1]} is in line {found[key].line} already; keep one of them"
            )
        found[key] = Label(
            Time(0),
            Time(0),
            read_emotion(file, line, row["Emotion"] or ""),
            line,
            f"dia{key[0]}",
            (row.get("Speaker") or "").strip(),
            read_sentiment(file, line, row.get("Sentiment") or ""),
            row.get("Utterance") or "",
        )
    return found


def _placed(label: Label, clip: Clip) -> Placed:
    return Placed(label, Span(clip.start_ns, clip.end_ns))
