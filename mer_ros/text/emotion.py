"""What the words of an utterance say of the speaker's emotion."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np

from mer_ros.emotion import Modality, ModalityEstimate
from mer_ros.errors import InputError
from mer_ros.inference import Model
from mer_ros.text.conversation import Said
from mer_ros.text.readers import reader_of

# A recogniser that gives no confidence is trusted about as much as its usual word accuracy.
UNKNOWN_CONFIDENCE = 0.8


class TextEmotion:
    """Runs a text model on a transcript, and on what was said before it where the model reads conversations."""

    def __init__(self, model: Model) -> None:
        """Raises ModelError when the model takes neither tokens nor a conversation (see `readers`)."""
        self.model = model
        self.counts: Counter[str] = Counter()
        self._reader = reader_of(model)

    def estimate(
        self,
        text: str,
        confidence: float = math.nan,
        past: Sequence[Said] = (),
        speaker: str = "",
        *,
        recognised: bool = False,
    ) -> ModalityEstimate:
        """The seven probabilities for a text; not available, with the reason, when there is no word to go by.

        confidence: 0..1 of the recogniser, NaN when it gives none. past: the turns before this one, oldest first;
        models of single lines leave them out. speaker: a name or an id, empty where nobody knows who speaks.
        recognised: a recogniser heard the words, rather than that a person wrote them; see `ConversationReader`.
        quality = confidence * known / words * known / (known + 1), where `words` and `known` are counted among
        what the model sees of the text: one word alone says little, and unknown ones nothing.
        Raises InputError for a confidence out of range and for a text that is no string.
        """
        if not (math.isnan(confidence) or 0 <= confidence <= 1):
            raise InputError(f"the confidence is {confidence}; use 0 to 1, or NaN when there is none")
        started = time.perf_counter()
        reading = self._reader.read(Said(text, speaker, recognised), past)
        if not reading.known:
            return self._unavailable("no words")
        outputs = self.model.run(**reading.inputs)
        known = reading.known_by(outputs)
        if not known:
            return self._unavailable("no known words")
        trust = UNKNOWN_CONFIDENCE if math.isnan(confidence) else confidence
        sentiment = outputs.get("sentiment_probabilities")
        return ModalityEstimate(
            Modality.TEXT,
            probabilities=outputs["probabilities"][0].astype(np.float64),
            sentiment=None if sentiment is None else sentiment[0].astype(np.float64),
            quality=trust * known / len(reading.known) * known / (known + 1),
            model=self.model.entry.name,
            latency_ms=(time.perf_counter() - started) * 1e3,
        )

    def _unavailable(self, reason: str) -> ModalityEstimate:
        self.counts[reason] += 1
        return ModalityEstimate(Modality.TEXT, reason=reason, model=self.model.entry.name)
