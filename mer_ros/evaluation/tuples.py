"""Synthetic tuples: a line of a dialogue with a voice and a face of other people that bear the same label.

No corpus with all three modalities is at hand. In tuples the modalities err independently of each other given the
label, which they do less in life: what is measured on them is no accuracy of anything, and is called synthetic.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mer_ros.corpora.text import Lines
from mer_ros.emotion import DialogueTurn, Modality, ModalityEstimate
from mer_ros.errors import InputError
from mer_ros.evaluation.answers import Answers
from mer_ros.fusion.dialogue import Dialogue
from mer_ros.fusion.experts import Experts
from mer_ros.fusion.judge import Judge
from mer_ros.fusion.options import FusionOptions

_S = 1_000_000_000


@dataclass(frozen=True)
class Tuples:
    """lines: n of them, in the order spoken. answers: of each modality, n rows, all of the same labels."""

    lines: Lines
    answers: dict[Modality, Answers]

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def labels(self) -> NDArray[np.int64]:
        """int64 [n]."""
        return self.lines.labels


def halves(names: Sequence[Hashable], seed: int = 1) -> NDArray[np.bool_]:
    """[n]: which rows belong to the first half; rows of one name (a dialogue, a speaker, a face) stay together."""
    known = list(dict.fromkeys(names))
    first = {known[i] for i in np.random.default_rng(seed).permutation(len(known))[: len(known) // 2]}
    return np.array([name in first for name in names])


def speaker_halves(speakers: Sequence[str]) -> NDArray[np.bool_]:
    """As `halves`, the speakers of each corpus in turn, two at a time: RAVDESS alternates men and women."""
    first: set[str] = set()
    for corpus in sorted({s.split("-")[0] for s in speakers}):
        known = sorted({s for s in speakers if s.split("-")[0] == corpus})
        first |= {s for i, s in enumerate(known) if (i // 2 if len(known) > 2 else i) % 2 == 0}
    return np.array([s in first for s in speakers])


def match(lines: Lines, text: Answers, voices: Answers, faces: Answers, seed: int) -> Tuples:
    """Each line with any voice and any face of its label. Raises InputError when there is none of a label."""
    rng = np.random.default_rng(seed)
    chosen = {}
    for modality, answers in ((Modality.FACE, faces), (Modality.AUDIO, voices)):
        rows = np.zeros(len(lines), np.int64)
        for label in np.unique(lines.labels):
            wanted, there = lines.labels == label, np.flatnonzero(answers.labels == label)
            if not len(there):
                raise InputError(f"tuples need a {modality.value} of every label; there is none of label {label}")
            rows[wanted] = rng.choice(there, int(wanted.sum()))
        chosen[modality] = answers.rows(rows)
    return Tuples(lines, chosen | {Modality.TEXT: text})


def judged(
    tuples: Tuples,
    experts: Experts,
    modalities: Collection[Modality],
    options: FusionOptions,
    *,
    dialogue: bool = False,
    times_ms: list[float] | None = None,
) -> NDArray[np.float64]:
    """float64 [n, 7]: what the fusion that runs live makes of the tuples, a dialogue after the other.

    modalities: of which it hears; where none of them has an answer, it says what is usual (the target's shares).
    dialogue: whether the dialogue model has its say; the past is what the fusion itself has said of it.
    times_ms: takes the processor time of each decision.
    """
    judge = Judge(experts if dialogue else replace(experts, dialogue=None), options)
    usual = np.asarray(options.target_prior) / np.sum(options.target_prior)
    told = np.tile(usual, (len(tuples), 1))
    for i, memory in _turns(tuples.lines):
        estimates = {m: _estimate(m, tuples.answers[m], i if m in modalities else None) for m in Modality}
        speaker = tuples.lines.speakers[i]
        if any(estimate.available for estimate in estimates.values()):
            begun = time.process_time_ns()
            emotion = judge.decide(
                estimates, memory, speaker, utterance_id=i, start_ns=i * _S, end_ns=(i + 1) * _S, is_final=True
            )
            if times_ms is not None:
                times_ms.append((time.process_time_ns() - begun) / 1e6)
            assert emotion is not None
            told[i] = emotion.probabilities
        memory.add(DialogueTurn(memory.count + 1, i * _S, (i + 1) * _S, speaker, "", float(told[i].max()), told[i]))
    return told


def _turns(lines: Lines) -> Iterator[tuple[int, Dialogue]]:
    memory = Dialogue()
    for i in range(len(lines)):
        if i and lines.dialogues[i] != lines.dialogues[i - 1]:
            memory = Dialogue()
        yield i, memory


def _estimate(modality: Modality, answers: Answers, row: int | None) -> ModalityEstimate:
    if row is None or not answers.quality[row] > 0:
        return ModalityEstimate(modality, reason="left out")
    return ModalityEstimate(modality, answers.probabilities[row], quality=float(answers.quality[row]))
