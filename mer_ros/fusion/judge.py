"""From the modalities' estimates and the dialogue so far to one emotion, final or interim."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS, SENTIMENTS, UNKNOWN, EmotionEstimate, Modality, ModalityEstimate
from mer_ros.errors import MerError
from mer_ros.fusion.affect import sentiment_probabilities, valence_arousal
from mer_ros.fusion.dialogue import Dialogue
from mer_ros.fusion.experts import Experts
from mer_ros.fusion.options import AS_FITTED, FusionOptions
from mer_ros.fusion.pool import Opinion, normalised, pool

_log = logging.getLogger(__name__)


class Judge:
    """Asks the experts, weighs what they say, then lets the dialogue speak. A model that fails costs only its say.

    counts: <modality>_model_failed, dialogue_model_failed.
    """

    def __init__(self, experts: Experts, options: FusionOptions) -> None:
        self.counts: Counter[str] = Counter()
        self._experts = experts
        self._options = options
        self._prior: NDArray[np.float64] = np.asarray(options.target_prior, dtype=np.float64)
        fitted = options.independence == AS_FITTED
        self._independence = experts.independence if fitted else options.independence
        self._trust = dict(zip(Modality, options.trust, strict=True))

    def forget(self, person_id: str = "") -> None:
        """Have the experts forget a person; all that they know without an id."""
        for modality in Modality:
            expert = self._experts.of(modality)
            if expert is not None and expert.forget is not None:
                expert.forget(person_id)

    def ask(self, modality: Modality, *part: object, **more: object) -> ModalityEstimate:
        """Return what a modality's expert says of its part; why not, when it fails or has nothing to go by."""
        expert = self._experts.of(modality)
        if expert is None:
            return ModalityEstimate(modality, reason="switched off")
        try:
            said = expert.estimate(*part, **more)
            if said.probabilities is not None:
                normalised(said.probabilities)
        except MerError as error:
            self.counts[f"{modality.value}_model_failed"] += 1
            return ModalityEstimate(modality, reason=str(error))
        except Exception as error:  # a fault of a model, of whatever kind, costs no utterance; the log has its trace
            self.counts[f"{modality.value}_model_failed"] += 1
            _log.exception("the %s model failed", modality.value)
            return ModalityEstimate(modality, reason=f"the {modality.value} model failed: {type(error).__name__}")
        if said.available and not said.quality > 0:
            return ModalityEstimate(modality, reason="the quality of the input is 0", model=said.model)
        return said

    def decide(
        self,
        estimates: Mapping[Modality, ModalityEstimate],
        dialogue: Dialogue,
        person_id: str,
        early: tuple[NDArray[np.floating], NDArray[np.floating]] | None = None,
        **fields: object,
    ) -> EmotionEstimate | None:
        """Return the emotion, or None when no modality is available.

        early: (emotion [7], sentiment [3]) of the early-fusion network; it then decides in the pool's place,
        and the modalities' weights are NaN. fields: what else the estimate holds (ids, times, transcript).
        """
        said = [item for item in estimates.values() if item.available]
        if not said:
            return None
        heard = next((item.sentiment for item in said if item.sentiment is not None), None)
        joint: NDArray[np.floating]
        if early is not None:
            joint, heard = early
            weights: NDArray[np.float64] = np.full(len(said), np.nan)
        else:
            joint, weights = pool([self._opinion(item) for item in said], self._prior, self._independence)
        joint = self._in_dialogue(joint, dialogue, person_id)
        sentiment = sentiment_probabilities(joint, heard)
        valence, arousal = valence_arousal(joint)
        weighed = {item.modality: replace(item, weight=float(w)) for item, w in zip(said, weights, strict=True)}
        before = dialogue.last_turn_of(person_id)
        return EmotionEstimate(
            probabilities=joint,
            sentiment_probabilities=sentiment,
            emotion=self._named(joint, EMOTIONS),
            confidence=float(joint.max()),
            sentiment=self._named(sentiment, SENTIMENTS),
            valence=valence,
            arousal=arousal,
            modalities=tuple(weighed.get(modality, estimates[modality]) for modality in Modality),
            person_id=person_id,
            context=dialogue.context(),
            previous_emotion=before.emotion if before else "",
            dialogue_emotion=next((turn.emotion for turn in dialogue.last(1)), ""),
            **fields,  # type: ignore[arg-type]
        )

    def _opinion(self, item: ModalityEstimate) -> Opinion:
        expert = self._experts.of(item.modality)
        assert expert is not None  # it has just spoken
        assert item.probabilities is not None
        return Opinion(item.probabilities, expert.prior, expert.trust(item.quality) * self._trust[item.modality])

    def _named(self, probabilities: NDArray[np.floating], names: Sequence[str]) -> str:
        best = int(probabilities.argmax())
        return names[best] if probabilities[best] >= self._options.abstain else UNKNOWN

    def _in_dialogue(self, joint: NDArray[np.floating], dialogue: Dialogue, person_id: str) -> NDArray[np.float64]:
        if self._experts.dialogue is not None and dialogue.context():
            history, same = dialogue.history(person_id, self._experts.dialogue_turns)
            try:
                joint = normalised(self._experts.dialogue(joint, history, same))
            except MerError:
                self.counts["dialogue_model_failed"] += 1
            except Exception:  # as above
                self.counts["dialogue_model_failed"] += 1
                _log.exception("the dialogue model failed")
        told = np.asarray(joint, dtype=np.float64)
        return told / told.sum()
