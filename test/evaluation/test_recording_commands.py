"""`mer evaluate bag` and `mer evaluate meld` as a person calls them."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from clip_files import spoken_clip
from recording_runs import S, sure, utterance, write_run

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "replay"))

from bags import Layout, write_recording
from replayed import CHEAP

from mer_ros.cli import main
from mer_ros.evaluation.recordings.labels import read_labels
from mer_ros.evaluation.recordings.run import score_bag
from mer_ros.replay.media import MediaSource

TALK = {
    "talk.mp4": [
        utterance(1, 1, 1.9, sure("joy"), ms=10.0),
        utterance(2, 3, 5, sure("sadness"), ms=20.0),
        utterance(3, 6, 9, sure("neutral", 0.5), ms=30.0),
    ]
}
LABELS = "start,end,emotion,speaker\n1,2,happy,Ann\n3,5,sad,Bob\n6,9,joy,Ann\n12,13,fear,Bob\n"


@pytest.fixture
def run(tmp_path):
    folder = write_run(tmp_path / "run", TALK)
    summary = {"recording": "talk.mp4", "zero_ns": S, "duration_s": 20.0}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


@pytest.fixture
def labels(tmp_path):
    def write(text=LABELS):
        path = tmp_path / "labels.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def called(capsys, *arguments):
    code = main(["evaluate", *map(str, arguments)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_replay_that_is_there(run, labels, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    emotions = (run / "emotions.jsonl").read_bytes()
    code, out, err = called(capsys, "bag", "--bag", run, "--labels", labels(), "--json")
    assert (code, err) == (0, "")
    lines = out.strip().split("\n")
    told = json.loads(lines[-1])
    assert told == json.loads((run / "scores.json").read_text())
    assert (told["kind"], told["labels"], told["recordings"]) == ("bag", "labels.csv", ["talk.mp4"])
    assert (told["n"], told["misses"], told["extras"]) == (3, 1, 0)
    assert told["accuracy"] == pytest.approx(2 / 3, abs=1e-6)
    assert (told["ms_p50"], told["ms_p95"]) == (21.0, pytest.approx(30.0))
    assert told["left_out"] == {"labels_of_other_recordings": 0, "recordings_without_labels": 0}
    table = [line for line in lines[:-1] if not line.startswith(("scores: ", "report: "))]
    assert max(map(len, table)) <= 80
    for said in ("4 labels on 1 recording", "1 missed", "accuracy", "0.667", "text alone", "Ann", "2-4 s"):
        assert any(said in line for line in table)
    assert f"scores: {run / 'scores.json'}" in lines
    assert "sadness" in (run / "report.html").read_text(encoding="utf-8")
    assert (run / "emotions.jsonl").read_bytes() == emotions
    before = (run / "scores.json").read_bytes()
    assert called(capsys, "bag", "--bag", run, "--labels", labels())[0] == 0
    assert (run / "scores.json").read_bytes() == before
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "complete": False}))
    code, _, err = called(capsys, "bag", "--bag", run, "--labels", labels(), "--quiet")
    assert (code, err.count("\n")) == (2, 1)
    assert "the scores are of a part" in err


def test_names_in_labels_do_not_reach_the_terminal_as_commands(run, labels, capsys):
    path = labels("start,end,emotion,speaker\n1,2,joy,\x1b[31mAnn\x07\n")
    path = path.rename(path.with_name("a\x1b[2J.csv"))
    code, out, _ = called(capsys, "bag", "--bag", run, "--labels", path)
    assert code == 0
    assert "said by  [31mAnn" in out
    assert out.isprintable() or not set(out) & {"\x1b", "\x07"}
    assert main(["report", str(run)]) == 0


def test_bad_labels_keep_what_was_computed(run, labels, capsys):
    emotions = (run / "emotions.jsonl").read_bytes()
    for text, said in (
        ("start,end\n1,2\n", "has no column emotion"),
        ("start,end,emotion\n1,2,joy\n19,22,joy\n", "line 3: the label from 19.0 to 22.0 s lies outside of talk.mp4"),
        ("start,end,emotion\n15,16,joy\n", "none of 1 labels overlaps"),
        ("start,end,emotion,recording\n1,2,joy,walk.mp4\n", "labels walk.mp4, and none of talk.mp4"),
    ):
        code, out, err = called(capsys, "bag", "--bag", run, "--labels", labels(text))
        assert code == 2
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert said in err
        assert out == ""
        assert (run / "emotions.jsonl").read_bytes() == emotions
        assert not (run / "scores.json").exists()
    for option, value in (("--output", run), ("--recogniser", "vosk"), ("--params-file", "none.yaml"), ("--jobs", 2)):
        code, _, err = called(capsys, "bag", "--bag", run, "--labels", labels(), option, value)
        assert code == 2
        assert f"leave {option} out" in err


def test_several_recordings(tmp_path, labels):
    """Each has a folder of its own; one in which nobody spoke counts too, one that was not replayed does not."""
    said = {name: [utterance(1, 1, 2, sure("joy"), zero_ns=zero)] for name, zero in (("a", 0), ("b", 100 * S))}
    folder = tmp_path / "run"
    for name, zero_ns in (("a", 0), ("b", 100 * S)):
        write_run(folder / name, {name: said[name]}, zero_ns)
    write_run(folder / "c", {}, 0)
    for name, zero_ns in (("a", 0), ("b", 100 * S), ("c", 0)):
        told = {"recording": name, "zero_ns": zero_ns, "duration_s": 5.0}
        (folder / name / "summary.json").write_text(json.dumps(told))
    recordings = [{"recording": name, "duration_s": 5.0 if name < "d" else 0} for name in "abcd"]
    (folder / "summary.json").write_text(json.dumps({"recordings": recordings}))
    lines = [(folder / name / "emotions.jsonl").read_text() for name in "ab"]
    (folder / "emotions.jsonl").write_text("".join(lines))
    rows = ["1,2,joy,a", "1,2,sad,b", "3,4,joy,c", "1,2,joy,d"]
    told = score_bag(folder, read_labels(labels("\n".join(["start,end,emotion,recording", *rows]))))
    assert told["recordings"] == ["a", "b", "c"]
    assert (told["n"], told["misses"], told["accuracy"]) == (2, 1, 0.5)
    assert told["left_out"] == {"labels_of_other_recordings": 1, "recordings_without_labels": 0}
    assert (told["intervals_by"], told["clusters"]) == ("recording", 2)
    assert (told["ms_p50"], told["ms_p95"]) == (None, None)


needs_voices = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("moonshine_voice", "skimage", "matplotlib")),
    reason="the sample's voices and faces are not installed",
)


@needs_voices
@pytest.mark.timeout(900)  # on a machine that is busy
def test_meld_from_clips_to_scores(tmp_path, capsys):
    clips = tmp_path / "clips"
    clips.mkdir()
    spoken_clip(clips / "dia0_utt0.mp4", 1)
    spoken_clip(clips / "dia0_utt1.mp4", 3)
    spoken_clip(clips / "final_videos_testdia2_utt0.mp4", 5)
    (clips / "dia0_utt2.mp4").write_bytes(b"\0" * 99)
    rows = ["Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID"]
    rows += [f"x,Ann,{name},neutral,{d},{u}" for name, d, u in (("joy", 0, 0), ("neutral", 0, 1), ("fear", 0, 2))]
    rows += ["x,Bob,neutral,neutral,2,0", "x,Bob,neutral,neutral,3,0"]
    (tmp_path / "dev.csv").write_text("\n".join(rows) + "\n")
    output = tmp_path / "out"
    asked = ("meld", "--clips", clips, "--csv", tmp_path / "dev.csv", "--output", output, "--json")
    code, out, err = called(capsys, *asked)
    assert code == 0
    assert "dia0_utt2.mp4" in err
    told = json.loads(out.strip().split("\n")[-1])
    assert (told["kind"], told["recordings"], told["n"], told["misses"]) == ("meld", ["dia0", "dia2"], 3, 0)
    assert (told["intervals_by"], told["clusters"]) == ("dialogue", 2)
    assert told["left_out"] == {
        "clips_broken": 1,
        "clips_missing": 1,
        "clips_unlabelled": 0,
        "dialogues_not_replayed": 0,
    }
    matches = [(m["recording"], m["utterance"], m["label"], m["speaker"]) for m in told["matches"]]
    assert matches == [("dia0", 1, "joy", "Ann"), ("dia0", 2, "neutral", "Ann"), ("dia2", 1, "neutral", "Bob")]
    for match in told["matches"]:
        assert match["overlap_s"] > 0.7 * (match["end_s"] - match["start_s"])
    said = [json.loads(line) for line in (output / "emotions.jsonl").read_text().splitlines()]
    assert [(item["recording"], item["turn"]) for item in said] == [("dia0", 1), ("dia0", 2), ("dia2", 1)]
    assert all(item["modalities"][name]["available"] for item in said for name in ("audio", "text"))
    assert any(item["modalities"]["face"]["available"] for item in said)
    assert told["ms_p50"] > 0


@needs_voices
@pytest.mark.timeout(900)  # on a machine that is busy
def test_a_cluster_gives_the_same_scores(tmp_path, capsys):
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    (tmp_path / "clips").mkdir()
    spoken_clip(tmp_path / "clips/dia7_utt0.mp4", 1)
    spoken_clip(tmp_path / "clips/dia12_utt3.mp4", 3)
    (tmp_path / "dev.csv").write_text("Emotion,Dialogue_ID,Utterance_ID\njoy,7,0\nneutral,12,3\n")
    (tmp_path / "cheap.yaml").write_text(CHEAP)
    asked = ("meld", "--clips", tmp_path / "clips", "--csv", tmp_path / "dev.csv", "--quiet")
    asked = (*asked, "--params-file", tmp_path / "cheap.yaml", "--output")
    assert called(capsys, *asked, tmp_path / "here") == (0, "", "")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    ) as cluster:
        assert called(capsys, *asked, tmp_path / "there", "--scheduler", cluster.scheduler_address)[0] == 0
    for name in ("emotions.jsonl", "summary.json"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
    here, there = (json.loads((tmp_path / at / "scores.json").read_text()) for at in ("here", "there"))
    assert {k: v for k, v in here.items() if not k.startswith("ms_")} == {
        k: v for k, v in there.items() if not k.startswith("ms_")
    }
    assert here["n"] == 2


@needs_voices
@pytest.mark.timeout(900)  # on a machine that is busy
def test_a_bag_from_messages_to_scores(tmp_path, labels, capsys):
    zero_ns = 1_700_000_000 * S
    length_s = spoken_clip(tmp_path / "talk.mp4", 1)
    write_recording(
        tmp_path / "talk", MediaSource(tmp_path / "talk.mp4").events(zero_ns), layout=Layout(encoding="png")
    )
    output = tmp_path / "out"
    rows = f"start,end,emotion\n{zero_ns + S // 5},{zero_ns + round((length_s - 0.2) * 1e9)},joy\n"
    asked = ("bag", "--bag", tmp_path / "talk", "--labels", labels(rows), "--output", output, "--json")
    code, out, _ = called(capsys, *asked)
    assert code == 0
    told = json.loads(out.strip().split("\n")[-1])
    assert (told["n"], told["misses"], told["extras"], told["recordings"]) == (1, 0, 0, ["talk"])
    assert told == json.loads((output / "scores.json").read_text())
    # Other labels on what was replayed: nothing is done anew, and what is wrong costs nothing that was computed.
    emotions = (output / "emotions.jsonl").read_bytes()
    again = ("bag", "--bag", output, "--labels")
    code, out, err = called(capsys, *again, labels("start,end,emotion\n50,51,joy\n"))
    assert (code, out) == (2, "")
    assert "lies outside of talk, which is" in err
    assert json.loads((output / "scores.json").read_text()) == told
    assert called(capsys, *again, labels(f"start,end,emotion\n0.2,{length_s - 0.2},happy\n"))[0] == 0
    new = json.loads((output / "scores.json").read_text())
    assert {key: new[key] for key in told if key != "matches"} == {key: told[key] for key in told if key != "matches"}
    assert (output / "emotions.jsonl").read_bytes() == emotions
