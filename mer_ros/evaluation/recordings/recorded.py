"""What a replay has written, as scores need it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS, SENTIMENTS, Modality
from mer_ros.errors import InputError
from mer_ros.evaluation.recordings.matching import Span
from mer_ros.replay.records import EMOTIONS_FILE, NS, TIMINGS_FILE, read_lines

NOT_WORK = ("waiting", "since_end")  # stages of a latency in which nothing is computed


@dataclass(frozen=True)
class Heard:
    """An utterance with its emotion. span: from the recording's start, whose stamp is zero_ns, to a microsecond.

    emotion: as told, maybe `unknown`. probabilities: float64 [7]. sentiment: float64 [3].
    modalities: float64 [7] of each that was available.
    """

    utterance: int
    span: Span
    zero_ns: int
    dialogue: str
    emotion: str
    probabilities: NDArray[np.float64]
    sentiment: NDArray[np.float64]
    modalities: Mapping[Modality, NDArray[np.float64]]


def read_emotions(folder: Path) -> dict[str, list[Heard]]:
    """The utterances of each recording in a run's folder, in the order spoken. Raises InputError."""
    path = folder / EMOTIONS_FILE
    found: dict[str, list[Heard]] = defaultdict(list)
    for number, content in enumerate(read_lines(path), 1):
        try:
            found[str(content["recording"])].append(_heard(content))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError(
                f"line {number} of {path} is no emotion of an utterance ({error!r}): write it anew with `mer replay`"
            ) from error
    return dict(found)


def read_work_ms(folder: Path) -> dict[str, list[float]]:
    """Milliseconds of computing for each utterance of each recording: all stages but those of waiting."""
    path = folder / TIMINGS_FILE
    found: dict[str, list[float]] = defaultdict(list)
    if not path.is_file():
        return {}
    for number, content in enumerate(read_lines(path), 1):
        try:
            stages = content["latency_ms"].items()
            found[str(content["recording"])].append(sum(float(ms) for name, ms in stages if name not in NOT_WORK))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError(f"line {number} of {path} is no latency of an utterance: write it anew") from error
    return dict(found)


def _heard(content: Mapping[str, Any]) -> Heard:
    shares = {
        Modality(name): _row(told["probabilities"], EMOTIONS)
        for name, told in content["modalities"].items()
        if told["available"]
    }
    start_ns, end_ns = (round(float(content[name]) * NS) for name in ("start_s", "end_s"))
    return Heard(
        int(content["utterance"]),
        Span(start_ns, end_ns),
        int(content["start_ns"]) - start_ns,
        str(content["dialogue"]),
        str(content["emotion"]),
        _row(content["probabilities"], EMOTIONS),
        _row(content["sentiment_probabilities"], SENTIMENTS),
        shares,
    )


def _row(told: Mapping[str, float], names: tuple[str, ...]) -> NDArray[np.float64]:
    return np.array([float(told[name]) for name in names])
