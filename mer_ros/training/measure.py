"""`mer card`: measures committed models on their validation data, and writes what the cards say from that alone."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from mer_ros.corpora.faces import read_faces
from mer_ros.corpora.speech import read_clips
from mer_ros.corpora.text import Lines, read_meld
from mer_ros.emotion import EMOTIONS
from mer_ros.evaluation.degrade import robustness
from mer_ros.evaluation.orders import over_orders
from mer_ros.evaluation.run import data_file, evaluate, held_out_speakers, measured_on
from mer_ros.evaluation.voice_conditions import voice_robustness
from mer_ros.evaluation.words import heard_words, short_answers
from mer_ros.inference import Model, ModelEntry, load_model
from mer_ros.inference.manifest import load_manifest
from mer_ros.inference.writer import add_entry
from mer_ros.training.card import (
    HEADLINES,
    JOINED,
    WORDS,
    card_text,
    confusion_picture,
    curves_picture,
    summary,
)
from mer_ros.training.curves import draw_curves
from mer_ros.training.joined import measure_joined
from mer_ros.training.pictures import draw_confusion
from mer_ros.training.record import Record, read_record, rounded, write_record
from mer_ros.training.table import TABLE_FILE, table_text

ROBUST_STEP = {"face": 4, "speech": 2}  # every so many: enough for what is changed in twenty ways


def measure(
    folder: Path, entry: ModelEntry, data: Path, speakers: Sequence[str] = (), heard: Sequence[Path] = ()
) -> ModelEntry:
    """Measure a model on the corpora in `data`; its record and its manifest entry tell it.

    What joins the senses is measured as `measure_joined` tells. speakers: whose clips a speech model is measured on;
    those that its entry names when none are given. heard: files of `mer heard` for a text model; where none are given,
    what they told before is kept, as long as the lines as written are answered as they were. What the training
    measured besides stays in the entry. Raises InputError for data that are not there.
    """
    if entry.task in JOINED:
        about = {"sha256": entry.sha256, "machine": machine()}
        return _kept(folder, entry, about | measure_joined(folder, entry, data))
    speakers = tuple(speakers or held_out_speakers(entry)) if entry.task == "speech" else ()
    model = load_model(folder, entry.task, entry.name, "cpu")
    found = evaluate(model, data_file(data, entry.task), speakers)
    measured = {
        "on": measured_on(entry, speakers),
        "sha256": entry.sha256,
        "machine": machine(),
        **({"speakers": list(speakers)} if speakers else {}),
        **found.as_mapping(),
    }
    if entry.task == "text":
        measured |= _words(model, read_meld(data_file(data, "text")), heard)
        before = read_record(folder, entry.name).measured or {}
        if not heard and "heard" in before and before["confusion"] == measured["confusion"]:
            measured["heard"] = before["heard"]
    else:
        measured["robust"] = _robust(model, data, speakers)
    if found.alone is not None:
        measured["orders"] = over_orders(model, read_clips(data_file(data, "speech"), speakers))
    for fleeting in ("model", "task", "provider"):
        del measured[fleeting]
    return _kept(folder, entry, measured)


def _kept(folder: Path, entry: ModelEntry, measured: dict[str, Any]) -> ModelEntry:
    """Into the record and the manifest."""
    measured = rounded(measured)
    write_record(folder, entry.name, replace(read_record(folder, entry.name), measured=measured))
    told = summary(entry.task, measured)
    kept = {name: value for name, value in entry.metrics.items() if name not in {*told, *WORDS}}
    entry = replace(entry, metrics={**told, **kept})
    add_entry(folder, entry)
    return entry


def _words(model: Model, lines: Lines, heard: Sequence[Path]) -> dict[str, Any]:
    told: dict[str, Any] = {"short_answers": short_answers(model, lines)}
    return told | ({"heard": [heard_words(model, path) for path in heard]} if heard else {})


def _robust(model: Model, data: Path, speakers: Sequence[str]) -> dict[str, Any]:
    """Scores under worse conditions, of a part of the examples."""
    step, path = ROBUST_STEP[model.entry.task], data_file(data, model.entry.task)
    if model.entry.task == "face":
        faces = read_faces(path)
        faces = faces.rows(np.arange(0, len(faces), step))
        return {"n": len(faces), "score": "accuracy", **robustness(model, faces)}
    clips = read_clips(path, speakers)
    clips = clips.rows(np.arange(0, len(clips), step))
    return {"n": len(clips), "score": "uar", **voice_robustness(model, clips)}


def write_card(folder: Path, entry: ModelEntry) -> None:
    """The card and the pictures of a model, from its entry and its record."""
    record = read_record(folder, entry.name)
    text = card_text(entry, record, (folder / entry.file).stat().st_size)
    (folder / f"{entry.name}.md").write_text(text, encoding="utf-8")
    draw_pictures(folder, entry, record)


def draw_pictures(folder: Path, entry: ModelEntry, record: Record) -> None:
    """Confusion matrix and learning curves, where there are any."""
    draw_curves(folder / curves_picture(entry.name), record.history)
    if record.measured is not None:
        kind = record.measured.get("kind", "")
        title = f"{entry.name}, n = {record.measured['n']:,}" + (f" ({kind})" if kind else "")
        draw_confusion(folder / confusion_picture(entry.name), EMOTIONS, record.measured["confusion"], title)


def write_table(folder: Path) -> None:
    """`README.md` of a folder of models."""
    (folder / TABLE_FILE).write_text(table_text(folder, load_manifest(folder)), encoding="utf-8")


def is_measurable(entry: ModelEntry) -> bool:
    """Whether `measure` knows its task."""
    return entry.task in HEADLINES | JOINED


def machine() -> str:
    """The machine that latencies were measured on, in general words."""
    return (
        f"one core of a {os.cpu_count()}-core {platform.machine().replace('_', '-')} machine, Python "
        f"{platform.python_version().rpartition('.')[0]}, ONNX Runtime {onnxruntime.__version__}"
    )
