"""What is judged while somebody speaks, so that the end of an utterance finds the answers there."""

from __future__ import annotations

import numpy as np
import pytest

from mer_ros.emotion import EMOTIONS, Modality, ModalityEstimate
from mer_ros.fusion.experts import Expert, Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.utterance import PAUSE, Box, FaceSample, SpeechState, Utterance, VisualWindow

MS = 1_000_000
UNIFORM = np.full(len(EMOTIONS), 1 / len(EMOTIONS))
CROP, CONTEXT = np.zeros((96, 96, 3), np.uint8), np.zeros((112, 150, 3), np.uint8)


class Asked:
    """Experts that note what they are asked."""

    def __init__(self) -> None:
        self.parts: list[tuple[Modality, object, tuple, dict]] = []

    def fuser(self) -> EmotionFuser:
        def expert(modality: Modality) -> Expert:
            def estimate(part, *more, **how):
                self.parts.append((modality, part, more, how))
                return ModalityEstimate(modality, UNIFORM, quality=0.8, model="noted")

            return Expert(estimate, UNIFORM, 0.8)

        return EmotionFuser(Experts(**{m.value: expert(m) for m in Modality}))

    def of(self, modality: Modality) -> list[tuple]:
        return [(part, more, how) for asked, part, more, how in self.parts if asked is modality]


def window(number: int, track: int = 1, at_ms: int = 1000, speaking: float = float("nan")) -> VisualWindow:
    sample = FaceSample(at_ms * MS - 1, Box(0, 0, 80, 80), 0.9, True, CROP, CONTEXT)
    start_ns, end_ns = (at_ms - 500) * MS, at_ms * MS
    return VisualWindow(number, False, start_ns, end_ns, track, (sample,), 1, 5, 640, 480, speaking)


def piece(first: int, samples: int, state=SpeechState.ONGOING, ended_by: str = "") -> Utterance:
    values = np.arange(samples, dtype=np.int16) + first
    end_ns = (first + samples) * 62_500
    return Utterance(1, state, 0, end_ns, values.astype(np.int16), first, ended_by=ended_by)


def test_a_face_is_judged_as_it_comes_while_somebody_speaks():
    asked = Asked()
    fuser = asked.fuser()
    before, during = window(0, at_ms=500), window(1)
    fuser.window(before, 0)
    assert asked.of(Modality.FACE) == []
    fuser.window(during, 0)
    assert [part for part, _, _ in asked.of(Modality.FACE)] == [before, during]  # what began before it is its too
    fuser.live(at_ms := 1000 * MS)
    assert len(asked.of(Modality.FACE)) == 2, at_ms


def test_nothing_is_judged_in_advance_unless_that_is_wanted():
    asked = Asked()
    fuser = asked.fuser()
    fuser.look_ahead(False)
    fuser.utterance(piece(0, 8000, SpeechState.STARTED, ended_by=PAUSE), 0)
    fuser.window(window(1), 0)
    fuser.prepare()
    assert asked.parts == []
    fuser.look_ahead(True)
    fuser.window(window(1, at_ms=1500), 0)
    assert len(asked.of(Modality.FACE)) == 2


@pytest.mark.parametrize(("speaking", "judged"), [(float("nan"), 1), (0.6, 1), (0.02, 0)])
def test_who_hardly_speaks_is_not_judged_in_advance(speaking, judged):
    asked = Asked()
    fuser = asked.fuser()
    fuser.window(window(1, speaking=speaking), 0)
    assert len(asked.of(Modality.FACE)) == judged


def test_at_a_pause_the_voice_is_judged_as_the_end_will_have_it():
    asked = Asked()
    fuser = asked.fuser()
    fuser.utterance(piece(0, 8000, SpeechState.STARTED), 0)
    fuser.window(window(1), 0)
    fuser.utterance(piece(8000, 4000, ended_by=PAUSE), 0)
    fuser.prepare()
    ((early, people, how),) = asked.of(Modality.AUDIO)
    whole = piece(0, 12000, SpeechState.ENDED)
    assert np.array_equal(early.samples, whole.samples)
    assert early.state is SpeechState.ENDED
    assert people == ("face-1",)
    assert how == {"remember": False}


def test_nothing_is_prepared_while_nobody_speaks():
    asked = Asked()
    fuser = asked.fuser()
    fuser.prepare()
    fuser.utterance(piece(0, 8000, SpeechState.STARTED), 0)
    fuser.utterance(piece(0, 8000, SpeechState.ENDED), 0)
    asked.parts.clear()
    fuser.prepare()
    assert asked.parts == []
