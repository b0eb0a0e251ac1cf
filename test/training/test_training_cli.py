"""`mer train` and `mer export`: help without torch, one-sentence errors, and a run from end to end."""

from __future__ import annotations

import builtins
import importlib
import subprocess
import sys

import pytest

from mer_ros.cli import main


def test_help_needs_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from mer_ros.cli import main\n"
        "codes = [main(['train', '--help']), main(['export', '--help'])]\n"
        "sys.exit(sum(codes))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "early-fusion" in done.stdout
    assert "caer_s" in done.stdout


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
        (["train", "speech", "--data", ".", "--arch", "cnn"], "text model alone"),
        (["train", "dialogue", "--data", "."], "--text"),
        (["train", "gestures", "--data", "."], "gestures"),
        (["train", "text", "--data", ".", "--threads", "0"], "1 or more"),
    ],
)
def test_errors_are_one_sentence(arguments, message, capsys):
    assert main(arguments) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1


def test_train_and_export_from_end_to_end(tmp_path, capsys):
    pytest.importorskip("torch", reason="training needs torch, which is not installed")
    pytest.importorskip("onnx", reason="export needs onnx, which is not installed")
    from test_corpora import speech_folder

    from mer_ros.inference import load_model

    speakers = [f"ravdess-{n}" for n in (15, 16, 17, 18)] + [f"ravdess-0{n}" for n in range(1, 5)]
    speech_folder(tmp_path, speakers)
    train = ["train", "speech", "--data", str(tmp_path), "--output", str(tmp_path / "runs"), "--epochs", "1"]
    assert main([*train, "--quiet", "--threads", "1"]) == 0, capsys.readouterr().err
    assert "uar" in capsys.readouterr().out
    models = tmp_path / "models"
    assert main(["export", "v", "--run", str(tmp_path / "runs" / "speech"), "--models", str(models)]) == 0
    entry = load_model(models, "speech").entry
    assert entry.command == "mer train speech --data DIR --seed 1 --epochs 1"
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
