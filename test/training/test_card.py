"""Cards, pictures and the table say what was measured, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib draws the pictures of the cards")

from model_files import add_model
from PIL import Image

from mer_ros.cli import main
from mer_ros.errors import ModelError
from mer_ros.inference import load_manifest
from mer_ros.training.card import HEADLINES, JOINED, card_text, confusion_picture, headline, summary
from mer_ros.training.card import curves_picture as curves
from mer_ros.training.record import Record, read_record, rounded, write_record
from mer_ros.training.table import TABLE_FILE, table_text

RECORD = Record("A model of the tests.", ("It knows nothing.",), "made-up lines", 12, 1e-7)
HISTORY = {"fit": [{"epoch": e + 1.0, "loss": 2.0 / (e + 1), "score": e / 4} for e in range(4)]}


def test_the_shipped_cards_are_those_of_the_records(models_dir):
    for entry in load_manifest(models_dir):
        record = read_record(models_dir, entry.name)
        size = (models_dir / entry.file).stat().st_size
        card = (models_dir / f"{entry.name}.md").read_text(encoding="utf-8")
        assert card == card_text(entry, record, size), f"run `mer card {entry.name}`"
        if entry.task in HEADLINES | JOINED:
            measured = record.measured
            assert measured is not None, f"run `mer card {entry.name} --data DIR`"
            assert measured["sha256"] == entry.sha256, f"{entry.name} was measured before it was exported again"
            told = summary(entry.task, measured)
            assert {name: entry.metrics.get(name) for name in told} == told
            assert f"| {measured[headline(entry.task)]:.3f} |" in card
            others = measured.get("models", {})
            assert {e.name: e.sha256 for e in load_manifest(models_dir) if e.name in others} == others, (
                f"{entry.name} was measured with other models: run `mer card {entry.name} --data DIR`"
            )
        for picture in [curves(entry.name)] * bool(record.history) + [confusion_picture(entry.name)] * bool(
            record.measured
        ):
            assert f"]({picture})" in card
            assert (models_dir / picture).stat().st_size < 60_000
            with Image.open(models_dir / picture) as image:
                assert image.format == "PNG"


def test_the_shipped_table_is_that_of_the_manifest(models_dir):
    assert (models_dir / TABLE_FILE).read_text(encoding="utf-8") == table_text(models_dir, load_manifest(models_dir)), (
        "run `mer card`"
    )


def test_the_readme_says_what_the_manifest_says(models_dir):
    entries = {entry.name: entry for entry in load_manifest(models_dir) if entry.task in HEADLINES}
    readme = (models_dir.parent / "README.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` (\* )?\|(.*)\|$", readme, re.MULTILINE)
    told = {name: (bool(mark), rest) for name, mark, rest in rows if name in entries}
    assert set(told) == set(entries)
    for name, (default, rest) in told.items():
        entry = entries[name]
        score, (low, high) = HEADLINES[entry.task], entry.metrics["intervals"][HEADLINES[entry.task]]
        assert default == entry.default
        cells = [cell.strip() for cell in rest.split("|")]
        assert cells[1].split()[-1] == f"{entry.metrics[score]:.3f}", name
        assert cells[2:4] == [f"{low:.3f} to {high:.3f}", f"{entry.metrics['n']:,}"], name
        assert float(cells[4]) == pytest.approx(entry.metrics["ms_p50"], abs=0.051), name
    words = " ".join(readme.split())
    for heard in (
        entry.metrics["heard"][0] for entry in entries.values() if entry.default and "heard" in entry.metrics
    ):
        assert f"(word error rate {heard['word_error_rate']:.3f};" in words
        assert f"a weighted F1 of {heard['weighted_f1']:.3f}" in words


@pytest.fixture
def corpora(tmp_path):
    data = tmp_path / "data"
    (data / "meld").mkdir(parents=True)
    (data / "meld" / "dev_sent_emo.csv").write_text(
        "Utterance,Emotion\nso happy,joy\nsad,sadness\nangry!,anger\n...,neutral\nhappy,anger\n"
    )
    return data


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    add_model(folder, "text", metrics={"split": "told by the training", "n": 9, "accuracy": 0.99, "folds_uar": 0.25})
    write_record(folder, "tiny-text", replace(RECORD, history=HISTORY))
    return folder


def test_measuring_fills_the_manifest_the_card_and_the_table(models, corpora, capsys):
    assert main(["card", "tiny-text", "--data", str(corpora), "--models", str(models)]) == 0
    assert capsys.readouterr().out.strip() == str(models / "tiny-text.md")
    (entry,) = load_manifest(models)
    assert list(entry.metrics)[:3] == ["split", "n", "weighted_f1"]  # the score that it is judged by comes first
    assert (entry.metrics["n"], entry.metrics["accuracy"], entry.metrics["folds_uar"]) == (5, 0.6, 0.25)
    assert entry.metrics["split"].startswith("lines of meld/dev_sent_emo.csv")
    csv = corpora / "meld" / "dev_sent_emo.csv"
    assert main(["evaluate", "text", "--data", str(csv), "--models", str(models), "--json"]) == 0
    printed = rounded(json.loads(capsys.readouterr().out.splitlines()[-1]))
    measured = read_record(models, "tiny-text").measured
    apart = ("model", "task", "provider", "heard", "read_as", "ms_p50", "ms_p95")
    timeless = {k: v for k, v in printed.items() if k not in apart}
    assert {k: measured[k] for k in timeless} == timeless
    card = (models / "tiny-text.md").read_text()
    low, high = measured["intervals"]["accuracy"]
    for part in (
        "A model of the tests.",
        f"| accuracy | 0.600 | {low:.3f} to {high:.3f} |",
        "| joy | 0.500 | 1.000 | 0.667 | 1 |",
        "| folds uar | 0.250 |",
        "Held out in its training: made-up lines.",
        "12 parameters",
        "It knows nothing.",
        entry.command,
    ):
        assert part in card
    assert "0.99" not in card  # what the training said of the same score
    table = (models / TABLE_FILE).read_text()
    assert "| [tiny-text](tiny-text.md) * | text | 0.600 |" in table
    for picture in (confusion_picture("tiny-text"), curves("tiny-text")):
        with Image.open(models / picture) as image:
            assert len(np.unique(np.asarray(image.convert("L")))) > 4


def test_cards_are_written_anew_without_data(models, corpora):
    assert main(["card", "--data", str(corpora), "--models", str(models)]) == 0
    card = (models / "tiny-text.md").read_text()
    (models / "tiny-text.md").unlink()
    shutil.rmtree(models / "pictures")
    shutil.rmtree(corpora)
    assert main(["card", "--models", str(models)]) == 0
    assert (models / "tiny-text.md").read_text() == card
    assert (models / confusion_picture("tiny-text")).is_file()


def test_scores_on_heard_lines_are_kept_while_the_written_ones_are_answered_alike(models, corpora, tmp_path, capsys):
    heard = tmp_path / "heard.csv"
    heard.write_text("Utterance,Emotion,Dialogue_ID,Utterance_ID,Heard,Voice\nhappy,joy,0,0,happy,piper 1 1\n")
    card = ["card", "tiny-text", "--data", str(corpora), "--models", str(models)]
    assert main([*card, "--heard", str(heard)]) == 0
    assert "on heard lines" not in capsys.readouterr().out
    (before,) = load_manifest(models)[0].metrics["heard"]
    assert main(card) == 0
    assert "heard lines are kept, as it answers the written ones as before" in capsys.readouterr().out
    assert load_manifest(models)[0].metrics["heard"] == [before]
    lines = corpora / "meld" / "dev_sent_emo.csv"
    lines.write_text(lines.read_text().replace("sad,sadness", "happy,sadness"))
    assert main(card) == 0
    assert "heard lines are dropped, as it answers otherwise" in capsys.readouterr().out
    assert "heard" not in load_manifest(models)[0].metrics


def test_a_model_of_single_lines_is_not_said_to_read_those_before(models, corpora):
    assert main(["card", "--data", str(corpora), "--models", str(models)]) == 0
    assert ", each by itself, given" in load_manifest(models)[0].metrics["split"]


def test_what_was_not_measured_says_what_the_training_said(models):
    assert main(["card", "--models", str(models)]) == 0
    card = (models / "tiny-text.md").read_text()
    assert "Measured in its training (n = 9):" in card
    assert "| accuracy | 0.990 |" in card
    assert not (models / confusion_picture("tiny-text")).exists()
    assert "accuracy 0.990 | 9 | told by the training" in (models / TABLE_FILE).read_text()


def test_tables_inside_of_the_metrics_are_told_line_by_line(models):
    (entry,) = load_manifest(models)
    metrics = {**entry.metrics, "accuracy_by_size": {"48": 0.5, "16": 0.25}, "speakers": ["a", "b"]}
    text = card_text(replace(entry, metrics=metrics), RECORD, 20)
    assert "| accuracy by size: 48 | 0.500 |\n| accuracy by size: 16 | 0.250 |\n| speakers | a, b |" in text


def test_worse_conditions_have_a_table(models, corpora):
    assert main(["card", "--data", str(corpora), "--models", str(models)]) == 0
    (entry,), record = load_manifest(models), read_record(models, "tiny-text")
    worse = {"n": 2, "score": "uar", "unchanged": {"as it is": 0.5}, "noise": {"10 dB": 0.25, "0 dB": 0.125}}
    text = card_text(entry, replace(record, measured={**record.measured, "robust": worse}), 20)
    assert "Under worse conditions, unweighted average recall (UAR) (n = 2):" in text
    assert "| unchanged | as it is | 0.500 |\n| noise | 10 dB | 0.250 |\n| noise | 0 dB | 0.125 |" in text


def test_an_unknown_model_and_a_lost_record_are_named(models, capsys):
    assert main(["card", "other", "--models", str(models)]) == 2
    assert "there is: tiny-text" in capsys.readouterr().err
    (models / "tiny-text.json").write_text("{}")
    with pytest.raises(ModelError, match="export tiny-text again"):
        read_record(models, "tiny-text")


def test_records_are_read_as_written(tmp_path):
    record = replace(RECORD, history=HISTORY, measured={"n": 3, "confusion": [[1, 2]], "uar": 0.25})
    write_record(tmp_path, "a", record)
    assert read_record(tmp_path, "a") == rounded_record(record)


def rounded_record(record):
    return replace(record, history=rounded(record.history), measured=rounded(record.measured))
