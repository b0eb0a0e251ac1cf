"""What the words of an utterance say of the speaker's emotion."""

from __future__ import annotations

import math
import time
from collections import Counter

import numpy as np

from mer_ros.emotion import Modality, ModalityEstimate
from mer_ros.errors import InputError, ModelError
from mer_ros.inference import Model
from mer_ros.text.tokens import is_word, token_row

# A recogniser that gives no confidence is trusted about as much as its usual word accuracy.
UNKNOWN_CONFIDENCE = 0.8


class TextEmotion:
    """Runs a text model on a transcript.

    The model takes `tokens`, string [B, length]. A model with a second output `known`, bool [B, length], tells
    which tokens it has a vector for; without it, every word of Latin letters or digits counts as known.
    """

    def __init__(self, model: Model) -> None:
        """Raises ModelError when the model does not take tokens alone."""
        spec = model.entry.inputs.get("tokens")
        if set(model.entry.inputs) != {"tokens"} or spec is None or len(spec.shape) != 2 or spec.shape[1] is None:
            raise ModelError(
                f"model {model.entry.name} takes {', '.join(model.entry.inputs)}; a text model takes tokens alone"
            )
        self.model = model
        self.counts: Counter[str] = Counter()
        self._length: int = spec.shape[1]

    def estimate(self, text: str, confidence: float = math.nan) -> ModalityEstimate:
        """The seven probabilities for a text; not available, with the reason, when there is no word to go by.

        confidence: 0..1 of the recogniser, NaN when it gives none.
        quality = confidence * known / words * known / (known + 1), where `words` and `known` are counted among
        the tokens that the model sees: one word alone says little, and unknown ones nothing.
        Raises InputError for a confidence out of range and for a text that is no string.
        """
        if not (math.isnan(confidence) or 0 <= confidence <= 1):
            raise InputError(f"the confidence is {confidence}; use 0 to 1, or NaN when there is none")
        started = time.perf_counter()
        row = token_row(text, self._length)
        words = [is_word(token) for token in row]
        if not any(words):
            return self._unavailable("no words")
        outputs = self.model.run(tokens=row[None])
        knows = outputs["known"][0] if "known" in outputs else [_is_latin(token) for token in row]
        known = sum(1 for word, k in zip(words, knows, strict=True) if word and k)
        if not known:
            return self._unavailable("no known words")
        trust = UNKNOWN_CONFIDENCE if math.isnan(confidence) else confidence
        sentiment = outputs.get("sentiment_probabilities")
        return ModalityEstimate(
            Modality.TEXT,
            probabilities=outputs["probabilities"][0].astype(np.float64),
            sentiment=None if sentiment is None else sentiment[0].astype(np.float64),
            quality=trust * known / sum(words) * known / (known + 1),
            model=self.model.entry.name,
            latency_ms=(time.perf_counter() - started) * 1e3,
        )

    def _unavailable(self, reason: str) -> ModalityEstimate:
        self.counts[reason] += 1
        return ModalityEstimate(Modality.TEXT, reason=reason, model=self.model.entry.name)


def _is_latin(token: str) -> bool:
    """Whether a token is written in Latin letters (up to Latin Extended-B) or digits."""
    return all(not character.isalpha() or ord(character) < 0x250 for character in token)
