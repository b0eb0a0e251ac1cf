"""From a replay's folder and labels to scores.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mer_ros.evaluation.recordings.breakdown import break_down, compare, rounded
from mer_ros.evaluation.recordings.labels import LabelFile
from mer_ros.evaluation.recordings.meld import MeldPart
from mer_ros.evaluation.recordings.placing import Extent, Placed, place
from mer_ros.evaluation.recordings.recorded import Heard, read_emotions, read_work_ms
from mer_ros.replay.records import NS, SUMMARY_FILE, read_object

SCORES_FILE = "scores.json"
LONGEST_S = 1e9  # of a recording; what a summary tells beyond is damage


def score_bag(folder: Path, file: LabelFile) -> dict[str, Any]:
    """The scores of the recordings in a run's folder against a file of labels, see `break_down`. Raises InputError."""
    heard = read_emotions(folder)
    extents = extents_of(folder, heard)
    placement = place(file, extents)
    left_out = {
        "labels_of_other_recordings": sum(placement.elsewhere.values()),
        "recordings_without_labels": len(extents) - len(placement.placed),
    }
    return _scores("bag", folder, file.path, placement.placed, heard, left_out)


def score_meld(folder: Path, file: Path, part: MeldPart) -> dict[str, Any]:
    """The scores of a run's folder of MELD's dialogues, each a recording, against their labels. Raises InputError."""
    replayed = extents_of(folder, heard := read_emotions(folder))
    placed = {talk.name: talk.labels for talk in part.dialogues if talk.name in replayed}
    left_out = dict(sorted(part.counts.items())) | {"dialogues_not_replayed": len(part.dialogues) - len(placed)}
    return _scores("meld", folder, file, placed, heard, left_out, "dialogue")


def extents_of(folder: Path, heard: Mapping[str, Sequence[Heard]]) -> dict[str, Extent]:
    """The recordings of a run that were replayed, and when they begin and how long they are, as far as is known.

    Also those in which nobody spoke, where the summary tells of them. Raises InputError for one that cannot be read.
    """
    told = read_object(folder / SUMMARY_FILE)
    parts = told.get("recordings", [told])
    items = [item for item in (parts if isinstance(parts, list) else []) if isinstance(item, dict)]
    for item in items if items != [told] else []:  # each has a folder of its own, which knows more
        if item.get("duration_s") and (folder / str(item.get("recording"))).is_dir():
            item |= read_object(folder / str(item["recording"]) / SUMMARY_FILE)
    known = {str(item["recording"]): item for item in items if item.get("recording")}
    names = [name for name, item in known.items() if item.get("duration_s") or name in heard]
    return {
        name: _extent(known.get(name, {}), heard.get(name, ()))
        for name in [*names, *(n for n in heard if n not in known)]
    }


def _extent(told: Mapping[str, Any], heard: Sequence[Heard]) -> Extent:
    zero_ns = told.get("zero_ns")
    if not isinstance(zero_ns, int):
        zero_ns = heard[0].zero_ns if heard else None
    length_s = told.get("duration_s")
    return Extent(
        zero_ns, round(length_s * NS) if isinstance(length_s, int | float) and 0 < length_s < LONGEST_S else None
    )


def _scores(
    kind: str,
    folder: Path,
    labels: Path,
    placed: Mapping[str, Sequence[Placed]],
    heard: Mapping[str, Sequence[Heard]],
    left_out: Mapping[str, int],
    intervals_by: str = "",
) -> dict[str, Any]:
    told = {"kind": kind, "labels": labels.name, "recordings": list(placed), "left_out": dict(left_out)}
    told |= break_down(compare(placed, heard), intervals_by=intervals_by)
    work = read_work_ms(folder)
    times = [ms for name in placed for ms in work.get(name, ())]
    p50, p95 = np.percentile(times, (50, 95)).tolist() if times else (None, None)
    return told | rounded({"ms_p50": p50, "ms_p95": p95})
