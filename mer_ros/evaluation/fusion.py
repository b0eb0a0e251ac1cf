"""How well the fusion joins the modalities, on synthetic tuples: every subset of them, short answers, thresholds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS, Modality
from mer_ros.evaluation.answers import Answers
from mer_ros.evaluation.held_out import HeldOut
from mer_ros.evaluation.intervals import bootstrap
from mer_ros.evaluation.scores import Scores, as_mapping, chance_error, score
from mer_ros.evaluation.tuples import Tuples, judged, match
from mer_ros.evaluation.words import is_short_answer
from mer_ros.fusion.experts import Experts
from mer_ros.fusion.options import FusionOptions

DRAWS = 5  # of voices and faces for each line
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
SUBSETS = tuple(s for size in (1, 2, 3) for s in combinations(Modality, size))
ALL = tuple(Modality)
SCORES = ("accuracy", "weighted_f1", "uar", "ece")


@dataclass(frozen=True)
class FusionEvaluation:
    """lines, voices, faces: how many different ones the n tuples are made of; dialogues: of how many the lines are.

    scores: of all three modalities with the dialogue model, as the live graph has it; intervals: 95 %, by dialogue.
    subsets, subsets_in_dialogue: of each subset, named face+audio+text, without and with the dialogue model.
    ece_if_calibrated: of each modality alone, the calibration error that a model without any would show by chance,
    on average, with so many different inputs.
    short: of answers of a word or two (see `is_short_answer`), what is said with more and more beside it; `n` of them.
    thresholds: by the least confidence asked for, what share of the tuples is named (`kept`) and how well.
    ms_p50, ms_p95: processor time of fusion and dialogue model for one tuple, milliseconds.
    """

    lines: int
    voices: int
    faces: int
    dialogues: int
    scores: Scores
    intervals: dict[str, tuple[float, float]]
    subsets: dict[str, dict[str, float]]
    subsets_in_dialogue: dict[str, dict[str, float]]
    ece_if_calibrated: dict[str, float]
    short: dict[str, dict[str, float]]
    thresholds: dict[str, dict[str, float]]
    ms_p50: float
    ms_p95: float

    @property
    def worse(self) -> dict[str, float]:
        """The subsets that are less accurate than the best of their modalities alone, and by how much."""
        found = {}
        for names in (s for s in SUBSETS if len(s) > 1):
            best = max(self.subsets[name_of((m,))]["accuracy"] for m in names)
            if (loss := best - self.subsets[name_of(names)]["accuracy"]) > 0:
                found[name_of(names)] = loss
        return found

    def as_mapping(self) -> dict[str, Any]:
        """As JSON's own types."""
        return {
            "synthetic": True,
            **as_mapping(self.scores),
            "intervals": {name: list(edges) for name, edges in self.intervals.items()},
            "lines": self.lines,
            "voices": self.voices,
            "faces": self.faces,
            "subsets": self.subsets,
            "subsets_in_dialogue": self.subsets_in_dialogue,
            "ece_if_calibrated": self.ece_if_calibrated,
            "short_answers": self.short,
            "thresholds": self.thresholds,
            "worse_than_best_modality": self.worse,
            "ms_p50": self.ms_p50,
            "ms_p95": self.ms_p95,
        }


def name_of(modalities: Collection[Modality]) -> str:
    """face+audio+text, in that order."""
    return "+".join(m.value for m in Modality if m in modalities)


def draw(held_out: HeldOut, text: Answers, seed: int, draws: int = DRAWS) -> list[Tuples]:
    """Tuples of every line of this half, several times over with other voices and faces."""
    voices, faces = held_out.voices(), held_out.seen()
    return [match(held_out.lines, text, voices, faces, seed * 1000 + i) for i in range(draws)]


def evaluate_fusion(data: Path, models: Path, *, seed: int = 1) -> FusionEvaluation:
    """The fusion and the dialogue model of a folder of models, on the half that their weights were not fitted on.

    Raises InputError, ModelError.
    """
    held_out = HeldOut(data, models, first=False)
    return evaluate_tuples(
        held_out.experts,
        draw(held_out, held_out.text(), seed),
        draw(held_out, held_out.text(context=False), seed),
        (len(held_out.lines), len(held_out.clips), len(held_out.faces)),
    )


def evaluate_tuples(
    experts: Experts, tuples: list[Tuples], without_context: list[Tuples], counts: tuple[int, int, int]
) -> FusionEvaluation:
    """tuples, without_context: the same, the text model having read the turns before or not. counts: of what."""
    options, times = FusionOptions(), list[float]()

    def told(names: Collection[Modality], parts: list[Tuples], *, dialogue: bool = False) -> NDArray[np.float64]:
        kept = times if dialogue and len(names) == len(ALL) else None
        return np.concatenate([judged(t, experts, names, options, dialogue=dialogue, times_ms=kept) for t in parts])

    labels = np.concatenate([t.labels for t in tuples])
    alone = {s: told(s, tuples) for s in SUBSETS}
    with_past = {s: told(s, tuples, dialogue=True) for s in SUBSETS}
    short = np.tile([is_short_answer(text) for text in tuples[0].lines.texts], len(tuples))
    text, voice = (Modality.TEXT,), (Modality.AUDIO, Modality.TEXT)
    shorts = {
        "text without context": told(text, without_context),
        "text with context": alone[text],
        "text with context, dialogue model": with_past[text],
        "text without context, voice": told(voice, without_context),
        "text with context, voice": alone[voice],
        "all three with context, dialogue model": with_past[ALL],
    }
    final = with_past[ALL]
    dialogues = [name for t in tuples for name in t.lines.dialogues.tolist()]
    return FusionEvaluation(
        *counts,
        dialogues=len(set(dialogues)),
        scores=score(labels, final),
        intervals=bootstrap(labels, final.argmax(axis=1), len(EMOTIONS), dialogues),
        subsets={name_of(s): _figures(labels, p) for s, p in alone.items()},
        subsets_in_dialogue={name_of(s): _figures(labels, p) for s, p in with_past.items()},
        ece_if_calibrated={m.value: _ece_by_chance(alone[(m,)]) for m in Modality},
        short={
            name: {"n": int(short.sum()), **_figures(labels[short], p[short])}
            for name, p in shorts.items()
            if short.any()
        },
        thresholds=_thresholds(labels, final),
        ms_p50=float(np.percentile(times, 50)),
        ms_p95=float(np.percentile(times, 95)),
    )


def _figures(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    found = score(labels, probabilities)
    return {name: float(getattr(found, name)) for name in SCORES}


def _ece_by_chance(probabilities: NDArray[np.float64]) -> float:
    """As if each answer were right as often as it says; answers to the same input are right together."""
    _, which = np.unique(probabilities.round(9), axis=0, return_inverse=True)
    return chance_error(probabilities.max(axis=1), which.reshape(-1))[0]


def _thresholds(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    found = {}
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    for threshold in THRESHOLDS:
        kept = confidence >= threshold
        if kept.any():
            found[f"{threshold:g}"] = {
                "kept": float(kept.mean()),
                "accuracy": float(right[kept].mean()),
                "mean_confidence": float(confidence[kept].mean()),
            }
    return found
