"""What stands in the pages, without a browser."""

from __future__ import annotations

import json
import math
import os
import re
from html.parser import HTMLParser

import pytest
from made_runs import make_run, records

from mer_ros.cli import main
from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError, OutputError
from mer_ros.report import report as report_module
from mer_ros.report.charts import spread
from mer_ros.report.compare import pair, write_comparison
from mer_ros.report.markup import join, number, script_json, tag
from mer_ros.report.page import write
from mer_ros.report.palette import DARK, DARK_ACCENT, DARK_PAGE, HEAT_MOST, LIGHT, LIGHT_ACCENT, LIGHT_PAGE
from mer_ros.report.report import write_report
from mer_ros.report.run import read_run
from mer_ros.report.timeline import lines
from mer_ros.report.words import clock

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\x00\u202e\u2028"


class Page(HTMLParser):
    """Counts elements, keeps attributes and the JSON."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.content: dict = {}
        self._inside = ""
        self.text = ""
        self.feed(text)

    def handle_starttag(self, name, attributes):
        self.found.append((name, dict(attributes)))
        self._inside = dict(attributes).get("id") or name

    def handle_data(self, data):
        if self._inside == "data":
            self.content = json.loads(data)
        elif self._inside not in ("style", "script"):
            self.text += data

    def all(self, name, **attributes):
        return [a for n, a in self.found if n == name and all(a.get(k) == v for k, v in attributes.items())]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "talk"
    make_run(folder, 24, scores=True)
    return folder


@pytest.fixture(scope="module")
def page(run):
    return Page(write_report(run).read_text(encoding="utf-8"))


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


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("emotions.jsonl", '{"recording": "a"}\n', "line 1"),
        ("emotions.jsonl", None, "cannot be read"),
        ("emotions.jsonl", "[1]\n", "no JSON object"),
        ("summary.json", "{", "summary.json cannot be read"),
        ("summary.json", "[]", "no JSON object"),
        ("run.json", '{"speed": NaN}', "run.json cannot be read"),
        ("scores.json", '{"weighted_f1": "high"}', "scores.json is not as"),
        ("scores.json", '{"confusion": [[1, 2], [3, 4]]}', "not 7 x 7"),
        ("scores.json", '{"per_class": {"joy": {}}}', "scores.json is not as"),
    ],
)
def test_files_that_are_not_whole_are_told_in_a_sentence(tmp_path, name, content, told):
    make_run(tmp_path, 2)
    (tmp_path / name).unlink(missing_ok=True)
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=re.escape(told)):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


ODD = (10**18, 1e308, -5, "x", None, [], {}, True, [[[]]], {"a": {"b": [1]}}, [10**18])


def leaves(content, path=()):
    """Where each value of nested JSON is; of lists the first alone."""
    items = content[:1] if isinstance(content, list) else ()
    for key, value in content.items() if isinstance(content, dict) else enumerate(items):
        yield (*path, key)
        yield from leaves(value, (*path, key))


@pytest.mark.parametrize("name", ["scores.json", "summary.json", "run.json"])
def test_no_value_of_another_kind_breaks_more_than_a_sentence_tells(tmp_path, name):
    make_run(tmp_path, 3, scores=True)
    whole = (tmp_path / name).read_text()
    refused = 0
    for turn, (*way, last) in enumerate(leaves(json.loads(whole))):
        content = json.loads(whole)
        place = content
        for key in way:
            place = place[key]
        place[last] = ODD[turn % len(ODD)]
        (tmp_path / name).write_text(json.dumps(content))
        try:
            write_report(tmp_path)
        except InputError:
            refused += 1
    assert refused < turn


@pytest.mark.parametrize("name", ["scores.json", "summary.json", "run.json"])
@pytest.mark.parametrize("value", ["1" + "0" * 400, "1e400", "[" * 100_000, "-Infinity"])
def test_numbers_that_nothing_computes_with_are_told_in_a_sentence(tmp_path, name, value, capsys):
    make_run(tmp_path, 2, scores=True)
    (tmp_path / name).write_text(f'{{"weighted_f1": {value}, "duration_s": 1}}')
    assert main(["report", str(tmp_path)]) == 2
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 2
    first, _ = capsys.readouterr().err.splitlines()
    assert f"{name} cannot be read" in first
    assert len(first) < 600


@pytest.mark.parametrize(
    "change",
    [{"emotion": "bliss"}, {"start_s": "1"}, {"confidence": math.inf}, {"probabilities": {}}, {"end_s": 10**400}],
)
def test_lines_that_are_no_emotions_are_refused(tmp_path, change):
    make_run(tmp_path, 1)
    record = json.loads((tmp_path / "emotions.jsonl").read_text()) | change
    (tmp_path / "emotions.jsonl").write_text(json.dumps(record) + "\n")
    with pytest.raises(InputError, match="line 1"):
        write_report(tmp_path)


@pytest.mark.parametrize("share", [-1e308, 10**400, 1.5])
def test_a_probability_that_is_none_is_refused(tmp_path, share):
    spoken = records(1)
    spoken[0]["probabilities"]["joy"] = share
    make_run(tmp_path, spoken=spoken)
    with pytest.raises(InputError, match="line 1"):
        write_report(tmp_path)


def test_damaged_latencies_are_left_out(tmp_path):
    make_run(tmp_path, 2)
    with open(tmp_path / "timings.jsonl", "a") as file:
        file.write('{"recording": [], "utterance": {}, "latency_ms": {"face": 1%s}}\n' % ("0" * 400))
    write_report(tmp_path)


def test_what_has_no_number_is_drawn_all_the_same(tmp_path):
    spoken = records(2)
    spoken[0] |= {"valence": None, "arousal": None, "emotion": "unknown"}
    spoken[1]["end_s"] = spoken[1]["start_s"]
    make_run(tmp_path, spoken=spoken)
    assert "unknown" in Page(write_report(tmp_path).read_text()).text


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


def test_the_commands(run, tmp_path, capsys):
    assert main(["report", str(run)]) == 0
    assert capsys.readouterr().out.strip() == str(run / "report.html")
    assert main(["compare", str(run), str(run), "--output", str(tmp_path / "c.html")]) == 0
    assert (tmp_path / "c.html").stat().st_size > 10_000
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no emotions.jsonl" in capsys.readouterr().err
    assert main(["compare", str(run), str(run), "--output", str(tmp_path / "no/c.html")]) == 2
    assert "no/c.html" in capsys.readouterr().err


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def over(colour: str, below: str, opacity: float) -> str:
    mixed = (round(int(colour[i : i + 2], 16) * opacity + int(below[i : i + 2], 16) * (1 - opacity)) for i in (1, 3, 5))
    return "#" + "".join(f"{value:02x}" for value in mixed)


@pytest.mark.parametrize(
    ("emotions", "page", "accent"), [(LIGHT, LIGHT_PAGE, LIGHT_ACCENT), (DARK, DARK_PAGE, DARK_ACCENT)]
)
def test_contrasts(emotions, page, accent):
    for strong, soft in emotions.values():
        assert contrast(page["ink"], soft) >= 4.5
        assert contrast(strong, soft) >= 3
        assert contrast(strong, page["paper"]) >= 3
    for behind in (page["paper"], page["panel"]):
        assert min(contrast(page[name], behind) for name in ("ink", "muted")) >= 4.5
    assert contrast(accent, page["paper"]) >= 4.5
    assert contrast(emotions["anger"][0], page["panel"]) >= 4.5  # what was told wrongly is written in it
    assert contrast(page["ink"], over(accent, page["paper"], HEAT_MOST)) >= 4.5


def test_markup():
    assert tag("p", "a<b", tag("b", "&"), None, ["x", 1]) == "<p>a&lt;b<b>&amp;</b>x1</p>"
    assert tag("input", value='"', hidden=True, min=None) == '<input value="&quot;" hidden>'
    assert tag("a", href="javascript:alert(1) ") == '<a href="javascript:alert(1) "></a>'
    assert tag("rect", x=1.0, y=-0.001) == "<rect x=1 y=0 />"
    assert join("<", tag("br")) == "&lt;<br>"
    assert number(2.346) == "2.35"
    assert json.loads(script_json({"a": EVIL})) == {"a": EVIL}
    assert not set(script_json({"a": EVIL})) & set("<>&\u2028")


def test_words_and_times():
    assert [clock(t) for t in (0, 59.4, 59.6, 3661)] == ["0:00", "0:59", "1:00", "1:01:01"]
    assert clock(69.96, 1) == "1:10.0"
    assert lines("one two three", 8 * 12 * 0.58) == ["one two", "three"]
    assert lines("word " * 9, 10 * 12 * 0.58) == ["word word", "word word…"]
    assert spread([3.0]).p95 == 3.0
