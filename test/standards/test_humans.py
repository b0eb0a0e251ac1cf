"""Who is tracked under /humans, and what is said of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.emotion import EMOTIONS, EmotionEstimate
from mer_ros.errors import OptionError
from mer_ros.standards.facts import (
    Anonymous,
    Belongs,
    Expressed,
    Group,
    Listed,
    Match,
    Region,
    Speaking,
    Spoken,
    owner_of,
    topic_of,
)
from mer_ros.standards.humans import Humans
from mer_ros.standards.options import HumansOptions
from mer_ros.utterance import Box, FaceSample, SpeechState, Transcript, Utterance, VisualWindow

MS = 1_000_000
S = 1000 * MS
NOTHING = np.zeros((1, 1, 3), np.uint8)


def window(track, person="", end=1 * S, utterance=0, final=False, **how):
    samples = (FaceSample(end - MS, Box(160, 120, 64, 48), 0.9, True, NOTHING, NOTHING),) if track else ()
    return VisualWindow(utterance, final, end - S, end, track, samples, 1, 10, 640, 480, person_id=person, **how)


def utterance(number, start, state=SpeechState.ONGOING):
    return Utterance(number, state, start, start + S, np.zeros(0, np.int16))


def emotion(number=0, start=0, face=0, person="", final=True, label="joy"):
    probabilities = np.full(7, 0.05)
    probabilities[EMOTIONS.index(label)] = 0.7
    return EmotionEstimate(
        number, start, start + S, final, probabilities, np.ones(3) / 3, label, 0.7, "positive", 0.6, 0.3, (),
        person_id=person, face_id=face,
    )  # fmt: skip


def words(number, text, final=True):
    return Transcript(number, S, 2 * S, text, final, 0.8, "en-GB")


def of(kind, facts):
    return [fact for fact in facts if isinstance(fact, kind)]


def lists(facts):
    """The last list of each group."""
    return {fact.group.value + ("/known" if fact.known else ""): fact.ids for fact in of(Listed, facts)}


def test_a_face_in_view_is_tracked_with_its_person_and_its_place():
    humans = Humans()
    facts = humans.window(window(3, "person-1"), S)
    assert lists(facts) == {"faces": ("face3",), "persons": ("person1",), "persons/known": ("person1",)}
    assert of(Anonymous, facts) == [Anonymous("person1", False)]
    assert of(Belongs, facts) == [Belongs("person1", Group.FACE, "face3")]
    assert of(Match, facts) == [Match("face3", Group.FACE, "person1", 1.0)]
    (region,) = of(Region, facts)
    assert (region.left, region.top, region.right, region.bottom) == (0.25, 0.25, 0.35, 0.35)
    assert (region.stamp_ns, region.score, region.image_size) == (S - MS, 0.9, (640, 480))
    assert [type(fact) for fact in humans.window(window(3, "person-1"), 2 * S)] == [Region]  # no news but its place


def test_lists_come_before_what_is_said_of_those_on_them():
    facts = Humans().window(window(3, "person-1"), S)
    assert [type(fact) for fact in facts[:2]] == [Listed, Listed]


def test_a_face_whose_person_is_not_known_is_an_anonymous_person_of_another_id():
    facts = Humans().window(window(3), S)
    assert lists(facts) == {"faces": ("face3",), "persons": ("anonymousface3",)}
    assert of(Anonymous, facts) == [Anonymous("anonymousface3", True)]


def test_a_face_that_turns_out_to_be_somebody_else_is_matched_anew():
    humans = Humans()
    humans.window(window(3), S)
    facts = humans.window(window(3, "person-1"), 2 * S)
    assert of(Match, facts) == [
        Match("face3", Group.FACE, "anonymousface3", 0.0),
        Match("face3", Group.FACE, "person1", 1.0),
    ]
    assert lists(facts)["persons"] == ("person1",)
    assert of(Belongs, facts) == [Belongs("person1", Group.FACE, "face3")]


def test_faces_that_left_are_tracked_no_more_and_known_still():
    humans = Humans(HumansOptions(face_ms=1000))
    humans.window(window(1, "person-1"), S)
    humans.window(window(2, "person-2"), 2 * S)
    facts = humans.poll(5 * S // 2)
    assert lists(facts)["faces"] == ("face2",)
    assert lists(facts)["persons"] == ("person2",)
    assert lists(facts)["persons/known"] == ("person1", "person2")
    assert Match("face1", Group.FACE, "person1", 0.0) in facts
    assert lists(humans.poll(9 * S))["faces"] == ()


def test_faces_may_have_the_ids_that_another_node_gives_them():
    humans = Humans()
    facts = humans.window(window(3, "person-1"), S, "f23bd")
    assert of(Match, facts) == [Match("f23bd", Group.FACE, "person1", 1.0)]
    (expressed,) = of(Expressed, humans.emotion(emotion(face=3, final=False), S))
    assert expressed.face == "f23bd"
    assert humans.window(window(4, "person-2"), S, "") == []
    assert humans.counts["faces_not_told"] == 1
    humans.window(window(3, "person-1"), 2 * S, "f7777")  # that node took it for another face
    assert of(Expressed, humans.emotion(emotion(face=3, final=False), S))[0].face == "f7777"


def test_windows_without_a_face_are_none():
    humans = Humans()
    assert humans.window(window(0), S) == []
    assert humans.tracked(Group.FACE) == ()


def test_each_utterance_is_a_voice_that_is_matched_to_who_said_it():
    humans = Humans()
    facts = humans.utterance(utterance(7, 10 * S, SpeechState.STARTED), 10 * S)
    assert lists(facts) == {"voices": ("voice1",)}
    assert of(Speaking, facts) == [Speaking("voice1", True)]
    assert humans.utterance(utterance(7, 10 * S), 11 * S) == []
    assert humans.transcript(words(7, "oh", final=False), 11 * S) == [
        Spoken("voice1", S, "oh", False, 0.8, "en-GB"),
    ]
    assert humans.utterance(utterance(7, 10 * S, SpeechState.ENDED), 12 * S) == [Speaking("voice1", False)]
    assert of(Spoken, humans.transcript(words(7, "oh my"), 12 * S))[0].is_final
    humans.window(window(3, "person-1", utterance=7, final=True, speaking=0.9), 12 * S)
    facts = humans.emotion(emotion(7, 10 * S, face=3, person="person-1"), 13 * S)
    assert of(Match, facts) == [Match("voice1", Group.VOICE, "person1", 0.9)]
    assert of(Belongs, facts) == [Belongs("person1", Group.VOICE, "voice1")]
    (expressed,) = of(Expressed, facts)
    assert (expressed.face, expressed.emotion, expressed.stamp_ns) == ("face3", "joy", 11 * S)
    assert (expressed.valence, expressed.arousal, expressed.confidence) == (0.6, 0.3, 0.7)


def test_the_next_utterance_is_another_voice_and_the_newest_is_the_persons():
    humans = Humans()
    humans.window(window(3, "person-1"), S)
    for number in (1, 2):
        humans.utterance(utterance(number, number * S, SpeechState.ENDED), number * S)
        facts = humans.emotion(emotion(number, number * S, person="person-1"), number * S)
    assert humans.tracked(Group.VOICE) == ("voice1", "voice2")
    assert of(Belongs, facts) == [Belongs("person1", Group.VOICE, "voice2")]


def test_a_voice_of_somebody_out_of_view_is_a_person_as_long_as_it_is_tracked():
    humans = Humans(HumansOptions(voice_ms=5000))
    humans.utterance(utterance(1, S, SpeechState.ENDED), S)
    humans.window(window(0, utterance=1, final=True, out_of_view=0.8), S)
    facts = humans.emotion(emotion(1, S, person="person-9"), 2 * S)
    assert of(Match, facts) == [Match("voice1", Group.VOICE, "person9", 0.8)]
    assert humans.tracked(Group.PERSON) == ("person9",)
    facts = humans.poll(20 * S)
    assert lists(facts) == {"faces": (), "voices": (), "persons": (), "persons/known": ("person9",)}


@pytest.mark.parametrize("told", [None, math.nan])
def test_where_mouths_were_not_weighed_a_match_is_even_odds(told):
    humans = Humans()
    humans.utterance(utterance(1, S, SpeechState.ENDED), S)
    if told is not None:
        humans.window(window(3, "person-1", utterance=1, final=True, speaking=told), S)
    facts = humans.emotion(emotion(1, S, person="person-1"), S)
    assert of(Match, facts)[-1].confidence == 0.5


def test_one_voice_for_all_changes_hands():
    humans = Humans(HumansOptions(voices="one"))
    for number, person in ((1, "person-1"), (2, "person-2")):
        humans.window(window(number, person), number * S)
        humans.utterance(utterance(number, number * S), number * S)
        humans.utterance(utterance(number, number * S, SpeechState.ENDED), number * S)
        facts = humans.emotion(emotion(number, number * S, person=person), number * S)
    assert humans.tracked(Group.VOICE) == ("voice",)
    assert of(Match, facts) == [
        Match("voice", Group.VOICE, "person1", 0.0),
        Match("voice", Group.VOICE, "person2", 0.5),
    ]
    assert set(of(Belongs, facts)) == {
        Belongs("person1", Group.VOICE, ""),
        Belongs("person2", Group.VOICE, "voice"),
    }


def test_an_utterance_whose_end_is_lost_ends_with_the_next_one_or_in_time():
    humans = Humans()
    humans.utterance(utterance(1, S), S)
    facts = humans.utterance(utterance(2, 2 * S), 2 * S)
    assert of(Speaking, facts) == [Speaking("voice1", False), Speaking("voice2", True)]
    assert Speaking("voice2", True) in humans.poll(4 * S)
    assert Speaking("voice2", False) in humans.poll(6 * S)
    assert humans.counts["voices_not_ended"] == 2


def test_ids_of_utterances_may_begin_again():
    humans = Humans()
    humans.utterance(utterance(1, S, SpeechState.ENDED), S)
    humans.utterance(utterance(1, 9 * S, SpeechState.ENDED), 9 * S)
    assert humans.tracked(Group.VOICE) == ("voice1", "voice2")
    assert humans.emotion(emotion(1, S, person="person-1"), 9 * S) == []  # that one is another voice now
    assert humans.counts["emotions_of_no_voice"] == 1


def test_what_belongs_to_nobody_tracked_is_counted():
    humans = Humans()
    assert humans.emotion(emotion(5, S, face=4, person="person-1"), S) == []
    assert humans.emotion(emotion(face=4, final=False), S) == []
    assert humans.transcript(words(5, "hello"), S) == []
    assert humans.counts == {"emotions_of_no_voice": 1, "emotions_of_no_face": 2, "words_of_no_voice": 1}


def test_words_without_text_say_nothing():
    humans = Humans()
    humans.utterance(utterance(1, S), S)
    assert humans.transcript(words(1, " ", final=False), S) == []


def test_poll_says_again_what_is():
    humans = Humans()
    humans.window(window(3, "person-1"), S)
    humans.utterance(utterance(1, S), S)
    facts = humans.poll(S)
    assert lists(facts) == {
        "faces": ("face3",),
        "voices": ("voice1",),
        "persons": ("person1",),
        "persons/known": ("person1",),
    }
    assert of(Speaking, facts) == [Speaking("voice1", True)]
    assert of(Match, facts) == [Match("face3", Group.FACE, "person1", 1.0)]


def test_a_clock_that_is_set_back_keeps_nothing_for_ever():
    humans = Humans()
    humans.window(window(3, "person-1"), 1000 * S)
    humans.utterance(utterance(1, 1000 * S, SpeechState.ENDED), 1000 * S)
    assert lists(humans.poll(S))["faces"] == ()
    assert humans.tracked(Group.VOICE) == ()


@pytest.mark.parametrize("person", ["person-1", ""])
def test_a_person_is_forgotten_on_request(person):
    humans = Humans()
    humans.window(window(1, "person-1"), S)
    humans.window(window(2, "person-2"), S)
    facts = humans.forget(person, S)
    left = () if person == "" else ("person2",)
    assert lists(facts)["persons"] == left
    assert lists(facts)["persons/known"] == left
    assert Match("face1", Group.FACE, "person1", 0.0) in facts
    assert humans.tracked(Group.FACE) == ("face1", "face2")
    assert lists(humans.window(window(1, "person-3"), S))["persons"] == ("person3", *left)


def test_there_are_never_too_many():
    humans = Humans(HumansOptions(max_tracked=4))
    for n in range(1, 100):
        humans.window(window(n, f"person-{n}"), n * MS)
        humans.utterance(utterance(n, n * MS, SpeechState.ENDED), n * MS)
        humans.emotion(emotion(n, n * MS, person=f"person-{n}"), n * MS)
    assert humans.tracked(Group.FACE) == ("face96", "face97", "face98", "face99")
    assert humans.tracked(Group.VOICE) == ("voice96", "voice97", "voice98", "voice99")
    facts = humans.poll(100 * MS)
    assert len(lists(facts)["persons/known"]) == 16
    assert (humans.counts["faces_over_limit"], humans.counts["voices_over_limit"]) == (95, 95)


_STEPS = st.one_of(
    st.builds(lambda t, p: ("window", window(t, f"person-{p}" if p else "")), st.integers(0, 5), st.integers(0, 3)),
    st.builds(lambda n, s: ("utterance", utterance(n, n * S, s)), st.integers(1, 5), st.sampled_from(SpeechState)),
    st.builds(lambda n, p: ("emotion", emotion(n, n * S, n, f"person-{p}")), st.integers(1, 5), st.integers(0, 3)),
    st.builds(lambda n: ("transcript", words(n, "hello")), st.integers(1, 5)),
    st.builds(lambda p: ("forget", f"person-{p}"), st.integers(1, 3)),
    st.just(("poll", None)),
)


@given(st.lists(st.tuples(_STEPS, st.integers(0, 3000)), max_size=30))
def test_whatever_comes_only_what_is_listed_is_spoken_of(steps):
    humans, now, listed = Humans(HumansOptions(max_tracked=3)), 0, dict.fromkeys(Group, ())
    belongings: dict[tuple[str, Group], str] = {}
    for (name, value), wait_ms in steps:
        now += wait_ms * MS
        facts = humans.poll(now) if name == "poll" else getattr(humans, name)(value, now)
        for fact in facts:
            if isinstance(fact, Listed) and not fact.known:
                listed[fact.group] = fact.ids
            elif owner_of(fact):
                group, identity = owner_of(fact)
                assert identity in listed[group], fact
            if isinstance(fact, Belongs):
                belongings[fact.person, fact.group] = fact.part
        assert all(listed[group] == humans.tracked(group) for group in Group)
        belongings = {key: part for key, part in belongings.items() if key[0] in listed[Group.PERSON]}
        assert all(part == "" or part in listed[group] for (_, group), part in belongings.items())


@pytest.mark.parametrize(
    ("fact", "topic", "owner"),
    [
        (Listed(Group.FACE, (), 0), "faces/tracked", None),
        (Listed(Group.PERSON, (), 0, known=True), "persons/known", None),
        (Region("face1", 0, 0, 0, 1, 1, 1, (1, 1)), "faces/face1/roi", (Group.FACE, "face1")),
        (Expressed("face1", 0, "joy", 0, 0, 1), "faces/face1/expression", (Group.FACE, "face1")),
        (Speaking("voice1", True), "voices/voice1/is_speaking", (Group.VOICE, "voice1")),
        (Spoken("voice1", 0, "", True, 1, ""), "voices/voice1/speech", (Group.VOICE, "voice1")),
        (Belongs("person1", Group.FACE, "face1"), "persons/person1/face_id", (Group.PERSON, "person1")),
        (Belongs("person1", Group.VOICE, ""), "persons/person1/voice_id", (Group.PERSON, "person1")),
        (Anonymous("person1", True), "persons/person1/anonymous", (Group.PERSON, "person1")),
        (Match("face1", Group.FACE, "person1", 1), "candidate_matches", None),
    ],
)
def test_topics_are_those_of_rep_155(fact, topic, owner):
    assert topic_of(fact) == topic
    assert owner_of(fact) == owner


@pytest.mark.parametrize("options", [{"face_ms": 1}, {"voice_ms": math.nan}, {"voices": "many"}, {"max_tracked": 0}])
def test_options(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        HumansOptions(**options)
