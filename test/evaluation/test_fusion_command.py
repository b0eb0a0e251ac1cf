"""`mer train fusion`, `mer export`, `mer evaluate fusion`, on tiny corpora in their public layout."""

from __future__ import annotations

import json
import shutil
import sys
import wave

import numpy as np
import pytest

from mer_ros.cli import main
from mer_ros.evaluation import held_out
from mer_ros.evaluation.run import held_out_speakers
from mer_ros.experts import load_weights
from mer_ros.inference import load_manifest
from mer_ros.inference.manifest import choose_entry
from mer_ros.training.record import read_record
from mer_ros.utterance import SAMPLE_RATE


@pytest.fixture
def corpora(tmp_path, models_dir):
    """24 lines of 8 dialogues, 12 faces, and two clips of each speaker that the speech model does not know."""
    data = tmp_path / "data"
    for name in ("meld", "fer2013", "sound"):
        (data / name).mkdir(parents=True)
    rows = ["Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID"]
    for i in range(24):
        what = ("Yeah!,Ann,joy,positive", "I hate all of this,Bob,anger,negative")[i % 2]
        rows.append(f"{what},{i // 3},{i % 3}")
    (data / "meld" / "dev_sent_emo.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    rng = np.random.default_rng(0)
    labels = np.array([0, 3] * 6, np.uint8)
    np.savez(data / "fer2013" / "validation.npz", images=rng.integers(0, 255, (12, 48, 48), np.uint8), labels=labels)
    rows = ["path,emotion,speaker"]
    for speaker in held_out_speakers(choose_entry(load_manifest(models_dir), "speech")):
        for emotion, pitch in (("joy", 300), ("anger", 120)):
            name = f"sound/{speaker}-{emotion}.wav"
            t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
            samples = 6000 * np.sin(2 * np.pi * pitch * t) + 300 * rng.normal(size=len(t))
            write_wav(data / name, samples.astype(np.int16))
            rows.append(f"{name},{emotion},{speaker}")
    (data / "speech.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return data


def write_wav(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.tobytes())


def test_it_is_evaluated_without_torch_in_one_json_line(corpora, models_dir, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    words = ["evaluate", "fusion", "--data", str(corpora), "--models", str(models_dir), "--json"]
    assert main(words) == 0, capsys.readouterr().err
    shown = capsys.readouterr().out
    assert "Synthetic tuples, no accuracy of anything" in shown
    told = json.loads(shown.strip().splitlines()[-1])
    assert told["synthetic"] is True
    assert (told["lines"], told["faces"]) == (12, 6)
    assert told["n"] == 12 * 5
    assert set(told) >= {"accuracy", "weighted_f1", "uar", "per_class", "ece", "ms_p50", "ms_p95", "subsets"}
    assert main(words) == 0
    again = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert again["subsets"] == told["subsets"]


def test_an_expert_is_asked_once_about_one_thing(corpora, models_dir, monkeypatch):
    asked = []
    read = held_out.read_lines

    def counted(*arguments, **how):
        asked.append(how)
        return read(*arguments, **how)

    monkeypatch.setattr(held_out, "read_lines", counted)
    half = held_out.HeldOut(corpora, models_dir, first=False)
    after, alone = half.text(), half.text(context=False)
    assert half.text() is after
    assert [how["context"] for how in asked] == [True, False]
    assert not np.array_equal(after.probabilities, alone.probabilities)
    assert half.text(wrong=0.25) is not after


def test_data_that_are_not_there_are_named_in_a_sentence(models_dir, tmp_path, capsys):
    assert main(["evaluate", "fusion", "--data", str(tmp_path), "--models", str(models_dir)]) == 2
    shown = capsys.readouterr().err
    assert "dev_sent_emo.csv" in shown
    assert shown.count("\n") == 1


def test_train_and_export_from_end_to_end(corpora, models_dir, tmp_path, capsys):
    pytest.importorskip("torch", reason="training needs torch, which is not installed")
    pytest.importorskip("onnx", reason="export needs onnx, which is not installed")
    models, runs = tmp_path / "models", tmp_path / "runs"
    shutil.copytree(models_dir, models)
    train = ["train", "fusion", "--data", str(corpora), "--models", str(models), "--output", str(runs), "--quiet"]
    assert main([*train, "--threads", "1"]) == 0, capsys.readouterr().err
    before = load_manifest(models)
    for name, reason in (("manifest", "choose another"), ("text-glove-cnn", "for text"), ("A B", "lower-case")):
        assert main(["export", name, "--run", str(runs / "fusion"), "--models", str(models)]) == 2
        assert reason in capsys.readouterr().err
    assert load_manifest(models) == before
    assert main(["export", "mine", "--run", str(runs / "fusion"), "--models", str(models)]) == 0
    entry = choose_entry(load_manifest(models), "fusion")
    assert (entry.name, entry.file) == ("mine", "mine.yaml")
    assert entry.command == "mer train fusion --data DIR --seed 1"
    assert "synthetic" in (models / "mine.md").read_text(encoding="utf-8")
    weights = load_weights(models)
    assert len(weights.worths) == 3
    trained = entry.metrics
    names = ["mine", "dialogue-causal", "early-fusion"]
    assert main(["card", *names, "--data", str(corpora), "--models", str(models)]) == 0, capsys.readouterr().err
    fusion, dialogue, early = (next(e for e in load_manifest(models) if e.name == name) for name in names)
    for name in ("n", "synthetic_weighted_f1", "synthetic_ece"):  # the exported file says what the training said
        assert fusion.metrics[name] == pytest.approx(trained[name], abs=1e-5)
    assert not {"accuracy", "weighted_f1", "uar", "ece"} & set(fusion.metrics)  # but as synthetic ones
    assert not {"accuracy", "weighted_f1", "uar", "ece"} & {n for n in early.metrics if n.startswith("generated")}
    assert early.metrics["generated_accuracy"] > 0.9
    assert (dialogue.metrics["n"], set(read_record(models, "dialogue-causal").measured["models"])) == (
        12,
        {"face-caer", "speech-encoder", "text-minilm-dialogue", "mine"},
    )
    card = (models / "mine.md").read_text(encoding="utf-8")
    assert "| measure (synthetic) | value | 95 % |" in card
    assert card.count("no accuracy of anything") >= 2
    table = (models / "README.md").read_text(encoding="utf-8")
    assert table.index("no accuracy of anything**") < table.index("| [mine](mine.md) * | fusion |")
    assert table.index("| [dialogue-causal](dialogue-causal.md) * |") < table.index("no accuracy of anything**")
    capsys.readouterr()
    assert main(["models", "check", "--models", str(models)]) == 0
    (models / "mine.yaml").write_text("independence: 1\n", encoding="utf-8")
    assert main(["models", "check", "--models", str(models)]) == 2
    assert "was altered" in capsys.readouterr().err
