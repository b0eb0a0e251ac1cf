"""Interim estimates of the fusion: how often, and of what."""

import numpy as np
from told_experts import OPTIONS, SECOND, UNIFORM, expert, experts, feed, feeling, now, utterance, window, words

from mer_ros.emotion import Modality, ModalityEstimate
from mer_ros.fusion.experts import Expert, Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.utterance import SpeechState, Utterance


def test_interim_estimates_come_at_a_bounded_rate_and_use_what_is_fresh():
    fuser = EmotionFuser(experts(), OPTIONS)
    assert fuser.live(now(0)) == []
    fuser.window(window(0, is_final=False), now(0))
    (live,) = fuser.live(now(0))
    assert (live.is_final, live.utterance_id, live.face_id) == (False, 0, 3)
    assert fuser.live(now(0) + 100_000_000) == []
    assert fuser.live(now(0, 60)) == []  # too old


def test_interim_speech_grows_and_ends():
    lengths = []

    def listen(part, person_id, *, remember=True):
        lengths.append(len(part.samples))
        return ModalityEstimate(Modality.AUDIO, feeling("joy"), quality=1.0)

    fuser = EmotionFuser(Experts(audio=Expert(listen, UNIFORM, 0.8)), OPTIONS)
    fuser.utterance(utterance(1, SpeechState.STARTED, 8000), now(1))
    assert [e.utterance_id for e in fuser.live(now(1, 1.0))] == [1]
    fuser.utterance(utterance(1, SpeechState.ONGOING, 3200, first=8000), now(1))
    assert [e.utterance_id for e in fuser.live(now(1, 2.0))] == [1]
    fuser.utterance(utterance(1), now(1))
    assert fuser.live(now(1, 2.6)) == []
    assert lengths == [8000, 11200, 16000]


def test_interim_estimates_forget_an_utterance_that_never_ended():
    fuser = EmotionFuser(experts(), OPTIONS)
    fuser.utterance(utterance(1, SpeechState.STARTED, 8000), now(1))
    fuser.transcript(words(1, is_final=False), now(1))
    (live,) = fuser.live(now(1, 1.2))
    assert (live.utterance_id, live.transcript) == (1, "hello there")
    assert fuser.live(now(1, 30)) == []
    fuser.window(window(9, is_final=False), now(9))
    (live,) = fuser.live(now(9, 1.0))
    assert (live.utterance_id, live.transcript) == (0, "")
    assert live.start_ns == 90 * SECOND


def test_partial_words_of_another_utterance_are_not_told():
    fuser = EmotionFuser(experts(), OPTIONS)
    fuser.utterance(utterance(2, SpeechState.STARTED, 8000), now(2))
    fuser.transcript(words(1, is_final=False), now(2))
    assert [e.transcript for e in fuser.live(now(2, 1.0))] == [""]
    feed(fuser, 2)
    fuser.transcript(words(2, is_final=False), now(2))  # after the end
    fuser.window(window(2, is_final=False), now(2))
    assert [e.transcript for e in fuser.live(now(2, 2.0))] == [""]


def test_interim_estimates_of_a_new_dialogue_know_nothing_of_the_old_one():
    fuser = EmotionFuser(Experts(audio=expert(Modality.AUDIO)), OPTIONS)
    (first,) = fuser.utterance(utterance(1), now(1))
    fuser.utterance(utterance(50, SpeechState.STARTED, 8000), now(50))
    (live,) = fuser.live(now(50, 1.0))
    assert (first.turn, live.turn, live.dialogue_id, live.context) == (1, 1, "", ())


def test_a_monologue_keeps_its_last_eight_seconds():
    lengths = []

    def listen(part, person_id, *, remember=True):
        lengths.append(len(part.samples))
        return ModalityEstimate(Modality.AUDIO, feeling("joy"), quality=1.0)

    fuser = EmotionFuser(Experts(audio=Expert(listen, UNIFORM, 0.8)), OPTIONS)
    for k in range(20):
        state = SpeechState.ONGOING if k else SpeechState.STARTED
        piece = Utterance(1, state, 0, (k + 1) * SECOND, np.zeros(16_000, np.int16), k * 16_000)
        fuser.utterance(piece, (k + 1) * SECOND)
        assert [e.utterance_id for e in fuser.live((k + 1) * SECOND)] == [1]
    assert lengths == [min(k + 1, 8) * 16_000 for k in range(20)]
    quiet = Utterance(1, SpeechState.ONGOING, 0, 22 * SECOND, np.zeros(0, np.int16), 20 * 16_000)
    fuser.utterance(quiet, 22 * SECOND)
    assert [e.utterance_id for e in fuser.live(22 * SECOND)] == [1]
