"""Scores of whole recordings: equal to those of `score`, and every part as counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from recording_runs import S, sure, utterance, write_run

from mer_ros.emotion import EMOTIONS, UNKNOWN
from mer_ros.errors import InputError
from mer_ros.evaluation.intervals import bootstrap
from mer_ros.evaluation.recordings.breakdown import break_down, compare, length_name, rounded
from mer_ros.evaluation.recordings.labels import read_labels
from mer_ros.evaluation.recordings.matching import Span
from mer_ros.evaluation.recordings.placing import Extent, place
from mer_ros.evaluation.recordings.recorded import read_emotions, read_work_ms
from mer_ros.evaluation.scores import as_mapping, calibration_bins, calibration_error, score


def told(tmp_path, recordings, rows, columns="start,end,emotion,speaker,recording", **options):
    """The scores of a run written by hand against rows of labels."""
    folder = write_run(tmp_path / "run", recordings)
    path = tmp_path / "labels.csv"
    path.write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    extents = {name: Extent(S, 1000 * S) for name in recordings}
    placed = place(read_labels(path), extents).placed
    return break_down(compare(placed, read_emotions(folder)), **options)


def test_equal_to_the_scores_of_examples(tmp_path):
    rng = np.random.default_rng(5)
    rows, labels = rng.dirichlet(np.full(7, 0.6), 60), rng.integers(0, 7, 60)
    places = [("a.mp4", i) if i < 40 else ("b.mp4", i - 40) for i in range(60)]
    recordings = {
        name: [utterance(i + 1, 4 * i, 4 * i + 3, row) for row, (n, i) in zip(rows, places, strict=True) if n == name]
        for name in ("a.mp4", "b.mp4")
    }
    lines = [
        f"{4 * i + 0.5},{4 * i + 3.2},{EMOTIONS[label]},,{n}" for label, (n, i) in zip(labels, places, strict=True)
    ]
    found = told(tmp_path, recordings, lines)
    wanted = as_mapping(score(labels, rows))
    for name, value in wanted.items():
        if name != "per_class":
            np.testing.assert_allclose(found[name], value, atol=2e-6)
    assert found["per_class"] == rounded(wanted["per_class"])
    intervals = bootstrap(labels, rows.argmax(axis=1), 7, [name for name, _ in places])
    assert found["intervals"] == rounded(intervals)
    assert (found["intervals_by"], found["clusters"]) == ("recording", 2)
    assert (found["misses"], found["extras"], found["split"], found["merged"]) == (0, 0, 0, 0)
    assert found["accuracy_with_misses"] == found["accuracy"]
    # The bins hold the same error.
    filled = [b for b in found["calibration"] if b["n"]]
    assert sum(b["n"] for b in filled) == 60
    gap = sum(b["n"] * abs(b["accuracy"] - b["confidence"]) for b in filled) / 60
    assert gap == pytest.approx(found["ece"], abs=2e-6)
    assert found["matches"][41] == {
        "recording": "b.mp4",
        "utterance": 2,
        "label": EMOTIONS[labels[41]],
        "start_s": 4.5,
        "end_s": 7.2,
        "speaker": "",
        "line": 43,
        "overlap_s": 2.5,
    }


def test_all_parts_by_hand(tmp_path):
    joy, sad, anger = sure("joy"), sure("sadness"), sure("anger", 0.4)
    recordings = {
        "talk.mp4": [
            utterance(1, 1, 1.9, joy, modalities={"face": joy, "text": sad}),
            utterance(2, 3, 5, sad, modalities={"face": sad, "audio": joy, "text": sad}),
            utterance(3, 6, 15, anger, modalities={"face": joy, "text": joy}, told=UNKNOWN),
            utterance(4, 20, 21, joy),  # nobody labelled it
        ]
    }
    rows = ["1,2,joy,Ann,", "3,5,surprise,Bob,", "6,15,anger,Ann,", "30,31,joy,Ann,", "40,41,fear,Eve,"]
    found = told(tmp_path, recordings, rows)
    assert (found["n"], found["misses"], found["extras"]) == (3, 2, 1)
    assert found["accuracy"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["accuracy_with_misses"] == 0.4
    assert (found["intervals_by"], found["clusters"]) == ("utterance", 3)
    assert found["missed"][1] == {
        "recording": "talk.mp4",
        "label": "fear",
        "start_s": 40.0,
        "end_s": 41.0,
        "speaker": "Eve",
        "line": 6,
    }
    named = found["named"]
    assert (named["unknown"], named["n"], named["accuracy"]) == (1, 2, 0.5)
    assert named["coverage"] == pytest.approx(2 / 3, abs=1e-6)
    sentiment = found["sentiment"]  # of joy and anger; surprise may be either
    assert (sentiment["of"], sentiment["n"], sentiment["accuracy"]) == ("emotions", 2, 1.0)
    modalities = {name: (one["n"], one["accuracy"]) for name, one in found["by_modality"].items()}
    assert modalities["face"] == (3, pytest.approx(1 / 3, abs=1e-6))
    assert modalities["audio"] == (1, 0.0)
    assert modalities["text"] == (3, 0.0)
    assert {name: one["n"] for name, one in found["by_available"].items()} == {"face+audio+text": 1, "face+text": 2}
    assert found["by_available"]["face+text"]["accuracy"] == 1.0
    assert list(found["by_speaker"]) == ["Ann", "Bob", "Eve"]
    assert (found["by_speaker"]["Ann"]["n"], found["by_speaker"]["Ann"]["misses"]) == (2, 1)
    assert found["by_speaker"]["Ann"]["accuracy"] == 1.0
    assert found["by_speaker"]["Eve"] == {"n": 0, "misses": 1}
    assert {name: one["n"] for name, one in found["by_length"].items()} == {"0-1 s": 1, "2-4 s": 1, "8+ s": 1}


def test_the_order_of_the_labels_does_not_matter(tmp_path):
    recordings = {"a": [utterance(i, 2 * i, 2 * i + 1.5, sure(EMOTIONS[i % 7], 0.3 + i / 20)) for i in range(1, 9)]}
    rows = [f"{2 * i + 0.1},{2 * i + 1.9},{EMOTIONS[i * i % 7]},p{i % 2}," for i in range(11)]
    found, other = (told(tmp_path, recordings, lines) for lines in (rows, rows[::-1]))
    for item in (*found["matches"], *found["missed"], *other["matches"], *other["missed"]):
        del item["line"]
    assert found == other
    assert found["n"] + found["misses"] == 11
    assert sum(one["n"] + one["misses"] for one in found["by_speaker"].values()) == 11
    assert sum(one["n"] for one in found["by_length"].values()) == found["n"]
    assert sum(one["n"] for one in found["by_available"].values()) == found["n"]


def test_sentiments_that_the_file_tells(tmp_path):
    recordings = {"a": [utterance(1, 1, 2, sure("surprise", 0.9)), utterance(2, 3, 4, sure("joy", 0.9))]}
    rows = ["0:00:01,0:00:02,surprise,negative", "0:00:03,0:00:04,joy,negative"]
    found = told(tmp_path, recordings, rows, "StartTime,EndTime,Emotion,Sentiment")["sentiment"]
    assert (found["of"], found["n"], found["accuracy"]) == ("labels", 2, 0.5)


def test_recordings_without_labels_are_left_out(tmp_path):
    recordings = {name: [utterance(1, 1, 2, sure("joy"))] for name in ("a", "b")}
    found = told(tmp_path, recordings, ["1,2,joy,,b"])
    assert (found["n"], found["extras"], found["matches"][0]["recording"]) == (1, 0, "b")
    assert told(tmp_path, recordings, ["1,2,joy,,b"], intervals_by="dialogue")["intervals_by"] == "dialogue"


def test_dialogues_are_drawn_where_there_are_several(tmp_path):
    recordings = {"a": [utterance(i, i, i + 0.9, sure("joy"), dialogue=f"d{i // 3}") for i in range(1, 9)]}
    found = told(tmp_path, recordings, [f"{i},{i + 0.9},joy,," for i in range(1, 9)])
    assert (found["intervals_by"], found["clusters"]) == ("dialogue", 3)


def test_nothing_matches(tmp_path):
    with pytest.raises(InputError, match="none of 1 labels overlaps an utterance by a fifth"):
        told(tmp_path, {"a": [utterance(1, 1, 2, sure("joy"))]}, ["5,6,joy,,"])


@pytest.mark.parametrize(
    ("length_s", "name"),
    [(0.9, "0-1 s"), (1, "1-2 s"), (2, "2-4 s"), (3.999, "2-4 s"), (4, "4-8 s"), (8, "8+ s"), (100, "8+ s")],
)
def test_lengths(length_s, name):
    assert length_name(Span(5 * S, 5 * S + round(length_s * S))) == name


def test_what_was_computed_is_told_apart_from_waiting(tmp_path):
    write_run(tmp_path, {"a": [utterance(1, 1, 2, sure("joy"), ms=20.0)], "b": []})
    assert read_work_ms(tmp_path) == {"a": [21.0]}


def test_lines_that_are_no_emotion(tmp_path):
    folder = write_run(tmp_path, {"a": [utterance(1, 1, 2, sure("joy"))]})
    with (folder / "emotions.jsonl").open("a") as file:
        file.write('{"recording": "a"}\n')
    with pytest.raises(InputError, match=r"line 2 of .*emotions\.jsonl is no emotion"):
        read_emotions(folder)


def test_bins_by_hand():
    confidence, correct = np.array([0.95, 0.95, 0.5, 0.2]), np.array([True, False, True, False])
    bins = calibration_bins(confidence, correct, 10)
    assert bins[9] == pytest.approx({"low": 0.9, "high": 1.0, "n": 2, "confidence": 0.95, "accuracy": 0.5})
    assert bins[4] == pytest.approx({"low": 0.4, "high": 0.5, "n": 1, "confidence": 0.5, "accuracy": 1.0})
    assert bins[1]["n"] == 1
    assert bins[0] == {"low": 0.0, "high": 0.1, "n": 0, "confidence": None, "accuracy": None}
    error = sum(b["n"] / 4 * abs(b["confidence"] - b["accuracy"]) for b in bins if b["n"])
    assert error == pytest.approx(calibration_error(confidence, correct, 10))
