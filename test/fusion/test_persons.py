"""Who said it: persons in turns, in what the models are told, and forgotten again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mer_ros.emotion import EMOTIONS, UNKNOWN, Modality, ModalityEstimate
from mer_ros.fusion.experts import Expert, Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.fusion.options import FusionOptions
from mer_ros.utterance import SpeechState, Transcript, Utterance, VisualWindow

SECOND = 1_000_000_000
UNIFORM = np.full(7, 1 / 7)
OPTIONS = FusionOptions(deadline_ms=1000, target_prior=tuple(UNIFORM))


class Told:
    """Experts that note what they are asked; the face says what the test says."""

    def __init__(self) -> None:
        self.feels = "joy"
        self.voices: list[str] = []
        self.words: list[tuple[str, list[str]]] = []
        self.forgotten: list[str] = []

    def experts(self) -> Experts:
        def face(_window):
            return self._feeling(Modality.FACE)

        def audio(_utterance, person_id, remember=True):
            self.voices.append(person_id)
            return ModalityEstimate(Modality.AUDIO, reason="told nothing")

        def text(_words, context, person_id=""):
            self.words.append((person_id, [turn.person_id for turn in context]))
            return ModalityEstimate(Modality.TEXT, reason="told nothing")

        return Experts(
            face=Expert(face, UNIFORM, 0.9),
            audio=Expert(audio, UNIFORM, 0.9, forget=self.forgotten.append),
            text=Expert(text, UNIFORM, 0.9),
        )

    def _feeling(self, modality: Modality) -> ModalityEstimate:
        values = np.full(7, 0.05)
        values[EMOTIONS.index(self.feels)] = 0.7
        return ModalityEstimate(modality, values, quality=1.0)


def say(fuser: EmotionFuser, number: int, person: str = "", track: int = 3, at_s: float | None = None):
    start = int((number * 5 if at_s is None else at_s) * SECOND)
    end, now = start + SECOND, start + 2 * SECOND
    fuser.utterance(Utterance(number, SpeechState.ENDED, start, end, np.zeros(16_000, np.int16)), now)
    fuser.window(VisualWindow(number, True, start, end, track, (), 1, 30, 640, 480, person_id=person), now)
    (emotion,) = fuser.transcript(Transcript(number, start, end, "hello", True), now)
    return emotion


def test_turns_and_models_are_told_the_person() -> None:
    told = Told()
    fuser = EmotionFuser(told.experts(), OPTIONS)
    said = [say(fuser, 1, "person-1"), say(fuser, 2, "person-2", 4), say(fuser, 3, "person-1", 9), say(fuser, 4, "", 5)]
    assert [e.person_id for e in said] == ["person-1", "person-2", "person-1", "face-5"]
    assert [turn.person_id for turn in fuser.turns()[1]] == ["person-1", "person-2", "person-1", "face-5"]
    assert told.voices == ["person-1", "person-2", "person-1", "face-5"]
    assert told.words[2] == ("person-1", ["person-1", "person-2"])


def test_a_speaker_out_of_view_is_nobody_in_view() -> None:
    told = Told()
    emotion = say(EmotionFuser(told.experts(), OPTIONS), 1, "", track=0)
    assert (emotion.person_id, emotion.face_id) == ("", 0)
    assert told.voices == [""]


def test_a_persons_shift_is_told_apart_from_the_dialogues() -> None:
    told = Told()
    fuser = EmotionFuser(told.experts(), OPTIONS)
    found = []
    for number, (person, feels) in enumerate([("a", "joy"), ("b", "anger"), ("a", "joy"), ("b", "joy")], 1):
        told.feels = feels
        emotion = say(fuser, number, person)
        found.append((emotion.shifted, emotion.previous_emotion, emotion.dialogue_shifted, emotion.dialogue_emotion))
    assert found == [
        (False, "", False, ""),
        (False, "", True, "joy"),  # another person feels something else
        (False, "joy", True, "anger"),
        (True, "anger", False, "joy"),  # the same person does, in the mood of the dialogue
    ]
    assert not replace(emotion, dialogue_emotion=UNKNOWN).dialogue_shifted


def test_who_is_forgotten_leaves_the_dialogue_and_the_models() -> None:
    told = Told()
    fuser = EmotionFuser(told.experts(), OPTIONS)
    for number, person in enumerate(["person-1", "person-2", "person-1"], 1):
        say(fuser, number, person)
    before = fuser.turns()[0]
    assert fuser.forget_person("person-1") == 2
    assert told.forgotten == ["person-1", "face-3"]  # as which they may have been known
    assert fuser.turns() == (before, fuser.turns()[1])
    assert [turn.turn for turn in fuser.turns()[1]] == [2]
    emotion = say(fuser, 4, "person-1")
    assert (emotion.previous_emotion, emotion.turn, emotion.dialogue_id) == ("", 4, before)
    assert fuser.forget_person("nobody") == 0
    assert fuser.forget_person() == 2
    assert told.forgotten[-1] == ""
    assert fuser.turns() == ("", ())
    assert fuser.counts["forget_requests"] == 3


def test_after_the_last_turn_was_forgotten_a_silence_still_ends_the_dialogue() -> None:
    fuser = EmotionFuser(Told().experts(), OPTIONS)
    first = say(fuser, 1, "person-1")
    fuser.forget_person("person-1")
    assert say(fuser, 2, "person-1", at_s=500).dialogue_id != first.dialogue_id


def test_what_somebody_said_before_they_were_known_is_forgotten_with_them() -> None:
    told = Told()
    fuser = EmotionFuser(told.experts(), OPTIONS)
    for number, (person, track) in enumerate((("", 5), ("person-1", 6), ("person-2", 7)), 1):
        say(fuser, number, person, track)
    assert [turn.person_id for turn in fuser.turns()[1]] == ["face-5", "person-1", "person-2"]
    assert fuser.forget_person("person-3") == 0
    seen = VisualWindow(0, False, 16 * SECOND, 17 * SECOND, 5, (), 1, 30, 640, 480, person_id="person-1")
    fuser.window(seen, 17 * SECOND)
    assert fuser.forget_person("person-1") == 2
    assert [turn.person_id for turn in fuser.turns()[1]] == ["person-2"]
    assert fuser.forget_person("person-1") == 0


def test_what_still_waits_when_its_person_is_forgotten_has_no_person() -> None:
    fuser = EmotionFuser(Told().experts(), OPTIONS)
    speech = Utterance(1, SpeechState.ENDED, SECOND, 2 * SECOND, np.zeros(16_000, np.int16))
    fuser.utterance(speech, 3 * SECOND)
    seen = VisualWindow(1, True, SECOND, 2 * SECOND, 3, (), 1, 30, 640, 480, person_id="person-1")
    fuser.window(seen, 3 * SECOND)
    fuser.window(replace(seen, utterance_id=2, start_ns=6 * SECOND, end_ns=7 * SECOND), 3 * SECOND)  # before its time
    fuser.forget_person("person-1")
    (emotion,) = fuser.transcript(Transcript(1, SECOND, 2 * SECOND, "hello", True), 3 * SECOND)
    assert emotion.person_id == "face-3"
    late = Utterance(2, SpeechState.ENDED, 6 * SECOND, 7 * SECOND, np.zeros(16_000, np.int16))
    fuser.utterance(late, 3 * SECOND)
    (emotion,) = fuser.flush(4 * SECOND)
    assert emotion.person_id == "face-3"


def test_dialogue_ids_are_those_of_their_first_words() -> None:
    """Unique over restarts, for time goes on; and the same in every replay."""
    begun = [say(EmotionFuser(Told().experts(), OPTIONS), 1, at_s=at).dialogue_id for at in (5, 5, 1_700_000_000)]
    assert begun[0] == begun[1] != begun[2]


@pytest.mark.parametrize(
    ("identity", "start_s", "end_s", "counted"),
    [
        (9, 100, 101, "part_without_utterance"),  # of an utterance that never was
        (0, 100, 101, "part_without_utterance"),
        (1, 5, 6, "late_part"),  # its utterance has been published without it
        (0, 5, 6, "late_part"),
    ],
)
def test_words_that_belong_nowhere_are_counted_and_change_nothing(identity, start_s, end_s, counted) -> None:
    fuser = EmotionFuser(Told().experts(), OPTIONS)
    fuser.utterance(Utterance(1, SpeechState.ENDED, 5 * SECOND, 6 * SECOND, np.zeros(16_000, np.int16)), 6 * SECOND)
    seen = VisualWindow(1, True, 5 * SECOND, 6 * SECOND, 3, (), 1, 30, 640, 480, person_id="person-1")
    fuser.window(seen, 6 * SECOND)
    (emotion,) = fuser.poll(8 * SECOND)  # the deadline is over
    words = Transcript(identity, start_s * SECOND, end_s * SECOND, "late", True)
    assert fuser.transcript(words, 9 * SECOND) == []
    assert fuser.poll(20 * SECOND) == []
    assert fuser.counts[counted] == 1
    assert emotion.transcript == ""
    assert [turn.text for turn in fuser.turns()[1]] == [""]
