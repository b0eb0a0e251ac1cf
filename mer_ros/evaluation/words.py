"""Where words alone do not suffice: short answers, and words as a recogniser hears them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.corpora.tables import read_rows
from mer_ros.corpora.text import Lines, read_meld
from mer_ros.evaluation.run import evaluate_text, line_reader
from mer_ros.evaluation.scores import score
from mer_ros.heard.corpus import HEARD, VOICE, error_rate_of
from mer_ros.heard.voice import kind_of
from mer_ros.heard.word_errors import words_of
from mer_ros.inference import Model

LONGEST_ANSWER = 2  # words
_LISTED = (
    "yeah yes yep yup yah ya ok okay kay no nope nah oh ooh ohh ah ahh aw aww uh uhh um umm huh hmm hm mm mhm "
    "right sure fine alright well so what why really hey hi hello please thanks wow"
)
ANSWERS = frozenset(_LISTED.split())


def is_short_answer(text: str) -> bool:
    """Whether a line is one or two words of ANSWERS, marks aside: "Yeah.", "Oh, okay!"; their meaning is elsewhere."""
    words = words_of(text)
    return 0 < len(words) <= LONGEST_ANSWER and ANSWERS.issuperset(words)


def short_answers(model: Model, lines: Lines) -> dict[str, Any]:
    """How well a text model does on the short answers among the lines, after the turns before them and without these.

    n; and for `with_context` and `without_context` accuracy and weighted_f1, where there are any.
    """
    rows = np.flatnonzero([is_short_answer(text) for text in lines.texts])
    if not len(rows):
        return {"n": 0}
    alone = replace(lines, dialogues=np.arange(len(lines)))
    told = {"with_context": _scores(model, lines, rows), "without_context": _scores(model, alone, rows)}
    return {"n": len(rows), **told}


def heard_words(model: Model, path: Path) -> dict[str, Any]:
    """How well a text model does on lines as they were heard, beside the same lines as they were written.

    path: a file of `mer heard`. n, voices (kinds, and how many lines each spoke), word_error_rate, accuracy,
    weighted_f1, ece and unavailable of the heard lines, the past heard as well; written_weighted_f1, and drop, the
    difference; unmarked_weighted_f1, see `Lines.unmarked`: what the drop is without a wrong word; and short_answers
    among the heard, found by what was said.
    Raises InputError.
    """
    written, heard = read_meld(path), read_meld(path, HEARD)
    voices = Counter(kind_of(row[VOICE]) for row in read_rows(path, (VOICE,)))
    clean, flat, result = (evaluate_text(model, lines) for lines in (written, written.unmarked(), heard))
    rows = np.flatnonzero([is_short_answer(text) for text in written.texts])
    return {
        "n": result.scores.n,
        "voices": dict(voices),
        "word_error_rate": error_rate_of(path),
        "accuracy": result.scores.accuracy,
        "weighted_f1": result.scores.weighted_f1,
        "written_weighted_f1": clean.scores.weighted_f1,
        "unmarked_weighted_f1": flat.scores.weighted_f1,
        "drop": clean.scores.weighted_f1 - result.scores.weighted_f1,
        "ece": result.scores.ece,
        "unavailable": result.unavailable,
        "short_answers": {"n": len(rows), **(_scores(model, heard, rows) if len(rows) else {})},
    }


def _scores(model: Model, lines: Lines, rows: NDArray[np.integer]) -> dict[str, float]:
    estimate = line_reader(model, lines)
    prior = np.asarray(model.entry.prior) / np.sum(model.entry.prior)
    given = (estimate(int(row)).probabilities for row in rows)
    scores = score(lines.labels[rows], np.stack([prior if p is None else p for p in given]))
    return {"accuracy": scores.accuracy, "weighted_f1": scores.weighted_f1}
