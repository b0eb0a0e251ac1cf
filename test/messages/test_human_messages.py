"""Facts about humans as messages: in the fields that a release has, against stand-ins and the real packages."""

import importlib
import math

import pytest
from message_standins import (
    BOOL,
    EXPRESSION,
    IDS_LIST,
    IDS_MATCH,
    LIVE_SPEECH,
    NORMALIZED_REGION,
    REGION,
    STRING,
)

from mer_ros.emotion import EMOTIONS, UNKNOWN
from mer_ros.messages.humans import EXPRESSIONS, TYPES, human_message
from mer_ros.messages.stamps import stamp_of
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
)

START = 1_700_000_000_123_456_789
FACTS = [
    Listed(Group.FACE, ("face1", "face2"), START),
    Region("face1", START, 0.25, 0.5, 0.5, 1.0, 0.875, (640, 480)),
    Expressed("face1", START, "joy", 0.5, -0.25, 0.75),
    Speaking("voice1", True),
    Spoken("voice1", START, "hello", True, 0.5, "en-GB"),
    Belongs("person1", Group.FACE, "face1"),
    Anonymous("person1", True),
    Match("voice1", Group.VOICE, "person1", 0.5),
]


def test_lists_of_ids():
    message = human_message(FACTS[0], IDS_LIST)
    assert (stamp_of(message), message.ids) == (START, ["face1", "face2"])


def test_every_emotion_is_an_expression():
    assert set(EXPRESSIONS) == set(EMOTIONS)
    told = {e: human_message(Expressed("face1", 0, e, 0, 0, 1), EXPRESSION).expression for e in (*EMOTIONS, UNKNOWN)}
    assert told == {
        "anger": "angry",
        "disgust": "disgusted",
        "fear": "scared",
        "joy": "happy",
        "neutral": "neutral",
        "sadness": "sad",
        "surprise": "surprised",
        UNKNOWN: "",
    }


def test_an_expression_with_its_affect():
    message = human_message(FACTS[2], EXPRESSION)
    assert (stamp_of(message), message.valence, message.arousal, message.confidence) == (START, 0.5, -0.25, 0.75)


@pytest.mark.parametrize(
    ("release", "language"),
    [
        ("language", {"language": "en-GB"}),
        ("both", {"language": "en-GB", "locale": "en_GB"}),
        ("locale", {"locale": "en_GB"}),
    ],
)
def test_speech_of_each_release(release, language):
    message = human_message(FACTS[4], LIVE_SPEECH[release])
    assert (message.final, message.incremental, message.confidence) == ("hello", "", 0.5)
    assert {name: getattr(message, name) for name in language} == language
    partial = human_message(Spoken("voice1", START, "hel", False, math.nan, ""), LIVE_SPEECH[release])
    assert (partial.final, partial.incremental, stamp_of(partial)) == ("", "hel", START)


def test_regions_in_shares_of_the_image():
    message = human_message(FACTS[1], NORMALIZED_REGION, "eyes")
    assert (message.xmin, message.ymin, message.xmax, message.ymax, message.c) == (0.25, 0.5, 0.5, 1.0, 0.875)
    assert (stamp_of(message), message.header.frame_id) == (START, "eyes")


def test_regions_in_pixels():
    message = human_message(FACTS[1], REGION)
    assert (message.x_offset, message.y_offset, message.width, message.height) == (160, 240, 160, 240)


@pytest.mark.parametrize(("group", "number"), [(Group.FACE, 2), (Group.VOICE, 4)])
def test_matches_name_the_kinds_of_ids(group, number):
    message = human_message(Match("part", group, "person1", 0.25), IDS_MATCH)
    assert (message.id1, message.id1_type, message.id2, message.id2_type) == ("part", number, "person1", 1)
    assert message.confidence == 0.25


def test_texts_and_flags():
    assert human_message(FACTS[3], BOOL).data is True
    assert human_message(FACTS[5], STRING).data == "face1"
    assert human_message(FACTS[6], BOOL).data is True


@pytest.mark.parametrize("stamp_ns", [-1, 2**63])
def test_stamps_that_no_message_can_hold_are_clamped(stamp_ns):
    message = human_message(Listed(Group.FACE, (), stamp_ns), IDS_LIST)
    assert 0 <= message.header.stamp.sec < 2**31


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_the_real_messages(fact):
    names = TYPES[type(fact)]
    for name in names:
        package, _, kind = name.split("/")
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
        real = getattr(importlib.import_module(f"{package}.msg"), kind)
        assert isinstance(human_message(fact, real), real)


def test_every_kind_of_fact_has_its_message():
    assert set(TYPES) == {type(fact) for fact in FACTS}
