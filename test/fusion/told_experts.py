"""Experts that answer as they are told, and the parts of utterances, for tests of the fusion."""

import numpy as np

from mer_ros.emotion import EMOTIONS, Modality, ModalityEstimate
from mer_ros.errors import ModelError
from mer_ros.fusion.experts import Expert, Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.fusion.options import FusionOptions
from mer_ros.utterance import SpeechState, Transcript, Utterance, VisualWindow

SECOND = 1_000_000_000
UNIFORM = np.full(7, 1 / 7)
OPTIONS = FusionOptions(deadline_ms=1000, target_prior=tuple(UNIFORM))


def feeling(emotion: str, height: float = 0.7) -> np.ndarray:
    values = np.full(7, (1 - height) / 6)
    values[EMOTIONS.index(emotion)] = height
    return values


def expert(modality: Modality, emotion: str = "joy", quality: float = 1.0) -> Expert:
    def estimate(*_part, **_how):
        return ModalityEstimate(modality, feeling(emotion), quality=quality, model="told", latency_ms=1.0)

    return Expert(estimate, UNIFORM, 0.8)


def failing(*_part, **_how):
    raise ModelError("the model broke")


def experts(**changes) -> Experts:
    return Experts(**{m.value: expert(m) for m in Modality} | changes)


def utterance(number: int, state: SpeechState = SpeechState.ENDED, samples: int = 16_000, first: int = 0) -> Utterance:
    start = number * 10 * SECOND
    return Utterance(number, state, start, start + SECOND, np.zeros(samples, np.int16), first)


def window(number: int, is_final: bool = True, track: int = 3) -> VisualWindow:
    start = number * 10 * SECOND
    return VisualWindow(number, is_final, start, start + SECOND, track, (), 1, 30, 640, 480)


def words(number: int, is_final: bool = True, identity: int | None = None) -> Transcript:
    start = number * 10 * SECOND
    return Transcript(number if identity is None else identity, start, start + SECOND, "hello there", is_final)


def now(number: int, after_s: float = 1.5) -> int:
    return int((number * 10 + after_s) * SECOND)


def feed(fuser: EmotionFuser, number: int, order="uwt", after_s: float = 1.5) -> list:
    parts = {
        "u": lambda: fuser.utterance(utterance(number), now(number, after_s)),
        "w": lambda: fuser.window(window(number), now(number, after_s)),
        "t": lambda: fuser.transcript(words(number), now(number, after_s)),
    }
    return [emotion for part in order for emotion in parts[part]()]
