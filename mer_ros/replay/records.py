"""What a replay writes of an emotion: a line of `emotions.jsonl`, the same bytes for the same input.

A run's folder, one for each recording (a run of several has one folder for each below it, and the same files for all
of them together, in the order of their names):

    emotions.jsonl   one `record` a line, in the order spoken; nothing that depends on the machine or the day
    emotions.mcap    /emotion in the recording's own time, a bag in one file: Foxglove and `ros2 bag play` open it
    summary.json     what was read and how: input, topics, counts, warnings, settings, models with their sha256
    timings.jsonl    what differs from run to run: latency by stage of each utterance
    run.json         likewise of the whole: date, machine, versions, speed, memory
    report.html      all of it to look at
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mer_ros.emotion import EMOTIONS, SENTIMENTS, EmotionEstimate, ModalityEstimate
from mer_ros.errors import InputError

EMOTIONS_FILE, TIMINGS_FILE = "emotions.jsonl", "timings.jsonl"
BAG_FILE, SUMMARY_FILE, RUN_FILE, REPORT_FILE = "emotions.mcap", "summary.json", "run.json", "report.html"
DIGITS = 6  # of every number: finer than what float32 holds, coarse enough to be read
NS = 1_000_000_000
MOST_DIGITS = 19  # as of 2**63


def record(estimate: EmotionEstimate, recording: str, zero_ns: int) -> dict[str, Any]:
    """The line of a final estimate.

    recording: name of the input. zero_ns: stamp at which it begins; `start_s` and `end_s` count from there.
    What is not known is null: a number that is NaN, the probabilities of a modality that is not available.
    """
    return {
        "recording": recording,
        "utterance": estimate.utterance_id,
        "dialogue": estimate.dialogue_id,
        "turn": estimate.turn,
        "start_ns": estimate.start_ns,
        "end_ns": estimate.end_ns,
        "start_s": _number((estimate.start_ns - zero_ns) / NS),
        "end_s": _number((estimate.end_ns - zero_ns) / NS),
        "person": estimate.person_id,
        "face": estimate.face_id,
        "voice": estimate.voice_id,
        "emotion": estimate.emotion,
        "confidence": _number(estimate.confidence),
        "probabilities": _named(EMOTIONS, estimate.probabilities),
        "sentiment": estimate.sentiment,
        "sentiment_probabilities": _named(SENTIMENTS, estimate.sentiment_probabilities),
        "valence": _number(estimate.valence),
        "arousal": _number(estimate.arousal),
        "transcript": estimate.transcript,
        "modalities": {item.modality.value: _modality(item) for item in estimate.modalities},
        "previous_emotion": estimate.previous_emotion,
        "shifted": estimate.shifted,
        "dialogue_emotion": estimate.dialogue_emotion,
        "dialogue_shifted": estimate.dialogue_shifted,
    }


def timing(estimate: EmotionEstimate, recording: str) -> dict[str, Any]:
    """The line of `timings.jsonl`: milliseconds that the stages of this utterance took here and now."""
    told = {stage: round(value, 3) for stage, value in estimate.latency_ms.items()}
    return {"recording": recording, "utterance": estimate.utterance_id, "latency_ms": told}


def line(content: dict[str, Any]) -> str:
    """One JSON object in one line, keys in their order, non-ASCII as it is."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file; a last line that was cut off is left out. Raises InputError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: give a folder that `mer replay` has written") from error
    *lines, rest = text.split("\n")  # and not at other line ends of Unicode, which words may hold
    for number, content in enumerate([*lines, rest] if rest else lines, 1):
        try:
            found = json.loads(content)
        except (ValueError, RecursionError) as error:
            if number > len(lines):
                return
            raise InputError(f"line {number} of {path} is no JSON: write it anew with `mer replay`") from error
        if not isinstance(found, dict):
            raise InputError(f"line {number} of {path} is no JSON object: write it anew with `mer replay`")
        yield found


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object that a file of a run is; `{}` where there is no such file.

    Raises InputError also for numbers that no replay writes: NaN, infinity, and integers of more than 19 digits,
    which nothing can compute with.
    """
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_integer)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}): write it anew, or take it away") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} holds no JSON object: write it anew, or take it away")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number of JSON")
    return value


def _integer(text: str) -> int:
    if len(text) > MOST_DIGITS + 1:  # and a sign
        raise ValueError(f"a number in it has {len(text)} digits")
    return int(text)


def _modality(item: ModalityEstimate) -> dict[str, Any]:
    return {
        "available": item.available,
        "reason": item.reason,
        "probabilities": None if item.probabilities is None else _named(EMOTIONS, item.probabilities),
        "quality": _number(item.quality),
        "weight": _number(item.weight),
        "model": item.model,
    }


def _named(names: Sequence[str], values: Iterable[float]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in zip(names, values, strict=True)}


def _number(value: float) -> float | None:
    return None if value != value else round(float(value), DIGITS)
