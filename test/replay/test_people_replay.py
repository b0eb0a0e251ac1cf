"""Three persons, two in view and one not, take turns: in the replay each utterance has its person, words, emotion."""

from __future__ import annotations

from pathlib import Path

import pytest
from three_people import Scene, portraits, talkers

from mer_ros.emotion import EMOTIONS
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.records import EMOTIONS_FILE, read_lines
from mer_ros.replay.run import replay_one

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("kind", ["portraits", "talkers"])
def test_three_persons_take_turns(kind: str, tmp_path: Path, request) -> None:
    if kind == "portraits":
        scene = portraits(tmp_path)
    else:
        scene = talkers(tmp_path, request.getfixturevalue("shared") / "clips")
    replay_one(scene.path, tmp_path / "run", ReplayOptions())
    told = list(read_lines(tmp_path / "run" / EMOTIONS_FILE))
    assert_right(scene, told)


def assert_right(scene: Scene, told: list[dict]) -> None:
    assert len(told) == len(scene.turns)  # one emotion each
    persons: dict[int, set[str]] = {}
    for line, (who, begin_s, end_s, words) in zip(told, scene.turns, strict=True):
        assert begin_s - 0.3 < line["start_s"] < line["end_s"] < end_s + 0.3
        assert words in line["transcript"].lower()
        assert line["emotion"] in EMOTIONS
        persons.setdefault(who, set()).add(line["person"])
        face = line["modalities"]["face"]
        if who == 2:
            assert (line["face"], face["available"], face["reason"]) == (0, False, "the speaker is out of view")
        else:
            assert line["face"]
            assert face["available"]
    assert persons == {0: {"person-1"}, 1: {"person-2"}, 2: {""}}
    before: dict[str, str] = {}  # a person's emotion is compared with that of their own turn before
    for line in told:
        assert line["previous_emotion"] == before.get(line["person"], "")
        before[line["person"]] = line["emotion"]
