"""A replay's folder, written by hand: the emotions that a test wants."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mer_ros.emotion import EMOTIONS, EmotionEstimate, Modality, ModalityEstimate
from mer_ros.fusion.affect import sentiment_probabilities
from mer_ros.replay.records import EMOTIONS_FILE, TIMINGS_FILE, line, record, timing

S = 1_000_000_000


def sure(emotion, confidence=0.7):
    """float [7]: this much for one emotion, the rest spread evenly."""
    row = np.full(len(EMOTIONS), (1 - confidence) / 6)
    row[EMOTIONS.index(emotion)] = confidence
    return row


def utterance(number, start_s, end_s, probabilities, zero_ns=S, modalities=None, dialogue="d1", told=None, ms=1.0):
    """An estimate as the fusion gives it. modalities: probabilities by name; the others were not there."""
    modalities = {"text": probabilities} if modalities is None else modalities
    probabilities = np.asarray(probabilities)
    return EmotionEstimate(
        number,
        zero_ns + round(start_s * S),
        zero_ns + round(end_s * S),
        True,
        probabilities,
        sentiment_probabilities(probabilities),
        told or EMOTIONS[int(probabilities.argmax())],
        float(probabilities.max()),
        "neutral",
        0.0,
        0.0,
        tuple(
            ModalityEstimate(m, modalities.get(m.value), "" if m.value in modalities else "left out") for m in Modality
        ),
        dialogue_id=dialogue,
        latency_ms={"text": ms, "fusion": 1.0, "waiting": 500.0, "since_end": 600.0},
    )


def write_run(folder: Path, recordings, zero_ns=S) -> Path:
    """emotions.jsonl and timings.jsonl of utterances by the name of their recording."""
    folder.mkdir(parents=True, exist_ok=True)
    said = [(name, item) for name, items in recordings.items() for item in items]
    emotions = "".join(line(record(item, name, zero_ns)) for name, item in said)
    (folder / EMOTIONS_FILE).write_text(emotions, encoding="utf-8")
    (folder / TIMINGS_FILE).write_text("".join(line(timing(item, name)) for name, item in said), encoding="utf-8")
    return folder
