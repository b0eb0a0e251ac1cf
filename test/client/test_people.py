"""Who is there, what changed, who left: tables of estimates."""

import numpy as np
import pytest

from mer_ros.client.people import SOMEBODY, Happening, People, PeopleOptions
from mer_ros.emotion import EMOTIONS, UNKNOWN, EmotionEstimate
from mer_ros.errors import OptionError

SECOND = 1_000_000_000


def estimate(emotion, end_s, person="ann", *, final=False, voice=""):
    probabilities = np.full(7, 0.05)
    probabilities[EMOTIONS.index(emotion) if emotion in EMOTIONS else 4] = 0.7
    return EmotionEstimate(
        utterance_id=1,
        start_ns=round((end_s - 0.5) * SECOND),
        end_ns=round(end_s * SECOND),
        is_final=final,
        probabilities=probabilities,
        sentiment_probabilities=np.full(3, 1 / 3),
        emotion=emotion,
        confidence=0.7,
        sentiment="neutral",
        valence=0.0,
        arousal=0.0,
        modalities=(),
        person_id=person,
        voice_id=voice,
    )


def told(people, *steps):
    """Each step: (emotion, time in s, final, person); a step of time alone polls."""
    events = []
    for step in steps:
        if isinstance(step, (int, float)):
            events += people.poll(round(step * SECOND))
        else:
            emotion, at, final, person = step
            events += people.take(estimate(emotion, at, person, final=final), round(at * SECOND))
    return [
        (e.kind.value, e.person, *((e.before.emotion, e.after.emotion) if e.kind is Happening.CHANGE else ()))
        for e in events
    ]


ARRIVED = ("arrival", "ann")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("joy", 1, True, "ann")], [ARRIVED, ("utterance", "ann")]),
        ([("joy", 1, False, "ann")], [ARRIVED]),
        ([("joy", 1, False, "")], [("arrival", SOMEBODY)]),
        # a final estimate changes at once, an interim one only when it stays
        (
            [("joy", 1, True, "ann"), ("anger", 2, True, "ann")],
            [ARRIVED, ("utterance", "ann"), ("utterance", "ann"), ("change", "ann", "joy", "anger")],
        ),
        ([("joy", 1, False, "ann"), ("anger", 2, False, "ann"), ("anger", 2.5, False, "ann")], [ARRIVED]),
        (
            [("joy", 1, False, "ann"), ("anger", 2, False, "ann"), ("anger", 2.6, False, "ann")],
            [ARRIVED, ("change", "ann", "joy", "anger")],
        ),
        # flicker never changes
        (
            [("joy", 1, False, "ann")] + [(e, 2 + n / 4, False, "ann") for n, e in enumerate(("anger", "fear") * 8)],
            [ARRIVED],
        ),
        # a rival that is interrupted by what holds begins anew
        (
            [("joy", 1, False, "ann"), *((e, 2 + n / 2, False, "ann") for n, e in enumerate(("anger", "joy") * 4))],
            [ARRIVED],
        ),
        # unknown is no change, neither to it nor from it
        ([("joy", 1, False, "ann"), (UNKNOWN, 2, False, "ann"), ("joy", 3, False, "ann")], [ARRIVED]),
        ([(UNKNOWN, 1, False, "ann"), ("joy", 2, False, "ann")], [ARRIVED]),
        # one person's emotion is none of another's
        (
            [("joy", 1, False, "ann"), ("anger", 2, False, "bob")],
            [ARRIVED, ("arrival", "bob")],
        ),
        # leaving, coming back: what was felt before is forgotten
        ([("joy", 1, False, "ann"), 10.9], [ARRIVED]),
        ([("joy", 1, False, "ann"), 11.1, 30], [ARRIVED, ("leaving", "ann")]),
        (
            [("joy", 1, False, "ann"), ("anger", 20, False, "ann")],
            [ARRIVED, ("leaving", "ann"), ARRIVED],
        ),
        # a clock that goes back
        ([("joy", 100, False, "ann"), 5, 14.9], [ARRIVED]),
        ([("joy", 100, False, "ann"), 5, 15.1], [ARRIVED, ("leaving", "ann")]),
    ],
)
def test_what_is_told(steps, expected):
    assert told(People(PeopleOptions(forget_after_s=10.0)), *steps) == expected


def test_who_is_there_with_the_last_estimate():
    people = People()
    assert people.current() is None
    assert people.all() == {}
    first, second = estimate("joy", 1, "ann"), estimate("fear", 2, "bob")
    people.take(first, SECOND)
    people.take(second, 2 * SECOND)
    assert people.all() == {"ann": first, "bob": second}
    assert people.current() is second
    assert people.current("ann") is first
    assert people.current("eve") is None
    people.poll(16_500_000_000)
    assert people.current() is second
    people.poll(18 * SECOND)
    assert people.current() is None


def test_feeling_is_what_holds_and_not_what_flickers():
    people = People()
    joyful = estimate("joy", 1, "ann")
    people.take(joyful, SECOND)
    people.take(estimate("anger", 1.2, "ann"), SECOND)
    assert people.current("ann").emotion == "anger"
    assert people.feeling("anger") is None
    assert people.feeling("joy") is joyful
    assert people.feeling("joy", "bob") is None


def test_a_voice_names_who_has_no_face():
    people = People()
    people.take(estimate("joy", 1, "", voice="voice-3"), SECOND)
    assert list(people.all()) == ["voice-3"]


def test_what_was_latched_long_ago_is_nobody():
    people = People(PeopleOptions(forget_after_s=10.0))
    assert people.take(estimate("joy", 1), 100 * SECOND, age_ns=11 * SECOND) == []
    assert people.counts["stale"] == 1
    assert [e.kind for e in people.take(estimate("joy", 1), 100 * SECOND, age_ns=9 * SECOND)] == [Happening.ARRIVAL]
    assert [e.kind for e in people.poll(102 * SECOND)] == [Happening.LEAVING]  # 11 s after it was published


def test_memory_is_bounded():
    people = People(PeopleOptions(max_people=3))
    events = [e for n in range(10) for e in people.take(estimate("joy", 1 + n / 100, f"p{n}"), SECOND + n)]
    assert list(people.all()) == ["p7", "p8", "p9"]
    assert [e.person for e in events if e.kind is Happening.LEAVING] == [f"p{n}" for n in range(7)]
    assert people.counts["crowded_out"] == 7


@pytest.mark.parametrize("wrong", [{"forget_after_s": 0}, {"hold_ms": -1}, {"max_people": 0}])
def test_options(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        PeopleOptions(**wrong)
