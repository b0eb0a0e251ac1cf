"""The README's table of standard topics: each beside tests that are there, and none left out."""

import re
from pathlib import Path

import pytest

from mer_ros.messages.classification import CLASSIFICATION
from mer_ros.messages.humans import TYPES
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
    topic_of,
)

ROOT = Path(__file__).resolve().parents[2]
SECTION = (ROOT / "README.md").read_text().split("### The field's standards")[1].split("\n### ")[0]
ROWS = [line.strip("|").split("|") for line in SECTION.splitlines() if line.startswith("| `")]
FACTS = [
    *(Listed(group, (), 0) for group in Group),
    Listed(Group.PERSON, (), 0, known=True),
    Region("<id>", 0, 0, 0, 1, 1, 1, (1, 1)),
    Expressed("<id>", 0, "joy", 0, 0, 1),
    Speaking("<id>", True),
    Spoken("<id>", 0, "", True, 1, ""),
    *(Belongs("<id>", group, "") for group in (Group.FACE, Group.VOICE)),
    Anonymous("<id>", True),
    Match("", Group.FACE, "", 1),
]


@pytest.mark.parametrize("fact", FACTS, ids=topic_of)
def test_every_topic_stands_there_with_its_type(fact):
    rows = [row for row in ROWS if f"`/humans/{topic_of(fact)}`" in row[0] and row[2].strip() == "out"]
    assert len(rows) == 1
    names = [name.split("/")[-1] for name in TYPES[type(fact)]]
    assert all(name in rows[0][1] for name in names)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip()[:40])
def test_every_test_that_is_named_is_there(row):
    named = re.findall(r"`(test/[^`]+)`", row[3])
    assert named
    assert all((ROOT / path).is_file() for path in named)


@pytest.mark.parametrize("name", [CLASSIFICATION, "hri_msgs/msg/LiveSpeech", "whisper_msgs/msg/Transcription"])
def test_types_of_other_topics_are_named(name):
    assert name.replace("/msg", "") in SECTION
