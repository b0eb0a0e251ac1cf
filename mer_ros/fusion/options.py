"""What can be set about the fusion."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from mer_ros.emotion import EMOTIONS, Modality
from mer_ros.errors import OptionError
from mer_ros.fusion.dialogue import DialogueOptions

AS_FITTED = -1.0
_MOST = 10.0

# Frequencies in the training part of MELD (arXiv 1810.02508), the corpus of spoken dialogue at hand.
CONVERSATION_PRIOR = (0.111, 0.0271, 0.0268, 0.1745, 0.4715, 0.0684, 0.1206)


@dataclass(frozen=True)
class FusionOptions:
    """Options of the fusion.

    deadline_ms: an utterance is published without what has not come so long after its end came.
    independence: 0..1, how much several modalities that agree add to each other's certainty; -1: as it was fitted
    with the models.
    trust: 0 or more for each of face, audio and text: a factor on the trust that was fitted; 0 silences a modality.
    target_prior: seven frequencies of the emotions where the robot is used.
    abstain: 0..1, an emotion less probable than this is given as unknown; 0: never.
    early: let the early-fusion network decide when face, audio and text are all there.
    live_period_ms: how often interim estimates are given. live_horizon_ms: how old what was last seen or heard may be
    in one. live_smoothing_ms: what is seen of a face is averaged over time with this time constant. live_hold_ms:
    another label takes over when it has been the most probable one for so long; a quarter of that is enough when it was
    more probable by live_lead than the one that holds. live_people: persons in view at most; who was seen longest ago
    gives way. Expressions last 0.5 to 4 s (Ekman 2003, "Emotions revealed"); these values keep the label of a face that
    shows one and another in turn for up to 1 s each, and tell a change that stays within 2 s.
    """

    deadline_ms: float = 3000.0
    independence: float = AS_FITTED
    trust: tuple[float, float, float] = (1.0, 1.0, 1.0)
    target_prior: tuple[float, ...] = CONVERSATION_PRIOR
    abstain: float = 0.0
    early: bool = False
    live_period_ms: float = 500.0
    live_horizon_ms: float = 1500.0
    live_smoothing_ms: float = 700.0
    live_lead: float = 0.2
    live_hold_ms: float = 1500.0
    live_people: int = 32
    dialogue: DialogueOptions = field(default_factory=DialogueOptions)

    def __post_init__(self) -> None:
        if not self.deadline_ms > 0:
            raise OptionError(f"deadline_ms is {self.deadline_ms}; it must be above 0 milliseconds")
        if not (0 <= self.independence <= 1 or self.independence == AS_FITTED):
            raise OptionError(f"independence is {self.independence}; it must lie in 0..1, or be -1: as fitted")
        if not 0 <= self.abstain <= 1:
            raise OptionError(f"abstain is {self.abstain}; it must lie in 0..1, where 0 is never")
        if len(self.trust) != len(Modality) or not all(math.isfinite(t) and 0 <= t <= _MOST for t in self.trust):
            raise OptionError(
                f"trust is {list(self.trust)}; it must be three factors in 0..{_MOST:g}: of face, audio and text"
            )
        for name in ("live_period_ms", "live_horizon_ms", "live_smoothing_ms"):
            if not getattr(self, name) > 0:
                raise OptionError(f"{name} is {getattr(self, name)}; it must be above 0 milliseconds")
        if not 0 <= self.live_lead <= 1:
            raise OptionError(f"live_lead is {self.live_lead}; it must lie in 0..1")
        if not self.live_hold_ms >= 0:
            raise OptionError(f"live_hold_ms is {self.live_hold_ms}; it must be 0 milliseconds or more")
        if not self.live_people >= 1:
            raise OptionError(f"live_people is {self.live_people}; it must be 1 or more")
        prior = np.asarray(self.target_prior, dtype=float)
        if prior.shape != (len(EMOTIONS),) or not np.all(np.isfinite(prior)) or np.any(prior <= 0):
            raise OptionError(
                f"target_prior is {list(self.target_prior)}; it must be seven numbers above 0, in the order "
                f"{', '.join(EMOTIONS)}"
            )
