"""Who is there, what changed, who left: tables of estimates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.emotion import EMOTIONS, UNKNOWN, EmotionEstimate
from mer_ros.errors import OptionError
from mer_ros.fusion.events import SOMEBODY, Event, EventOptions, Happening, People

SECOND = 1_000_000_000


def estimate(emotion, end_s, person="ann", *, final=False, voice="", face=0, utterance=1):
    probabilities = np.full(7, 0.05)
    probabilities[EMOTIONS.index(emotion) if emotion in EMOTIONS else 4] = 0.7
    return EmotionEstimate(
        utterance_id=utterance,
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
        face_id=face,
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
        ([("joy", 1, True, "")], [("arrival", SOMEBODY), ("utterance", SOMEBODY)]),
        ([("joy", 1, False, ""), ("joy", 2.9, False, "")], []),
        ([("joy", 1, False, ""), ("joy", 3, False, "")], [("arrival", SOMEBODY)]),
        # a final estimate changes at once, an interim one only when it stays
        (
            [("joy", 1, True, "ann"), ("anger", 2, True, "ann")],
            [ARRIVED, ("utterance", "ann"), ("utterance", "ann"), ("change", "ann", "joy", "anger")],
        ),
        ([("joy", 1, False, "ann"), ("anger", 2, False, "ann"), ("anger", 2.5, False, "ann")], [ARRIVED]),
        (
            [("joy", 1, False, "ann"), ("anger", 2, False, "ann"), ("anger", 3, False, "ann")],
            [ARRIVED, ("change", "ann", "joy", "anger")],
        ),
        # one change, one event: what interim estimates told already, a final one does not tell again, nor they after it
        (
            [("joy", 1, False, "ann"), *(("anger", t, t == 4, "ann") for t in (2, 3, 4, 5, 6, 7))],
            [ARRIVED, ("change", "ann", "joy", "anger"), ("utterance", "ann")],
        ),
        (
            [("joy", 1, False, "ann"), ("anger", 2, True, "ann"), *(("anger", t, False, "ann") for t in (3, 4, 5))],
            [ARRIVED, ("utterance", "ann"), ("change", "ann", "joy", "anger")],
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
    assert told(People(EventOptions(forget_after_s=10.0)), *steps) == expected


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


def seen(people, *steps):
    """Each step: (person, face, time in s, emotion); a silent person in view."""
    events = []
    for person, face, at, emotion in steps:
        events += people.take(estimate(emotion, at, person, face=face, utterance=0), round(at * SECOND))
    return [(e.kind.value, e.person, e.after.emotion) for e in events]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        # a face that nobody knows has come when it stays; who is known, at once
        ([("face-1", 1, 1.0, "joy"), ("face-1", 1, 1.9, "joy")], []),
        ([("face-1", 1, 1.0, "joy"), ("face-1", 1, 2.0, "fear")], [("arrival", "face-1", "fear")]),
        ([("person-1", 1, 1.0, "joy")], [("arrival", "person-1", "joy")]),
        # before a face has come, its changes are no events, nor is its going
        ([("face-1", 1, 1.0, "joy"), ("ann", 0, 30.0, "joy")], [("arrival", "ann", "joy")]),
        # a face whose person becomes known comes once, and feels what it felt
        (
            [("face-1", 1, 1.0, "joy"), ("person-1", 1, 1.5, "joy"), ("person-1", 1, 3.5, "joy")],
            [("arrival", "person-1", "joy")],
        ),
        (
            [("face-1", 1, t, "joy") for t in (1.0, 2.0)] + [("person-1", 1, t, "anger") for t in (2.5, 3.5, 4.5)],
            [
                ("arrival", "face-1", "joy"),
                ("leaving", "face-1", "joy"),
                ("arrival", "person-1", "anger"),
                ("change", "person-1", "anger"),
            ],
        ),
        # one face is doubtful for a while
        (
            [("person-1", 1, 1.0, "joy"), ("face-1", 1, 1.5, "joy"), ("person-1", 1, 2.0, "joy")],
            [("arrival", "person-1", "joy")],
        ),
    ],
)
def test_faces_and_the_persons_that_they_turn_out_to_be(steps, expected):
    assert seen(People(EventOptions(arrive_after_ms=1000.0, forget_after_s=10.0)), *steps) == expected


def test_an_event_tells_since_when():
    people = People()
    (arrival,) = people.take(estimate("joy", 1.0), SECOND)
    assert arrival.since_ns == SECOND
    events = [e for t in (2.0, 2.5, 3.0) for e in people.take(estimate("anger", t), round(t * SECOND))]
    assert [(e.kind, e.since_ns, e.before.emotion) for e in events] == [(Happening.CHANGE, 2 * SECOND, "joy")]
    (_, change) = people.take(estimate("fear", 8.0, final=True), 8 * SECOND)
    assert (change.kind, change.since_ns) == (Happening.CHANGE, 7_500_000_000)  # the start of the utterance
    (left,) = people.poll(60 * SECOND)
    assert (left.kind, left.after.emotion, left.since_ns) == (Happening.LEAVING, "fear", 7_500_000_000)


def test_who_is_there_is_whoever_spoke_last_else_who_came_first():
    people = People()
    for n in range(3):
        for face, person in enumerate(("ann", "bob"), 1):
            people.take(estimate("joy", n, person, face=face, utterance=0), n * SECOND)
            assert people.current().person_id == "ann"
    people.take(estimate("fear", 4, "bob", utterance=7), 4 * SECOND)
    people.take(estimate("joy", 4, "ann", utterance=0), 4 * SECOND)
    assert people.current().person_id == "bob"


def test_everybody_can_be_forgotten_and_one_alone():
    people = People()
    for person in ("ann", "bob", "eve"):
        people.take(estimate("joy", 1, person), SECOND)
    assert [(e.kind, e.person) for e in people.forget("bob")] == [(Happening.LEAVING, "bob")]
    assert people.forget("bob") == []
    assert [e.person for e in people.forget()] == ["ann", "eve"]
    assert people.all() == {}
    assert people.current() is None


def heard(people, kind, person, emotion, at):
    event = Event(kind, person, estimate(emotion, at, person), since_ns=round(at * SECOND))
    return [
        (e.kind.value, e.person, *((e.before.emotion, e.after.emotion) if e.kind is Happening.CHANGE else ()))
        for e in people.hear(event, round(at * SECOND))
    ]


def test_events_found_out_elsewhere_are_believed_and_each_is_told_once():
    people = People(EventOptions(forget_after_s=10.0))

    def taken(emotion, at, final=False):
        return [e.kind.value for e in people.take(estimate(emotion, at, final=final), at * SECOND, decide=False)]

    assert heard(people, Happening.ARRIVAL, "ann", "joy", 1) == [ARRIVED]
    assert heard(people, Happening.ARRIVAL, "ann", "joy", 1) == []
    assert taken("joy", 2) == []
    assert [taken("anger", t) for t in (3, 4, 5, 6)] == [[]] * 4  # whether it stays is decided elsewhere
    assert taken("anger", 7, final=True) == ["utterance"]
    assert people.feeling("anger") is None
    assert heard(people, Happening.CHANGE, "ann", "anger", 7) == [("change", "ann", "joy", "anger")]
    assert people.feeling("anger").is_final  # what was published with the event tells more than the event
    assert heard(people, Happening.CHANGE, "ann", "anger", 7) == []
    assert taken("joy", 60) == []  # nor has she left
    assert heard(people, Happening.LEAVING, "ann", "joy", 70) == [("leaving", "ann")]
    assert heard(people, Happening.LEAVING, "ann", "joy", 70) == []


def test_who_listens_late_or_missed_an_event_still_knows_who_is_there():
    people = People()
    assert [e.kind.value for e in people.take(estimate("joy", 1), SECOND, decide=False)] == ["arrival"]
    assert heard(people, Happening.CHANGE, "bob", "fear", 2) == [("arrival", "bob")]
    assert people.feeling("fear").person_id == "bob"
    people = People(EventOptions(max_people=2))
    for n in range(9):
        heard(people, Happening.ARRIVAL, f"p{n}", "joy", n)
    assert list(people.all()) == ["p7", "p8"]


STREAM = st.lists(
    st.tuples(
        st.sampled_from((*EMOTIONS, UNKNOWN)),
        st.integers(0, 2_000),
        st.booleans(),
        st.sampled_from(("face-1", "face-2", "person-1", "person-2", "")),
        st.integers(0, 2),
        st.booleans(),
    ),
    max_size=80,
)


def test_where_somebody_else_tells_of_leavings_only_those_leave_whom_they_cannot_know():
    people = People(EventOptions(forget_after_s=15))
    people.take(estimate("joy", 1, "face-3", face=3), SECOND, decide=False)  # never came
    people.take(estimate("joy", 1, "ann"), SECOND, decide=False)
    people.take(estimate("joy", 5, "bob"), 5 * SECOND, decide=False)
    assert people.poll(17 * SECOND, told_since_ns=0) == []
    assert list(people.all()) == ["ann", "bob"]
    assert people.poll(60 * SECOND, told_since_ns=0) == []
    (left,) = people.poll(61 * SECOND, told_since_ns=3 * SECOND)  # the graph was started again when ann was gone
    assert (left.kind, left.person, list(people.all())) == (Happening.LEAVING, "ann", ["bob"])


@given(STREAM)
def test_whoever_comes_leaves_once_and_changes_are_changes(stream):
    people, now_ms, there = People(EventOptions(forget_after_s=3.0, max_people=3)), 0, set()
    for emotion, step_ms, final, person, face, decide in stream:
        now_ms += step_ms
        one = estimate(emotion, now_ms / 1000, person, final=final, face=face)
        for event in people.take(one, now_ms * 1_000_000, decide=decide):
            if event.kind is Happening.ARRIVAL:
                assert event.person not in there
                there.add(event.person)
            elif event.kind is Happening.LEAVING:
                there.remove(event.person)
            elif event.kind is Happening.CHANGE:
                assert event.before.emotion != event.after.emotion
                assert event.person in there
        assert len(people.all()) <= 3
        assert there <= set(people.all())
    assert {e.person for e in people.poll(10**15)} == there


def test_what_was_latched_long_ago_is_nobody():
    people = People(EventOptions(forget_after_s=10.0))
    assert people.take(estimate("joy", 1), 100 * SECOND, age_ns=11 * SECOND) == []
    assert people.counts["stale"] == 1
    assert [e.kind for e in people.take(estimate("joy", 1), 100 * SECOND, age_ns=9 * SECOND)] == [Happening.ARRIVAL]
    assert [e.kind for e in people.poll(102 * SECOND)] == [Happening.LEAVING]  # 11 s after it was published


def test_memory_is_bounded():
    people = People(EventOptions(max_people=3))
    events = [e for n in range(10) for e in people.take(estimate("joy", 1 + n / 100, f"p{n}"), SECOND + n)]
    assert list(people.all()) == ["p7", "p8", "p9"]
    assert [e.person for e in events if e.kind is Happening.LEAVING] == [f"p{n}" for n in range(7)]
    assert people.counts["crowded_out"] == 7


@pytest.mark.parametrize("wrong", [{"forget_after_s": 0}, {"hold_ms": -1}, {"max_people": 0}, {"arrive_after_ms": -1}])
def test_options(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        EventOptions(**wrong)
