import numpy as np
import pytest

from mer_ros.emotion import DialogueTurn
from mer_ros.errors import OptionError
from mer_ros.fusion.dialogue import Dialogue, DialogueOptions

SECOND = 1_000_000_000


def turn(number: int, person: str = "a", emotion: str = "joy", at_s: float | None = None) -> DialogueTurn:
    start = int((number * 2 if at_s is None else at_s) * SECOND)
    return DialogueTurn(number, start, start + SECOND, person, emotion, 0.5, np.eye(7)[number % 7])


def filled(turns: int, **options) -> Dialogue:
    dialogue = Dialogue(DialogueOptions(**options))
    for number in range(1, turns + 1):
        dialogue.begin_turn(turn(number).start_ns)
        dialogue.add(turn(number, "ab"[number % 2]))
    return dialogue


def test_context_is_bounded_and_in_order():
    dialogue = filled(100, context_turns=4, remembered_turns=10)
    assert [t.turn for t in dialogue.context()] == [97, 98, 99, 100]
    assert dialogue.count == 100
    assert filled(3, context_turns=0).context() == ()


def test_history_ends_with_the_newest_turn_and_marks_the_speaker():
    history, same = filled(2).history("a", 4)
    assert history.shape == (4, 7)
    assert history.dtype == np.float32
    assert not history[:2].any()
    assert history[3].argmax() == 2
    assert same.tolist() == [0, 0, 0, 1]


def test_a_silence_begins_a_new_dialogue():
    dialogue = filled(3, silence_s=5)
    first = dialogue.id
    dialogue.begin_turn(turn(3).end_ns + 5 * SECOND)
    assert dialogue.id == first
    dialogue.begin_turn(turn(3).end_ns + 5 * SECOND + 1)
    assert dialogue.id not in ("", first)
    assert dialogue.context() == ()
    assert dialogue.count == 0


def test_reset_tells_what_ended():
    dialogue = filled(3)
    identity = dialogue.id
    assert dialogue.reset() == (identity, 3)
    assert dialogue.reset() == ("", 0)


def test_last_turn_of_a_person():
    dialogue = filled(4)
    assert dialogue.last_turn_of("a").turn == 4
    assert dialogue.last_turn_of("b").turn == 3
    assert dialogue.last_turn_of("c") is None


@pytest.mark.parametrize(
    "bad", [{"silence_s": 0}, {"silence_s": float("nan")}, {"context_turns": -1}, {"context_turns": 65}]
)
def test_bad_options_are_refused(bad):
    with pytest.raises(OptionError):
        DialogueOptions(**bad)
