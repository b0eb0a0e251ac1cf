"""Measures what joins the senses, through the stages that run live: fusion, dialogue model, early-fusion network."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS, SENTIMENTS, Modality
from mer_ros.evaluation.fusion import evaluate_fusion
from mer_ros.evaluation.held_out import TASKS, HeldOut
from mer_ros.evaluation.intervals import bootstrap
from mer_ros.evaluation.scores import as_mapping, chance_error, score
from mer_ros.evaluation.tuples import Tuples, judged
from mer_ros.fusion.options import FusionOptions
from mer_ros.inference import ModelEntry, load_model
from mer_ros.inference.manifest import FUSION, choose_entry, load_manifest
from mer_ros.text.tokens import token_row
from mer_ros.training.generated import MADE_UP, Aligned, aligned_samples

SAMPLES, SEED = 150, 1_000_003  # of the generated ones; the training's seeds are small


def measure_joined(folder: Path, entry: ModelEntry, data: Path) -> dict[str, Any]:
    """What a record's `measured` holds of a model of these three tasks, but `sha256` and `machine`.

    kind: synthetic or generated, where the data are; such figures are no accuracy of anything. models: the sha256 of
    the other models that had a say, by name. Raises InputError for data that are not there, ModelError.
    """
    if entry.task == "early_fusion":
        return _early_fusion(folder, entry, data)
    told = _fusion(data, folder) if entry.task == FUSION else _dialogue(data, folder)
    known = load_manifest(folder)
    others = [choose_entry(known, task) for task in (*TASKS.values(), "dialogue", FUSION) if task != entry.task]
    return {**told, "models": {e.name: e.sha256 for e in others}}


def tuples_of(lines: int, voices: int, faces: int) -> str:
    """What the fusion is measured on."""
    return (
        "synthetic tuples, no accuracy of anything: lines of MELD dev without exclamation marks, which recognisers do "
        "not write, each with a voice and a face of other people with the same label; "
        f"{lines} lines, {voices} voices and {faces} faces, apart from those that the weights were fitted on"
    )


def _fusion(data: Path, folder: Path) -> dict[str, Any]:
    found = evaluate_fusion(data, folder)
    told = {"on": tuples_of(found.lines, found.voices, found.faces), "kind": "synthetic", **found.as_mapping()}
    return {**told, "intervals_by": "dialogue", "clusters": found.dialogues, "unavailable": 0}


def _dialogue(data: Path, folder: Path) -> dict[str, Any]:
    """The words alone with the dialogue model and without it, on the half that it was not chosen on."""
    held_out, times = HeldOut(data, folder, first=False), list[float]()
    lines = held_out.lines
    heard = Tuples(lines, dict.fromkeys(Modality, held_out.text()))
    words, options = (Modality.TEXT,), FusionOptions()
    told = judged(heard, held_out.experts, words, options, dialogue=True, times_ms=times)
    without = score(lines.labels, judged(heard, held_out.experts, words, options))
    return {
        "on": "a half of the dialogues of meld/dev_sent_emo.csv without exclamation marks, which recognisers do not "
        "write; words alone, each line after what was said of those before it",
        **_told(lines.labels, told, times, "dialogue", lines.dialogues.tolist()),
        "weighted_f1_without_the_model": without.weighted_f1,
        "accuracy_without_the_model": without.accuracy,
    }


def _early_fusion(folder: Path, entry: ModelEntry, data: Path) -> dict[str, Any]:
    """The exported network, on generated samples where it was trained on such, on MELD dev's clips else."""
    model, times = load_model(folder, entry.task, entry.name, "cpu"), list[float]()
    generated = MADE_UP in entry.data
    samples = aligned_samples(SAMPLES, np.random.default_rng(SEED)) if generated else _clips(data)
    told, felt = np.zeros((len(samples), len(EMOTIONS))), np.zeros((len(samples), len(SENTIMENTS)))
    for i, text in enumerate(samples.texts):
        begun = time.process_time_ns()
        given = model.run(
            frames=samples.frames[i : i + 1], tokens=token_row(text)[None], features=samples.features[i : i + 1]
        )
        times.append((time.process_time_ns() - begun) / 1e6)
        told[i], felt[i] = given["probabilities"][0], given["sentiment_probabilities"][0]
    told /= told.sum(axis=1, keepdims=True)
    scores = score(samples.sentiments, felt / felt.sum(axis=1, keepdims=True), SENTIMENTS)
    return {
        "on": f"{SAMPLES} generated samples, apart from those of training" if generated else "MELD dev clips",
        **({"kind": "generated"} if generated else {}),
        **_told(samples.emotions, told, times, "image" if generated else "clip", range(len(samples))),
        "sentiment_weighted_f1": scores.weighted_f1,
        "sentiment": as_mapping(scores),
    }


def _clips(data: Path) -> Aligned:
    from mer_ros.training.corpora.clips import load_clips

    return load_clips(data, "dev", progress=False)[0]


def _told(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    times_ms: list[float],
    cluster: str,
    names: Sequence[Hashable],
) -> dict[str, Any]:
    """As `mer_ros.evaluation.run.Evaluation` has it."""
    intervals = bootstrap(labels, probabilities.argmax(axis=1), len(EMOTIONS), [str(name) for name in names])
    mean, most = chance_error(probabilities.max(axis=1))
    p50, p95 = np.percentile(times_ms, (50, 95))
    return {
        **as_mapping(score(labels, probabilities)),
        "intervals": {name: list(ends) for name, ends in intervals.items()},
        "intervals_by": cluster,
        "clusters": len(set(names)),
        "ece_by_chance": mean,
        "ece_by_chance_95": most,
        "unavailable": 0,
        "ms_p50": float(p50),
        "ms_p95": float(p95),
    }
