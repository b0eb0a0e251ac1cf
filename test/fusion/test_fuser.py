"""The fusion with experts that answer as they are told; time and parts are what is tested."""

from itertools import permutations

import pytest
from told_experts import (
    OPTIONS,
    SECOND,
    UNIFORM,
    expert,
    experts,
    feed,
    feeling,
    now,
    utterance,
    window,
    words,
)

from mer_ros.emotion import Modality, ModalityEstimate
from mer_ros.errors import OptionError
from mer_ros.fusion.experts import Expert, Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.fusion.options import FusionOptions
from mer_ros.utterance import SpeechState, Transcript, Utterance


@pytest.mark.parametrize("order", ["".join(p) for p in permutations("uwt")])
def test_parts_in_any_order_give_one_emotion(order):
    emotions = feed(EmotionFuser(experts(), OPTIONS), 1, order)
    assert [e.emotion for e in emotions] == ["joy"]
    emotion = emotions[0]
    assert emotion.is_final
    assert emotion.transcript == "hello there"
    assert emotion.face_id == 3
    assert [m.modality for m in emotion.modalities] == list(Modality)
    assert sum(m.weight for m in emotion.modalities) == pytest.approx(1.0)
    assert {"face", "audio", "text", "speech_to_text", "fusion", "waiting", "since_end"} <= set(emotion.latency_ms)
    assert emotion.latency_ms["since_end"] == pytest.approx(500)


@pytest.mark.parametrize("given_parts", ["u", "uw", "ut", "wu", "tu"])
def test_any_subset_is_published_at_the_deadline_and_only_once(given_parts):
    fuser = EmotionFuser(experts(), OPTIONS)
    assert feed(fuser, 1, given_parts) == []
    assert fuser.poll(now(1, 2.4)) == []
    (emotion,) = fuser.poll(now(1, 2.5))
    available = {m.modality.value for m in emotion.modalities if m.available}
    assert available == {{"u": "audio", "w": "face", "t": "text"}[p] for p in given_parts}
    assert all(m.reason for m in emotion.modalities if not m.available)
    assert fuser.poll(now(1, 60)) == []
    missing = set("uwt") - set(given_parts)
    assert sum(fuser.counts[f"missed_{m.value}"] for m in Modality) == len(missing)


def test_parts_that_come_too_late_are_counted_and_publish_nothing():
    fuser = EmotionFuser(experts(), OPTIONS)
    feed(fuser, 1, "uw")
    assert len(fuser.poll(now(1, 9))) == 1
    assert fuser.transcript(words(1), now(1, 10)) == []
    assert fuser.counts["late_part"] == 1


def test_a_sense_that_is_not_there_is_not_waited_for():
    fuser = EmotionFuser(experts(), OPTIONS)
    fuser.expect([Modality.AUDIO])
    (emotion,) = fuser.utterance(utterance(1), now(1))
    assert [m.reason for m in emotion.modalities] == ["no publisher", "", "no publisher"]


def test_emotions_come_in_the_order_spoken():
    fuser = EmotionFuser(experts(), OPTIONS)
    assert feed(fuser, 1, "uw") == []
    assert feed(fuser, 2, "uwt", after_s=-8.0) == []  # complete, but the first is not
    emotions = fuser.transcript(words(1), now(1, 2.0))
    assert [e.utterance_id for e in emotions] == [1, 2]
    assert [e.turn for e in emotions] == [1, 2]
    assert emotions[1].context[0].turn == 1


def test_with_nothing_usable_nothing_is_published_but_counted():
    silent = Expert(lambda *_: ModalityEstimate(Modality.AUDIO, reason="silent"), UNIFORM, 0.8)
    fuser = EmotionFuser(Experts(audio=silent), OPTIONS)
    assert fuser.utterance(utterance(1), now(1)) == []
    assert fuser.counts["nothing_to_fuse"] == 1


def test_a_restarted_microphone_may_use_its_ids_again():
    fuser = EmotionFuser(Experts(audio=expert(Modality.AUDIO)), OPTIONS)
    first = utterance(1)
    again = Utterance(1, SpeechState.ENDED, 50 * SECOND, 51 * SECOND, first.samples)
    assert len(fuser.utterance(first, now(1))) == 1
    assert len(fuser.utterance(again, 52 * SECOND)) == 1
    assert fuser.utterance(again, 52 * SECOND) == []


def test_a_voice_is_judged_once_and_as_that_of_who_is_seen():
    asked, forgotten = [], []

    def listen(part, person_id, *, remember=True):
        asked.append((part.id, person_id, remember))
        return ModalityEstimate(Modality.AUDIO, feeling("joy"), quality=1.0)

    heard = Expert(listen, UNIFORM, 0.8, forget=lambda _who: forgotten.append(True))
    fuser = EmotionFuser(experts(audio=heard), OPTIONS)
    feed(fuser, 1, "uwt")
    feed(fuser, 2, "wut")
    fuser.utterance(utterance(3), now(3))
    fuser.poll(now(3, 9))  # nobody was seen
    assert asked == [(1, "face-3", True), (2, "face-3", True), (3, "", True)]
    fuser.window(window(4, is_final=False), now(4))
    fuser.utterance(utterance(4, SpeechState.STARTED, 8000), now(4))
    fuser.live(now(4, 1.0))
    assert asked[3:] == [(4, "face-3", False)]
    assert not forgotten
    fuser.utterance(utterance(1), now(1))  # a replay that begins again
    assert forgotten


def test_words_without_an_id_go_to_the_utterance_they_overlap_with():
    fuser = EmotionFuser(experts(), OPTIONS)
    feed(fuser, 1, "uw")
    (emotion,) = fuser.transcript(words(1, identity=0), now(1))
    assert emotion.transcript == "hello there"
    assert fuser.transcript(words(7, identity=0), now(7)) == []
    assert fuser.poll(now(7, 60)) == []
    assert fuser.counts["part_without_utterance"] == 1


def test_shift_is_told_for_the_same_speaker():
    emotions = iter(["joy", "sadness", "sadness"])
    changing = Expert(lambda *_: ModalityEstimate(Modality.AUDIO, feeling(next(emotions)), quality=1.0), UNIFORM, 0.8)
    fuser = EmotionFuser(Experts(audio=changing), OPTIONS)
    first, second, third = (fuser.utterance(utterance(n), now(n))[0] for n in (1, 2, 3))
    assert (first.shifted, first.previous_emotion) == (False, "")
    assert (second.shifted, second.previous_emotion) == (True, "joy")
    assert (third.shifted, third.previous_emotion) == (False, "sadness")


def test_waiting_utterances_are_bounded():
    fuser = EmotionFuser(experts(), OPTIONS)
    given_back = [e for n in range(1, 101) for e in fuser.utterance(utterance(n), now(100))]
    assert len(given_back) >= 100 - 16
    assert [e.utterance_id for e in given_back] == sorted(e.utterance_id for e in given_back)


@pytest.mark.parametrize(
    "bad",
    [
        {"deadline_ms": 0},
        {"independence": 1.5},
        {"independence": -0.5},
        {"abstain": 1.1},
        {"abstain": float("nan")},
        {"trust": (1.0, 1.0)},
        {"trust": (1.0, -1.0, 1.0)},
        {"target_prior": (1.0,) * 6},
        {"target_prior": (0.0,) * 7},
        {"live_period_ms": -1},
        {"live_smoothing_ms": 0},
        {"live_lead": 1.1},
        {"live_lead": float("nan")},
        {"live_hold_ms": -1},
        {"live_people": 0},
    ],
)
def test_bad_options_are_refused(bad):
    with pytest.raises(OptionError):
        FusionOptions(**bad)


@pytest.mark.parametrize("given_parts", ["w", "t", "wt", "wwtt"])
def test_parts_of_an_utterance_that_never_ended_make_none(given_parts):
    fuser = EmotionFuser(experts(), OPTIONS)
    feed(fuser, 1, given_parts)
    assert fuser.poll(now(1, 60)) == []
    assert fuser.counts["part_without_utterance"] == len(given_parts)


@pytest.mark.parametrize("shift_ns", [1_000, -1_000, -10 * SECOND])
@pytest.mark.parametrize("order", ["before", "after"])
def test_words_from_outside_find_their_utterance_by_id_also_with_times_that_are_off_or_not_filled(shift_ns, order):
    fuser = EmotionFuser(experts(), OPTIONS)
    start = 10 * SECOND + shift_ns
    said = Transcript(1, start, start + SECOND if start else 0, "so happy", True)
    emotions = fuser.transcript(said, now(1)) if order == "before" else []
    emotions += feed(fuser, 1, "uw")
    emotions += fuser.transcript(said, now(1)) if order == "after" else []
    assert [(e.utterance_id, e.transcript) for e in emotions] == [(1, "so happy")]
    assert fuser.poll(now(1, 60)) == []


def test_a_second_final_transcript_changes_nothing():
    fuser = EmotionFuser(experts(), OPTIONS)
    feed(fuser, 1, "ut")
    fuser.transcript(Transcript(1, 10 * SECOND, 11 * SECOND, "something else", True), now(1))
    (emotion,) = fuser.window(window(1), now(1))
    assert emotion.transcript == "hello there"
    assert fuser.counts["repeated_text"] == 1


def test_a_recording_that_begins_again_is_heard_again_in_a_dialogue_of_its_own():
    fuser = EmotionFuser(Experts(audio=expert(Modality.AUDIO)), OPTIONS)
    first = [e for n in (1, 2, 3) for e in fuser.utterance(utterance(n), now(n))]
    again = [e for n in (1, 2, 3) for e in fuser.utterance(utterance(n), now(n))]
    assert [e.turn for e in first + again] == [1, 2, 3, 1, 2, 3]
    assert again[0].context == ()
    assert fuser.counts["time_went_back"] == 1


def test_a_sense_that_stays_away_is_not_waited_for_until_it_speaks_again():
    fuser = EmotionFuser(experts(text=None), OPTIONS)
    for number in (1, 2, 3):
        assert fuser.utterance(utterance(number), now(number)) == []
        assert len(fuser.poll(now(number, 3.0))) == 1
    assert len(fuser.utterance(utterance(4), now(4))) == 1
    assert fuser.missed_lately(Modality.FACE) == 1.0
    assert len(feed(fuser, 5, "wu")) == 1
    assert fuser.utterance(utterance(6), now(6)) == []  # waited for again
    assert len(fuser.window(window(6), now(6))) == 1
