"""Two runs side by side."""

from __future__ import annotations

import json
import os
import re

import pytest
from made_runs import make_run, records
from read_page import Page

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import OutputError
from mer_ros.report.compare import pair, write_comparison
from mer_ros.report.page import write
from mer_ros.report.report import write_report
from mer_ros.report.run import read_run


def test_two_runs_side_by_side(tmp_path):
    spoken = make_run(tmp_path / "a", 12, scores=True)
    other = [dict(record) for record in spoken[:-1]]
    other[3]["emotion"] = next(name for name in EMOTIONS if name != other[3]["emotion"])
    make_run(tmp_path / "b", spoken=other, scores=True)
    summary = json.loads((tmp_path / "b/summary.json").read_text())
    summary |= {
        "settings": {"fusion": {"fusion.abstain": 0.4}},
        "models": {"face": {"name": "mine", "sha256": "cd" * 32}},
    }
    (tmp_path / "b/summary.json").write_text(json.dumps(summary))
    path = write_comparison(tmp_path / "a", tmp_path / "b", tmp_path / "c.html")
    page = Page(path.read_text())
    assert len(page.content["utterances"]) == 23
    assert "1 of 11 in both" in page.text
    assert "Only in A: 1 utterance" in page.text
    for text in ("fusion.fusion.abstain", "microphone.vad", "webrtc", "silero", "mine cdcdcdcdcdcd", "overlap"):
        assert text in page.text, text
    assert path.read_bytes() == write_comparison(tmp_path / "a", tmp_path / "b", tmp_path / "c.html").read_bytes()


def test_runs_of_other_recordings_have_nothing_in_both(tmp_path):
    make_run(tmp_path / "a", spoken=[*records(1, "a.mp4"), *records(1, "b.mp4")])
    make_run(tmp_path / "b", spoken=records(2, "c.mp4"))
    text = Page(write_comparison(tmp_path / "a", tmp_path / "b", tmp_path / "c.html").read_text()).text
    assert "No utterance is in both." in text
    assert "Only in A: 2 utterances, at a.mp4 0:01, b.mp4 0:01." in text


def test_each_line_of_several_recordings_names_its_recording(tmp_path):
    make_run(tmp_path, spoken=[*records(1, "a.mp4"), *records(1, "b.mp4")])
    lines = re.findall(r"<summary.*?</summary>", write_report(tmp_path).read_text())
    assert [name in line for name, line in zip(("a.mp4", "b.mp4"), lines, strict=True)] == [True, True]
    make_run(tmp_path / "one", spoken=records(1, "a.mp4"))
    assert "a.mp4" not in re.findall(r"<summary.*?</summary>", write_report(tmp_path / "one").read_text())[0]


def test_a_run_beside_itself_differs_in_nothing(run, tmp_path):
    own = read_run(run)
    pairs = pair(own, own)
    assert len(pairs.both) == 24
    assert not pairs.changed
    assert pairs.only == ((), ())
    page = Page(write_comparison(run, run, tmp_path / "c.html").read_text())
    assert "same emotion in both" in page.text
    assert "Settings: the same." in page.text


def test_a_pipe_stays_a_pipe_and_a_folder_that_is_missing_is_told(run, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)  # a reader, so that writing does not wait for one
    write(pipe, "page")
    assert os.read(end, 10) == b"page"
    assert pipe.is_fifo()
    os.close(end)
    with pytest.raises(OutputError, match="is no folder: make it"):
        write_comparison(run, run, tmp_path / "missing" / "c.html")


def test_utterances_are_paired_by_most_of_their_time(tmp_path):
    times = {"a": [(1.0, 3.0), (4.0, 6.0)], "b": [(1.4, 3.3), (3.4, 4.5), (4.6, 6.1), (9.0, 9.5)]}
    for name, spans in times.items():
        spoken = records(len(spans), recording=f"{name}.mp4")
        for record, (start, end) in zip(spoken, spans, strict=True):
            record |= {"start_s": start, "end_s": end}
        make_run(tmp_path / name, spoken=spoken)
    pairs = pair(read_run(tmp_path / "a"), read_run(tmp_path / "b"))
    assert [(a.start_s, b.start_s) for a, b in pairs.both] == [(1.0, 1.4), (4.0, 4.6)]
    assert [[s.start_s for s in only] for only in pairs.only] == [[], [3.4, 9.0]]
