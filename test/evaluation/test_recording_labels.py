"""Label files: what is read, what is refused and in which words, and where labels come to lie."""

from __future__ import annotations

import pytest

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError
from mer_ros.evaluation.recordings.labels import emotion_of, read_labels
from mer_ros.evaluation.recordings.matching import Span
from mer_ros.evaluation.recordings.placing import Extent, place
from mer_ros.evaluation.recordings.times import Time, read_time

S = 1_000_000_000
CLOCK = 1_700_000_000 * S  # a stamp of the year 2023
ONE = {"talk.mp4": Extent(S, 60 * S)}
BAG = {"walk": Extent(CLOCK, 60 * S)}


@pytest.fixture
def file(tmp_path):
    def write(text, name="labels.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("0", Time(0)),
        (" 12.5 ", Time(12_500_000_000)),
        ("1e2", Time(100 * S)),
        ("-1", Time(-S)),
        ("0:00:12.345", Time(12_345_000_000)),
        ("00:20:57,256", Time(1_257_256_000_000)),
        ("1:02:03", Time(3723 * S)),
        ("2:03.5", Time(123_500_000_000)),
        ("99999999.5", Time(99_999_999_500_000_000)),
        ("1700000000.123456789", Time(CLOCK + 123_456_789, absolute=True)),
        ("1700000000123456789", Time(CLOCK + 123_456_789, absolute=True)),
        ("1700000000123", None),  # milliseconds: not one of the clocks that are read
        ("1700000000123456", None),
        ("1,5", None),
        ("0:61:00", None),
        ("9" * 5000 + ":00:00", None),
        ("0:00:60", None),
        ("nan", None),
        ("inf", None),
        ("now", None),
        ("", None),
    ],
)
def test_times(text, time):
    assert read_time(text) == time


def test_usual_names_of_emotions():
    assert [emotion_of(name) for name in EMOTIONS] == list(EMOTIONS)
    usual = ["Angry", "DISGUSTED", "Fearful", "Happiness", "calm", "sad", "surprised"]
    assert [emotion_of(name) for name in usual] == list(EMOTIONS)
    assert emotion_of("contempt") is None


def test_own_columns_in_any_case_and_order(file):
    found = read_labels(file("Speaker,EMOTION,end,Start\nAnn,Happy,0:00:03.5,1\n\nBob,sad,9,7\n"))
    ann, bob = found.labels
    assert (ann.start, ann.end, ann.emotion, ann.speaker, ann.line) == (Time(S), Time(3_500_000_000), "joy", "Ann", 2)
    assert (bob.start.ns, bob.emotion, bob.speaker, bob.line) == (7 * S, "sadness", "Bob", 4)
    assert not found.meld


def test_columns_of_meld(file):
    path = file(
        "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
        '1,"Oh my God,\nhe’s lost it.",Phoebe,sadness,negative,0,0,4,7,"00:20:57,256","00:21:00,049"\n'
    )
    found = read_labels(path)
    (label,) = found.labels
    assert found.meld
    assert (label.start.ns, label.end.ns) == (1_257_256_000_000, 1_260_049_000_000)
    assert (label.emotion, label.sentiment, label.speaker, label.line) == ("sadness", "negative", "Phoebe", 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("begin,end,emotion\n1,2,joy\n", "has no column start (it has begin, end, emotion); its first line must name"),
        (
            "start,end,emotion\n1,2,joy\n3,4,contempt\n",
            "line 3: the emotion 'contempt' is not known; accepted are anger",
        ),
        ("start,end,emotion\n1,2\n", "line 2: the emotion '' is not known"),
        ("start,end,emotion\n1,2,joy\nx,4,joy\n", "line 3: start is 'x', which is no time; give seconds from"),
        ("start,end,emotion\n1,,joy\n", "line 2: end is '', which is no time"),
        ("start,end,emotion\n1,1700000000123,joy\n", "line 2: end is '1700000000123', which is no time"),
        ("start,end,emotion\n-1,2,joy\n", "line 2: start is -1, before the recording"),
        ("start,end,emotion\n5,4,joy\n", "line 2: start is 5 and end 4: a label must end after it starts"),
        ("start,end,emotion\n5,5,joy\n", "line 2: start is 5 and end 5: a label must end after it starts"),
        ("start,end,emotion\n5,1700000000,joy\n", "one counts from the recording's start and the other does not"),
        ("start,end,emotion,sentiment\n1,2,joy,good\n", "line 2: the sentiment 'good' is not known"),
        ("start,end,emotion,start\n1,5,joy,2\n", "has the column start twice"),
        ("start,end,emotion\n", "has no rows below"),
        ("start;end;emotion\n0;1;joy\n", "has semicolons between its columns; save it with commas"),
        ("start\tend\temotion\n0\t1\tjoy\n", "has tabs between its columns"),
        ("", "has no rows"),
    ],
)
def test_what_is_refused(file, text, said):
    with pytest.raises(InputError) as error:
        read_labels(file(text))
    assert said in str(error.value)
    assert "labels.csv" in str(error.value)


def test_files_that_are_none(tmp_path, file):
    with pytest.raises(InputError, match="is missing"):
        read_labels(tmp_path / "nothing.csv")
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as csv"):
        read_labels(tmp_path / "picture.csv")


def spans(file, text, extents):
    placed = place(read_labels(file(text)), extents).placed
    return {name: [item.span for item in labels] for name, labels in placed.items()}


def test_all_clocks_lead_to_the_same_place(file):
    from_start = spans(file, "start,end,emotion\n1.5,2,joy\n", BAG)
    assert from_start == {"walk": [Span(1_500_000_000, 2 * S)]}
    assert spans(file, "start,end,emotion\n0:00:01.500,0:00:02,joy\n", BAG) == from_start
    assert spans(file, "start,end,emotion\n1700000001.5,1700000002,joy\n", BAG) == from_start
    assert spans(file, "start,end,emotion\n1700000001500000000,1700000002000000000,joy\n", BAG) == from_start


def test_recordings_by_name_or_stem_and_what_is_elsewhere(file):
    extents = {"a.mp4": Extent(0, 9 * S), "b.wav": Extent(0, 9 * S), "c.wav": Extent(0, 9 * S)}
    text = "start,end,emotion,recording\n1,2,joy,clips/b.wav\n1,2,joy,a\n3,4,joy,z.mp4\n5,6,joy,z.mp4\n3,4,sad,a.mp4\n"
    found = place(read_labels(file(text)), extents)
    assert {name: [p.label.line for p in labels] for name, labels in found.placed.items()} == {
        "a.mp4": [3, 6],
        "b.wav": [2],
    }
    assert found.elsewhere == {"z.mp4": 2}


@pytest.mark.parametrize(
    ("text", "extents", "said"),
    [
        (
            "start,end,emotion\n1,2,joy\n60,61,joy\n",
            ONE,
            "line 3: the label from 60.0 to 61.0 s lies outside of talk.mp4",
        ),
        ("start,end,emotion\n50,61.1,joy\n", ONE, "which is 60.0 s long"),
        ("start,end,emotion\n1600000000,1600000001,joy\n", BAG, "lies outside of walk that begins at 1700000000.0"),
        ("start,end,emotion\n1700000000,1700000001,joy\n", {"a": Extent()}, "clock of a, of which nothing is known"),
        ("start,end,emotion,recording\n1,2,joy,b\n", ONE, "labels b, and none of talk.mp4"),
        ("start,end,emotion\n1,2,joy\n", {"a": Extent(), "b": Extent()}, "no recording is named, and there are 2"),
        ("start,end,emotion,recording\n1,2,joy,a\n", {"a.mp4": Extent(), "a.wav": Extent()}, "may be a.mp4 or a.wav"),
        ("start,end,emotion\n4,6,sad\n1,3,joy\n1,3.5,sad\n", ONE, "line 4: from 1.0 to 3.5 s there is a label already"),
        (
            "start,end,emotion,speaker\n1,4,joy,Ann\n2,4.5,sad,Ann\n",
            ONE,
            "line 3: from 2.0 to 4.5 s there is a label of Ann already, in line 2",
        ),
    ],
)
def test_what_has_no_place(file, text, extents, said):
    with pytest.raises(InputError) as error:
        spans(file, text, extents)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("start,end,emotion,speaker\n1,4,joy,Ann\n1,4,sad,Bob\n", id="two people at once"),
        pytest.param("start,end,emotion\n1,4,joy\n3.5,6,sad\n", id="they overlap a little"),
        pytest.param("start,end,emotion\n58,60.9,joy\n", id="ends a little late"),
        pytest.param("StartTime,EndTime,Emotion\n00:00:01,00:00:02,joy\n00:00:01,00:00:02,joy\n", id="as in MELD"),
    ],
)
def test_what_people_do_write(file, text):
    assert sum(map(len, spans(file, text, ONE).values())) == len(text.strip().split("\n")) - 1
