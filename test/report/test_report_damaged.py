"""Runs that are not whole, or hold what none has, are told of in a sentence."""

from __future__ import annotations

import json
import math
import re

import pytest
from made_runs import make_run, records
from read_page import Page

from mer_ros.cli import main
from mer_ros.errors import InputError
from mer_ros.report.report import write_report


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
