"""The last turns of the dialogue, for the service."""

import numpy as np
import pytest

from mer_ros.emotion import DialogueTurn
from mer_ros.fusion.dialogue import Dialogue, DialogueOptions

SECOND = 1_000_000_000


def turn(number):
    at = number * SECOND
    return DialogueTurn(number, at, at + SECOND // 2, "ann", "joy", 0.7, np.full(7, 1 / 7))


@pytest.mark.parametrize(
    ("count", "numbers"), [(0, [3, 4, 5, 6]), (1, [6]), (2, [5, 6]), (4, [3, 4, 5, 6]), (1000, [3, 4, 5, 6])]
)
def test_the_last_turns_oldest_first(count, numbers):
    dialogue = Dialogue(DialogueOptions(remembered_turns=4, context_turns=2))
    for number in range(1, 7):
        dialogue.begin_turn(number * SECOND)
        dialogue.add(turn(number))
    assert [t.turn for t in dialogue.last(count)] == numbers
    dialogue.reset()
    assert dialogue.last(count) == ()
