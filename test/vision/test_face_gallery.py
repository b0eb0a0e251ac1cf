"""Persons known again by their faces' encodings."""

from __future__ import annotations

import numpy as np
import pytest

from mer_ros.errors import InputError, OptionError
from mer_ros.vision.people import People, PeopleOptions

S = 1_000_000_000


def face(who: int, distance: float = 0.0) -> np.ndarray:
    """A person's encoding, and one at a distance from it."""
    encoding = np.zeros(128)
    encoding[who] = 1.0
    encoding[127] = distance
    return encoding


def test_a_person_who_returns_is_known() -> None:
    people = People()
    assert [people.recognise(face(n), n * S) for n in range(3)] == ["person-1", "person-2", "person-3"]
    assert people.recognise(face(1, 0.4), 900 * S) == "person-2"


def test_one_who_is_in_view_is_nobody_else() -> None:
    people = People()
    first = people.recognise(face(0), 0)
    assert people.recognise(face(0, 0.1), S, others={first}) == "person-2"


def test_between_the_thresholds_nothing_is_said() -> None:
    people = People()
    people.recognise(face(0), 0)
    assert people.recognise(face(0, 0.57), S) == ""
    assert people.recognise(face(0, 0.7), S) == "person-2"
    assert people.counts["faces_unsure"] == 1


def test_people_are_forgotten_in_time_on_request_and_when_there_are_too_many() -> None:
    people = People(PeopleOptions(forget_s=10.0, max_people=2))
    assert people.recognise(face(0), 0) == "person-1"
    assert people.recognise(face(0), 11 * S) == "person-2"
    assert people.forget("person-2")
    assert not people.forget("person-2")
    assert [people.recognise(face(n), 12 * S + n) for n in range(3)] == ["person-3", "person-4", "person-5"]
    assert people.recognise(face(0), 13 * S) == "person-6"


@pytest.mark.parametrize("encoding", [np.zeros(5), np.full(128, np.nan)])
def test_what_is_no_encoding_is_refused(encoding) -> None:
    with pytest.raises(InputError):
        People().recognise(encoding, 0)


@pytest.mark.parametrize("options", [{"same": 0.0}, {"other": 0.1}, {"forget_s": 0.0}, {"max_people": 0}])
def test_bad_options_are_refused(options) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        PeopleOptions(**options)
