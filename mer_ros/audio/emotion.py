"""What a voice says of an emotion: an utterance through a model, with a quality beside it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio.features import feature_matrix
from mer_ros.audio.prosody import prosody
from mer_ros.audio.voice_memory import VoiceMemory
from mer_ros.emotion import EMOTIONS, Modality, ModalityEstimate
from mer_ros.errors import InputError, ModelError, OptionError
from mer_ros.inference import Model
from mer_ros.utterance import SAMPLE_RATE, SpeechState, Utterance

_CLIPPED = 32_760  # at this magnitude a sample counts as clipped
# A longer voice is heard in parts: attention over time costs the square of the time.
LONGEST_PART_S = 8.0


@dataclass(frozen=True)
class AudioEmotionOptions:
    """When an utterance is not worth a guess.

    shortest_ms: a shorter one gives no estimate. least_peak: one whose samples deviate from their mean by less than
    this, of 32768, is silent and gives none.
    """

    shortest_ms: float = 300.0
    least_peak: float = 16.0

    def __post_init__(self) -> None:
        for name in ("shortest_ms", "least_peak"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise OptionError(f"{name} is {value}: give a number, 0 or more")


Inputs = dict[str, NDArray[np.float32]]
Past = tuple[NDArray[np.float32], int]  # what a VoiceMemory knows of a person; another object when that has changed


def feature_inputs(samples: NDArray[np.int16]) -> Inputs:
    """`features` [1, 100, 34]: the first 10 s."""
    return {"features": feature_matrix(samples)[None]}


def voice_inputs(samples: NDArray[np.int16]) -> Inputs:
    """`samples` [B, n], -1..1, and `prosody` [B, 36], of B parts of the same length, LONGEST_PART_S at most."""
    parts = math.ceil(len(samples) / (LONGEST_PART_S * SAMPLE_RATE))
    length = len(samples) // parts
    rows = samples[: parts * length].reshape(parts, length) / np.float32(32768)
    return {"samples": rows.astype(np.float32), "prosody": np.stack([prosody(row) for row in rows])}


PAST = frozenset({"past", "heard"})  # inputs that come of a memory: the mean [B, F], and of how many [B, 1]

# How a model's other inputs come of samples, by their names.
INPUTS: dict[frozenset[str], Callable[[NDArray[np.int16]], Inputs]] = {
    frozenset({"features"}): feature_inputs,
    frozenset({"samples", "prosody"}): voice_inputs,
}


@dataclass(frozen=True)
class _Answer:
    """What the model said last, and of what. voice: for the memory, of a model with one."""

    samples: NDArray[np.int16]
    past: Past | None
    probabilities: NDArray[np.floating]
    voice: NDArray[np.floating] | None


class AudioEmotion:
    """Ended utterances in, estimates out. What was asked last is known: the same utterance again costs nothing.

    model: inputs as in INPUTS; output `probabilities` [B, 7], whose mean over the parts is the estimate. A model with
    the inputs PAST and the output `voice` [B, F] hears how a voice departs from what the same person said before.
    """

    def __init__(self, model: Model, options: AudioEmotionOptions | None = None) -> None:
        """Raises ModelError for a model that takes something else."""
        self.options = options or AudioEmotionOptions()
        self._model = model
        names = frozenset(model.entry.inputs) - PAST
        if names not in INPUTS:
            known = " or ".join(", ".join(sorted(n)) for n in INPUTS)
            raise ModelError(f"model {model.entry.name} takes {', '.join(sorted(names))}; a voice is given as {known}")
        self._inputs = INPUTS[names]
        self._memory = VoiceMemory()
        self._last: _Answer | None = None
        self.remembers = frozenset(model.entry.inputs) >= PAST

    def estimate(self, utterance: Utterance, person_id: str = "", *, remember: bool = True) -> ModalityEstimate:
        """Of an ENDED utterance; not available, with the reason, when it is too short or silent.

        person_id: who speaks; empty: unknown, and the voice is judged by itself. remember: for what this person says
        later. Raises InputError for an utterance that goes on, ModelError when the model does not keep its contract.
        """
        if utterance.state is not SpeechState.ENDED:
            raise InputError(f"utterance {utterance.id} goes on: the voice is judged when it has ended")
        begun = time.perf_counter()
        name = self._model.entry.name
        reason = self._why_not(utterance.samples)
        if reason:
            return ModalityEstimate(Modality.AUDIO, reason=reason, model=name)
        answer = self._answer(utterance.samples, person_id)
        if answer.voice is not None and person_id and remember:
            self._memory.add(person_id, answer.voice)
        return ModalityEstimate(
            Modality.AUDIO,
            answer.probabilities,
            quality=voice_quality(utterance),
            model=name,
            latency_ms=1e3 * (time.perf_counter() - begun),
        )

    def forget(self, person_id: str = "") -> None:
        """Forget how a person sounded; all of them without an id, which may now mean others."""
        self._memory.forget(person_id)
        self._last = None

    def _answer(self, samples: NDArray[np.int16], person_id: str) -> _Answer:
        """Ask the model, but not twice about the same samples with the same past. Raises ModelError."""
        past = self._memory.of(person_id) if self.remembers else None
        last = self._last
        if last is not None and last.past is past and np.array_equal(last.samples, samples):
            return last
        inputs = self._inputs(samples)
        parts = len(next(iter(inputs.values())))
        outputs = self._model.run(**inputs, **(self._past(past, parts) if self.remembers else {}))
        probabilities = np.asarray(outputs["probabilities"])
        wanted = (parts, len(EMOTIONS))
        if probabilities.shape != wanted:
            name = self._model.entry.name
            raise ModelError(f"model {name} gave probabilities {probabilities.shape}, not {wanted}: check its export")
        voice = outputs["voice"].mean(axis=0) if self.remembers else None
        self._last = _Answer(samples, past, probabilities.mean(axis=0), voice)
        return self._last

    def _past(self, past: Past | None, parts: int) -> Inputs:
        size = self._model.entry.inputs["past"].shape[1]
        assert size is not None  # the manifest fixes it
        mean, count = past or (np.zeros(size, np.float32), 0)
        return {"past": np.tile(mean, (parts, 1)), "heard": np.full((parts, 1), count, np.float32)}

    def _why_not(self, samples: NDArray[np.int16]) -> str:
        length_ms = 1e3 * len(samples) / SAMPLE_RATE
        if not len(samples) or length_ms < self.options.shortest_ms:
            return f"voice too short: {length_ms:.0f} ms of {self.options.shortest_ms:.0f}"
        peak = float(np.abs(samples - samples.mean()).max())
        if peak < self.options.least_peak:
            return f"voice silent: peak {peak:.0f} of {self.options.least_peak:.0f}"
        return ""


def voice_quality(utterance: Utterance) -> float:
    """0..1, the product of four shares, each a judgement rather than a measurement.

    They are: the signal-to-noise ratio over 20 dB, within 0.1..1 (0.5 when unknown); the duration over 1.5 s, up
    to 1; one
    less ten times the share of clipped samples, at least 0.3; and the share of samples that were not lost.
    """
    count = len(utterance.samples)
    if not count:
        return 0.0
    snr = 0.5 if math.isnan(utterance.snr_db) else min(max(utterance.snr_db / 20, 0.1), 1.0)
    duration = min(count / SAMPLE_RATE / 1.5, 1.0)
    clipped = float(np.mean(np.abs(utterance.samples.astype(np.int32)) >= _CLIPPED))
    kept = 1 - min(utterance.lost_samples / count, 1.0)
    return snr * duration * max(1 - 10 * clipped, 0.3) * kept
