"""What stands in the pages, without a browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from made_runs import make_run, records
from read_page import EVIL, Page

from mer_ros.cli import main
from mer_ros.emotion import EMOTIONS
from mer_ros.report import report as report_module
from mer_ros.report.compare import write_comparison
from mer_ros.report.report import write_report
from mer_ros.report.run import read_run


def test_it_holds_all_that_a_run_has(page, run):
    headings = re.findall(r"<h2 id=([a-z]+)>", (run / "report.html").read_text())
    assert headings == ["shares", "dialogue", "utterances", "scores", "latency", "made"]
    assert len(page.all("details")) == 24
    links = page.all("a", href="#u0") + page.all("a", href="#u23")
    assert [link["aria-labelledby"] for link in links] == ["s0", "s23"]
    assert {a["id"] for _, a in page.found if "id" in a} >= {"f-who", "f-emotion", "f-words", "f-wrong", "data", "card"}
    assert all(label.get("for") or name == "label" for name, label in page.found if name == "label")
    for text in (
        "microphone.vad",
        "webrtc",
        "ab" * 32,
        "starts 1.2 s late",
        "speech to text",
        "2 extra",
        "3.11.9",
        "12.5",
    ):
        assert text in page.text, text


def test_every_id_is_there_once_and_every_reference_leads_somewhere(page):
    ids = [a["id"] for _, a in page.found if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in page.found:
        for key in ("aria-labelledby", "for"):
            assert attributes.get(key) in (None, *ids)
        assert (attributes.get("href") or "#card")[1:] in ids


def test_its_numbers_are_the_files_numbers(page, run):
    spoken = [json.loads(text) for text in (run / "emotions.jsonl").read_text().splitlines()]
    timings = [json.loads(text)["latency_ms"] for text in (run / "timings.jsonl").read_text().splitlines()]
    told = page.content
    assert told["emotions"] == list(EMOTIONS)
    for own, record, timing in zip(told["utterances"], spoken, timings, strict=True):
        assert own["probabilities"] == [record["probabilities"][name] for name in EMOTIONS]
        assert (own["start_s"], own["end_s"], own["words"]) == tuple(
            record[k] for k in ("start_s", "end_s", "transcript")
        )
        assert dict(zip(told["stages"], own["latency_ms"], strict=True)) == timing
        for sense, name in (("face", "face"), ("voice", "audio"), ("words", "text")):
            says = record["modalities"][name]
            if says["available"]:
                assert own["says"][sense] == [says["weight"], [says["probabilities"][e] for e in EMOTIONS]]
            else:
                assert sense not in own["says"]
    scores = json.loads((run / "scores.json").read_text())
    del scores["matches"]
    assert told["scores"] == scores


def test_only_the_wrong_ones_are_told_as_wrong(page, run):
    scores = json.loads((run / "scores.json").read_text())
    wrong = [u for u in page.content["utterances"] if u.get("wrong")]
    assert len(wrong) == scores["n"] - sum(scores["confusion"][i][i] for i in range(7))
    assert len(page.all("span", **{"class": "wrong"})) == len(wrong) > 0


def test_what_was_called_unknown_is_not_as_labelled(run):
    right = next(s for s in read_run(run).spoken if s.label and not s.wrong)
    assert right.labelled == "as labelled"
    unsure = replace(right, emotion="unknown")  # its most probable emotion is the label's
    assert not unsure.wrong
    assert unsure.labelled == f"labelled {right.label}"


def test_the_same_folder_gives_the_same_bytes(run, page):
    before = (run / "report.html").read_bytes()
    assert write_report(run).read_bytes() == before


def test_it_forbids_the_network_and_everything_that_it_does_not_hold(page, run):
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    text = (run / "report.html").read_text()
    assert not re.search(r"https?://|@import|url\(", text)
    assert not [a for _, a in page.found if {"src", "style", "onclick", "onload"} & set(a)]


def test_what_came_with_a_recording_stays_text(tmp_path):
    spoken = records(3, recording=EVIL)
    for record in spoken:
        record |= {"person": EVIL, "transcript": EVIL}
        record["modalities"]["face"] |= {"available": False, "probabilities": None, "reason": EVIL}
        record["modalities"]["audio"]["model"] = EVIL
    make_run(tmp_path / "a", spoken=spoken, scores=True)
    summary = json.loads((tmp_path / "a/summary.json").read_text())
    summary |= {"warnings": [EVIL], "settings": {EVIL: EVIL}, "models": [{"name": EVIL, "sha256": EVIL}], EVIL: EVIL}
    (tmp_path / "a/summary.json").write_text(json.dumps(summary))
    first = write_report(tmp_path / "a")
    both = write_comparison(tmp_path / "a", tmp_path / "a", tmp_path / "both.html")
    for path in (first, both):
        page = Page(path.read_text(encoding="utf-8"))
        assert len(page.all("script")) == 2
        assert not page.all("img")
        assert not [a for _, a in page.found if "onerror" in a]
        assert not re.search("[\x00\u202e\u2028]", path.read_text(encoding="utf-8"))
        assert page.content["utterances"][0]["words"] == EVIL


def test_nothing_said_gives_a_page_that_says_so(tmp_path):
    make_run(tmp_path, spoken=[])
    (tmp_path / "summary.json").write_text('{"recording": "quiet.wav", "duration_s": 61.0}')
    page = Page(write_report(tmp_path).read_text())
    assert "Nobody spoke" in page.text
    assert "quiet.wav" in page.text
    assert "1:01" in page.text
    assert not page.all("details")


def test_the_emotions_alone_are_enough(tmp_path):
    make_run(tmp_path, 3, timings=False)
    for name in ("summary.json", "run.json"):
        (tmp_path / name).unlink()
    page = Page(write_report(tmp_path).read_text())
    assert len(page.all("details")) == 3
    assert not page.all("h2", id="latency") + page.all("h2", id="scores") + page.all("input", id="f-wrong")


@pytest.mark.parametrize(("missing", "reason"), [("video", "no face in view"), ("audio", "no sound")])
def test_senses_that_are_not_there_say_why(tmp_path, missing, reason):
    make_run(tmp_path, 4, **{missing: False})
    page = Page(write_report(tmp_path).read_text())
    assert page.text.count(reason) == 4
    assert ("nobody in view" in page.text) == (missing == "video")


def test_faces_are_taken_in_only_when_asked_for(tmp_path):
    make_run(tmp_path, 2)
    (tmp_path / "thumbnails").mkdir()
    (tmp_path / "thumbnails/1.jpg").write_bytes(b"\xff\xd8\xff and so on")
    (tmp_path / "thumbnails/2.jpg").write_bytes(b"<svg onload=alert(1)>")
    assert not Page(write_report(tmp_path).read_text()).all("img")
    images = Page(write_report(tmp_path, thumbnails=True).read_text()).all("img")
    assert [image["src"] for image in images] == ["data:image/jpeg;base64,/9j/IGFuZCBzbyBvbg=="]


def test_faces_of_several_recordings_lie_in_their_folders_and_in_no_other(tmp_path):
    spoken = records(1, recording="one") + records(1, recording="../one")
    make_run(tmp_path / "all", spoken=spoken)
    for place in (tmp_path / "all/one", tmp_path / "one"):
        (place / "thumbnails").mkdir(parents=True)
        (place / "thumbnails/1.jpg").write_bytes(b"\xff\xd8\xff" + place.parent.name.encode())
    faces = [s.thumbnail for s in read_run(tmp_path / "all", thumbnails=True).spoken]
    assert sorted(faces, key=str) == ["/9j/YWxs", None]


def test_a_long_recording_stays_small(tmp_path):
    make_run(tmp_path, 2000)
    assert write_report(tmp_path).stat().st_size < 5_000_000


def test_of_a_very_long_one_the_beginning_is_shown(tmp_path, monkeypatch):
    make_run(tmp_path, 30)
    monkeypatch.setattr(report_module, "MOST_UTTERANCES", 20)
    page = Page(write_report(tmp_path).read_text())
    assert len(page.all("details")) == 20
    assert "the first 20 of 30 utterances" in page.text


def test_several_recordings_are_drawn_each(tmp_path):
    make_run(tmp_path, spoken=[*records(3, recording="b.mp4"), *records(2, recording="a.mp4")])
    page = Page(write_report(tmp_path).read_text())
    assert [u["recording"] for u in page.content["utterances"]] == ["a.mp4"] * 2 + ["b.mp4"] * 3
    assert page.all("select", id="f-recording")
    assert "5 utterances in 2 recordings" in page.text


def test_the_commands(run, tmp_path, capsys):
    assert main(["report", str(run)]) == 0
    assert capsys.readouterr().out.strip() == str(run / "report.html")
    assert main(["compare", str(run), str(run), "--output", str(tmp_path / "c.html")]) == 0
    assert (tmp_path / "c.html").stat().st_size > 10_000
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no emotions.jsonl" in capsys.readouterr().err
    assert main(["compare", str(run), str(run), "--output", str(tmp_path / "no/c.html")]) == 2
    assert "no/c.html" in capsys.readouterr().err
