"""What the page is told: everything that came, once, in plain JSON, and never more than fits."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.emotion import EMOTIONS, UNKNOWN, EmotionEstimate, Modality, ModalityEstimate
from mer_ros.web import feed as feed_module
from mer_ros.web import told
from mer_ros.web.feed import MOST_NODES, MOST_PEOPLE, MOST_SAID, Feed, Seen

S = 1_000_000_000
P = np.array([0.02, 0.01, 0.03, 0.62, 0.20, 0.07, 0.05])


def estimate(number: int = 1, **changes) -> EmotionEstimate:
    values = {
        "utterance_id": number,
        "start_ns": 10 * S * number,
        "end_ns": 10 * S * number + 3 * S,
        "is_final": True,
        "probabilities": P,
        "sentiment_probabilities": np.array([0.1, 0.2, 0.7]),
        "emotion": "joy",
        "confidence": 0.62,
        "sentiment": "positive",
        "valence": 0.41,
        "arousal": -0.22,
        "modalities": (
            ModalityEstimate(Modality.FACE, P, quality=0.8, weight=0.45),
            ModalityEstimate(Modality.TEXT, None, reason="no words were recognised"),
        ),
        "transcript": "No matter, try again.",
        "face_id": 2,
        "turn": number,
        "previous_emotion": "neutral",
        "latency_ms": {"face": 21.44, "since_end": 560.0},
    }
    return EmotionEstimate(**(values | changes))


def events(text: str) -> list[tuple[str, str, str]]:
    """Kind, id and data of each event of a stream."""
    found = []
    for block in filter(None, text.split("\n\n")):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((fields["event"], fields.get("id", ""), fields["data"]))
    return found


def news(feed: Feed, seen: Seen) -> dict[str, list]:
    told_now: dict[str, list] = {"state": [], "said": [], "image": []}
    for kind, _, data in events(feed.news(seen, 0.0)):
        told_now[kind].append(json.loads(data))
    return told_now


def test_an_utterance_comes_with_all_that_is_known_of_it():
    feed = Feed("talk.mp4")
    feed.utterance(estimate(1), 0.618)
    feed.utterance(estimate(2, person_id="person-7"), 0.7)
    first, second = news(feed, Seen())["said"]
    assert first["at"] == 0
    assert second["at"] == 10
    assert (first["who"], second["who"]) == ("face-2", "person-7")
    assert first["probabilities"] == [0.02, 0.01, 0.03, 0.62, 0.2, 0.07, 0.05]
    assert (first["emotion"], first["confidence"], first["before"]) == ("joy", 0.62, "neutral")
    assert first["senses"][0]["weight"] == 0.45
    assert first["senses"][1] == {
        "sense": "text",
        "probabilities": None,
        "weight": 0,
        "reason": "no words were recognised",
    }
    assert first["latency"] == [["face", 21.4], ["since_end", 560.0]]
    assert (first["after"], first["seconds"], first["words"]) == (0.62, 3, "No matter, try again.")


def test_each_reader_gets_everything_once_and_what_changes_again():
    feed, one, other = Feed("x"), Seen(), Seen()
    assert len(news(feed, one)["state"]) == 1
    assert feed.news(one, 0.0) == ""
    feed.utterance(estimate(1), 0.5)
    feed.image(b"jpeg")
    feed.image(b"newer")
    first = news(feed, one)
    assert (len(first["said"]), first["image"], first["state"]) == (1, [2], [])
    assert feed.picture() == b"newer"
    assert len(news(feed, other)["said"]) == 1
    feed.tell(status="", speaking=True, heard=1)
    feed.tell(status="", speaking=True, heard=1)
    assert [state["speaking"] for state in news(feed, one)["state"]] == [True]
    assert feed.news(one, 0.0) == ""


def test_a_reader_that_was_cut_off_goes_on_where_it_was():
    feed = Feed("x")
    for number in range(1, 6):
        feed.utterance(estimate(number), 0.5)
    told_all = [item for item in events(feed.news(Seen(), 0.0)) if item[0] == "said"]
    again = feed.start(told_all[2][1])
    assert [item["turn"] for item in news(feed, again)["said"]] == [4, 5]
    for strange in ("", "3", "other-3", told_all[2][1] + "x", "-1", told_all[0][1].replace("1", "٣"), "9" * 99):
        if strange != told_all[0][1]:
            assert feed.start(strange).said == 0


def test_who_is_there_now_and_who_is_there_no_more(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(feed_module.time, "monotonic", lambda: clock[0])
    feed = Feed("x")
    feed.tell(status="", speaking=True, heard=0)
    feed.live(estimate(4, is_final=False, face_id=1, transcript="so far"))
    feed.live(estimate(0, is_final=False, face_id=2, transcript=""))
    (state,) = news(feed, Seen())["state"]
    assert [(it["who"], it["speaks"], it["words"]) for it in state["people"]] == [
        ("face-1", True, "so far"),
        ("face-2", False, ""),
    ]
    feed.tell(status="", speaking=False, heard=0)  # the utterance is over, and its last estimate still there
    (state,) = news(feed, Seen())["state"]
    assert [(it["who"], it["speaks"], it["words"]) for it in state["people"]] == [
        ("face-1", False, ""),
        ("face-2", False, ""),
    ]
    clock[0] += 2
    feed.live(estimate(0, is_final=False, face_id=2))
    clock[0] += 1
    feed.tell(status="", speaking=False, heard=0)
    (state,) = news(feed, Seen())["state"]
    assert [it["who"] for it in state["people"]] == ["face-2"]


def test_the_end_is_told_once_and_nobody_speaks_any_more():
    feed = Feed("x")
    feed.tell(status="", speaking=True, heard=0)
    feed.live(estimate(4, is_final=False))
    feed.end("camera cannot go on")
    feed.end("something else")
    seen = Seen()
    (state,) = news(feed, seen)["state"]
    assert (state["over"], state["note"], state["speaking"]) == (True, "camera cannot go on", False)
    assert not state["people"][0]["speaks"]
    assert feed.over
    assert feed.news(seen, 1e6) == ""  # at the end nobody is kept waiting


def test_a_reader_waits_until_something_comes():
    feed, seen, got = Feed("x"), Seen(), []
    feed.news(seen, 0.0)
    reader = threading.Thread(target=lambda: got.append(feed.news(seen, 60.0)))
    reader.start()
    feed.utterance(estimate(1), 0.5)
    reader.join(30)
    assert not reader.is_alive()
    assert "event: said" in got[0]


def test_it_is_bounded():
    feed = Feed("x" * 10_000)
    for number in range(1, MOST_SAID + 50):
        feed.utterance(estimate(number, transcript="word " * 5_000, person_id="p" * 900), 0.5)
        feed.live(estimate(0, face_id=number, is_final=False))
    feed.nodes([{"name": f"n{k}", "level": "ok", "message": "m" * 5_000} for k in range(500)])
    everything = news(feed, Seen())
    assert len(everything["said"]) == MOST_SAID
    assert everything["said"][-1]["turn"] == MOST_SAID + 49
    (state,) = everything["state"]
    assert len(state["people"]) == MOST_PEOPLE
    assert len(state["nodes"]) == MOST_NODES
    assert max(len(json.dumps(item)) for item in everything["said"]) < 5_000
    assert len(json.dumps(state)) < 60_000
    assert everything["said"][0]["words"].endswith("…")


numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(
    text=st.text(max_size=300),
    values=st.lists(numbers, max_size=12),
    number=numbers,
    stages=st.dictionaries(st.text(max_size=20), numbers, max_size=40),
)
def test_whatever_a_message_holds_it_is_json_in_one_line(text, values, number, stages):
    it = estimate(
        3,
        person_id=text,
        transcript=text,
        emotion=text,
        sentiment=text,
        previous_emotion=text,
        probabilities=np.array(values),
        confidence=number,
        valence=number,
        arousal=number,
        latency_ms=stages,
        modalities=(ModalityEstimate(Modality.AUDIO, np.array(values), text, weight=number),) * 20,
    )
    feed = Feed(text)
    feed.utterance(it, number)
    feed.live(it)
    feed.tell(status=text, speaking=True, heard=3)
    feed.nodes([{"name": text, "level": text, "message": text}])
    feed.end(text)
    kinds = [kind for kind, _, data in events(feed.news(Seen(), 0.0)) if json.loads(data)]
    assert kinds == ["state", "said"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"person_id": "person-1"}, "person-1"),
        ({"face_id": 3}, "face-3"),
        ({"face_id": 0, "voice_id": "voice-2"}, "voice-2"),
        ({"face_id": 0}, "nobody in view"),
        ({"person_id": "a\x1b[2J\u202eb\n"}, "a [2J b "),
        ({"person_id": "x" * 100}, "x" * 59 + "…"),
    ],
)
def test_the_best_name_there_is(changes, name):
    assert told.name_of(estimate(1, **changes)) == name


def test_an_unknown_emotion_is_told_as_such():
    it = told.utterance(estimate(1, emotion=UNKNOWN), 0.1, 0)
    assert it["emotion"] == UNKNOWN
    assert len(it["probabilities"]) == len(EMOTIONS)
