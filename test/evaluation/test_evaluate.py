from __future__ import annotations

import argparse
import json
import subprocess
import sys
import wave
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from model_files import add_model

from mer_ros.corpora.speech import read_clips
from mer_ros.corpora.text import NO_SENTIMENT, read_meld
from mer_ros.emotion import SENTIMENTS
from mer_ros.errors import InputError, ModelError
from mer_ros.evaluation import cli
from mer_ros.evaluation.cli import Target, add_evaluate_parser
from mer_ros.evaluation.run import evaluate_speech, evaluate_text, held_out_speakers
from mer_ros.inference import load_manifest, load_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    add_model(folder, "text")
    add_model(folder, "speech", metrics={"split": "made up", "n": 1, "speakers": ["made-2"]})
    add_model(folder, "face")
    return folder


@pytest.fixture
def corpora(tmp_path):
    data = tmp_path / "data"
    for name in ("meld", "fer2013", "made"):
        (data / name).mkdir(parents=True)
    (data / "meld" / "dev_sent_emo.csv").write_text(
        "Utterance,Emotion\nso happy,joy\nsad,sadness\nangry!,anger\n...,neutral\nhappy,anger\n"
    )
    np.savez(
        data / "fer2013" / "validation.npz",
        images=np.stack([np.full((48, 48), v, np.uint8) for v in (0, 120, 250)]),
        labels=np.array([0, 3, 3], np.uint8),
    )
    rng = np.random.default_rng(5)
    rows = ["path,emotion,speaker"]
    clips = [("joy", "made-1"), ("fear", "made-2"), ("joy", "made-2"), ("disgust", "made-2")]
    for n, (emotion, speaker) in enumerate(clips):
        with wave.open(str(data / "made" / f"{n}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(rng.integers(-9000, 9000, 16_000).astype("<i2").tobytes())
        rows.append(f"made/{n}.wav,{emotion},{speaker}")
    (data / "speech.csv").write_text("\n".join(rows) + "\n")
    return data


@pytest.fixture
def mer(models, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words):
        parser = argparse.ArgumentParser()
        add_evaluate_parser(parser.add_subparsers(required=True), models)
        args = parser.parse_args(["evaluate", *map(str, words)])
        return args.handler(args), capsys.readouterr().out

    return run


def last_json(out):
    return json.loads(out.splitlines()[-1])


def test_text(mer, corpora):
    code, out = mer("text", "--data", corpora / "meld" / "dev_sent_emo.csv", "--json")
    assert code == 0
    result = last_json(out)
    assert (result["n"], result["model"], result["provider"]) == (5, "tiny-text", "cpu")
    # "..." has no words: it counts as the prior, whose first class is anger.
    assert result["unavailable"] == 1
    assert result["accuracy"] == pytest.approx(3 / 5)
    assert result["per_class"]["joy"]["precision"] == pytest.approx(0.5)
    assert {"weighted_f1", "uar", "ece"} <= set(result)
    assert 0 < result["ms_p50"] <= result["ms_p95"]
    assert "sadness" in out
    assert "weighted F1" in out


def test_text_has_intervals_by_dialogue(mer, corpora):
    path = corpora / "meld" / "dev_sent_emo.csv"
    rows = [f"happy,{'joy' if i < 6 else 'anger'},positive,{i // 2},{i % 2}" for i in range(8)]
    path.write_text("\n".join(["Utterance,Emotion,Sentiment,Dialogue_ID,Utterance_ID", *rows]) + "\n")
    _, out = mer("text", "--data", path, "--json")
    result = last_json(out)
    assert (result["intervals_by"], result["clusters"]) == ("dialogue", 4)
    assert result["intervals"]["accuracy"] == [0.25, 1.0]  # of three right dialogues and a wrong one
    assert "95 % intervals: bootstrap by dialogue, 4 of them" in out
    assert "sentiment" not in result  # the model has no such head


def test_a_sentiment_head_has_its_own_score(corpora, models_dir):
    lines = read_meld(corpora / "meld" / "dev_sent_emo.csv").rows(np.arange(3))
    lines = replace(lines, sentiments=np.array([2, 0, NO_SENTIMENT]))
    result = evaluate_text(load_model(models_dir, "text"), lines).as_mapping()
    assert result["sentiment"]["n"] == 2  # those that are known
    assert result["sentiment_weighted_f1"] == result["sentiment"]["weighted_f1"]
    assert set(result["sentiment"]["per_class"]) == set(SENTIMENTS)
    json.dumps(result)


def test_face(mer, corpora):
    result = last_json(mer("face", "--data", corpora / "fer2013" / "validation.npz", "--json")[1])
    assert (result["n"], result["unavailable"]) == (3, 0)
    assert result["per_class"]["joy"]["recall"] == 1


def test_speech(mer, corpora):
    path = corpora / "speech.csv"
    result = last_json(mer("speech", "--data", path, "--json")[1])
    assert (result["n"], result["intervals_by"], result["clusters"]) == (4, "speaker", 2)
    assert last_json(mer("speech", "--data", path, "--json", "--speakers", "made-2")[1])["n"] == 3
    assert last_json(mer("speech", "--data", path, "--json", "--corpus", "made")[1])["n"] == 4
    with pytest.raises(InputError, match="no speaker other-1"):
        mer("speech", "--data", path, "--speakers", "other-1")


def test_a_speaker_is_heard_in_random_order_and_then_every_clip_alone(corpora):
    asked = []

    class Remembering:
        provider = "cpu"
        entry = SimpleNamespace(
            name="fake",
            task="speech",
            inputs={"samples": None, "prosody": None, "heard": None, "past": SimpleNamespace(shape=(None, 1))},
            prior=(1 / 7,) * 7,
        )

        def run(self, samples, prosody, past, heard):
            asked.append((float(np.abs(samples).sum()), heard.item()))
            return {"probabilities": np.full((1, 7), 1 / 7, np.float32), "voice": np.zeros((1, 1), np.float32)}

    clips = read_clips(corpora / "speech.csv", ["made-2"])
    told = evaluate_speech(Remembering(), clips).as_mapping()
    assert [count for _, count in asked] == [0, 1, 2, 0, 0, 0]
    assert [sound for sound, _ in asked[:3]] == [sound for sound, _ in asked[3:]]
    assert told["alone"]["uar"] == told["alone_uar"]
    assert told["n"] == told["alone"]["n"] == 3


def test_all(mer, models, corpora, monkeypatch):
    monkeypatch.setattr(cli, "TARGETS", {t: replace(target, most_ece=1.0) for t, target in cli.TARGETS.items()})
    add_model(models, "text", name="also-text", default=False)
    code, out = mer("all", "--data", corpora, "--json")
    assert code == 1  # speech: a model that knows nothing
    result = last_json(out)
    assert list(result) == ["tiny-text", "also-text", "tiny-speech", "tiny-face"]  # each task's default first
    assert result["also-text"]["accuracy"] == result["tiny-text"]["accuracy"]
    assert result["tiny-speech"]["n"] == 3  # the speaker that its entry names
    lines = out.splitlines()
    assert any(line.startswith("tiny-face *") and " met " in line for line in lines)
    assert any(line.startswith("tiny-speech *") and "MISSED" in line for line in lines)
    assert any(line.startswith("also-text ") and "*" not in line for line in lines)


def test_all_says_what_it_measured(mer, models, corpora):
    add_model(models, "face", metrics={"split": "each face before a random scene", "n": 1})
    out = mer("all", "--data", corpora)[1]
    assert "random scene" not in out  # the training's, not what is fed here
    assert "- tiny-face: fer2013/validation.npz, each face alone: its context is all black" in out
    assert "- tiny-speech: clips of speech.csv by made-2," in out


def test_all_names_what_it_does_not_score(mer, models, corpora):
    text = (models / "manifest.yaml").read_text()
    other = text[text.index("- name: tiny-speech") :].split("- name: ")[1]
    other = other.replace("tiny-speech\n", "my-dialogue\n", 1).replace("task: speech", "task: dialogue")
    (models / "manifest.yaml").write_text(f"{text}- name: {other}")
    out = mer("all", "--data", corpora)[1]
    assert "Not scored here: my-dialogue;" in out


def test_only_a_default_that_misses_its_target_fails(mer, models, corpora, monkeypatch):
    # What has no words counts as the prior: the default's first class is anger, that of the other one surprise.
    add_model(models, "text", name="poor", default=False, prior=(0.01,) * 6 + (0.94,))
    monkeypatch.setattr(cli, "TARGETS", {"text": Target("accuracy", 0.9, most_ece=1.0)})
    path = corpora / "meld" / "dev_sent_emo.csv"
    path.write_text("Utterance,Emotion\nso happy,joy\n...,anger\n")
    code, out = mer("all", "--data", corpora)
    assert code == 0
    assert any(line.startswith("tiny-text *") and " met " in line for line in out.splitlines())
    assert any(line.startswith("poor ") and "MISSED" in line for line in out.splitlines())
    path.write_text("Utterance,Emotion\nso happy,joy\n...,surprise\n")
    assert mer("all", "--data", corpora)[0] == 1


def test_a_default_whose_confidence_is_not_honest_fails(mer, corpora, monkeypatch):
    monkeypatch.setattr(cli, "TARGETS", {"text": Target("accuracy", 0.0, most_ece=0.0)})
    assert mer("all", "--data", corpora)[0] == 1
    monkeypatch.setattr(cli, "TARGETS", {"text": Target("accuracy", 0.0, most_ece=1.0)})
    assert mer("all", "--data", corpora)[0] == 0


def test_all_is_a_line_a_model_in_80_columns(mer, corpora, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = mer("all", "--data", corpora)[1].splitlines()
    table = lines[: lines.index("")]
    assert [line.split()[0] for line in table] == ["model", "tiny-text", "tiny-speech", "tiny-face"]
    assert max(map(len, lines)) <= 80


def test_without_json_there_is_a_table_alone(mer, corpora):
    out = mer("text", "--data", corpora / "meld" / "dev_sent_emo.csv")[1]
    assert "{" not in out


def test_held_out_speakers(models):
    add_model(models, "speech", name="named", default=False, metrics={"split": "ravdess-15, ravdess-16", "n": 9})
    add_model(models, "speech", name="silent", default=False, metrics={"split": "some speakers", "n": 9})
    entries = {e.name: e for e in load_manifest(models)}
    assert held_out_speakers(entries["tiny-speech"]) == ("made-2",)
    assert held_out_speakers(entries["named"]) == ("ravdess-15", "ravdess-16")
    with pytest.raises(ModelError, match="do not list the speakers"):
        held_out_speakers(entries["silent"])


def test_it_runs_where_only_the_run_time_packages_are(corpora, models_dir):
    path = corpora / "meld" / "dev_sent_emo.csv"
    code = (
        "import sys\n"
        "for name in ('torch', 'rclpy', 'onnx', 'matplotlib', 'sklearn'): sys.modules[name] = None\n"
        "import mer_ros.speech.transcriber, mer_ros.speech.outside\n"
        "from mer_ros.cli import main\n"
        f"sys.exit(main(['evaluate', 'text', '--data', {str(path)!r}, '--models', {str(models_dir)!r}, '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    result = last_json(done.stdout)
    assert {"n", "accuracy", "weighted_f1", "uar", "per_class", "ece", "ms_p50", "ms_p95"} <= set(result)
    assert result["n"] == 5
