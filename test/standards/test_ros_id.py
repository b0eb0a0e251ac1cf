"""Ids that ROS 2 takes in topics, and that no two names share."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.standards.ids import ros_id

TOPIC_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9]*", re.ASCII)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("person-2", "person2"), ("face-13", "face13"), ("somebody", "somebody"), ("voice-0", "voice0")],
)
def test_names_of_ours_lose_their_hyphen(name, expected):
    assert ros_id(name) == expected


@pytest.mark.parametrize(
    "name", ["", "-", "2", "person2", "Ann Lee", "Ann-Lee", "a/b", "ä-1", "~x", "person--2", "\ud800"]
)
def test_other_names_get_a_digest(name):
    assert TOPIC_TOKEN.fullmatch(ros_id(name))
    assert re.search(r"x[0-9a-f]{8}$", ros_id(name))


@given(st.text(max_size=60), st.text(max_size=60))
def test_every_name_has_an_id_of_its_own(one, other):
    assert TOPIC_TOKEN.fullmatch(ros_id(one))
    assert len(ros_id(one)) <= 36
    assert (ros_id(one) == ros_id(other)) == (one == other)
