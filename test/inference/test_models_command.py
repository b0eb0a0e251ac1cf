from __future__ import annotations

import argparse

import pytest
from model_files import add_model

from mer_ros.errors import ModelError
from mer_ros.inference.cli import add_models_parser


@pytest.fixture
def mer(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words):
        parser = argparse.ArgumentParser()
        add_models_parser(parser.add_subparsers(required=True), tmp_path)
        args = parser.parse_args(["models", *words])
        return args.handler(args)

    return run


def test_list(mer, tmp_path, capsys):
    add_model(tmp_path, "text", metrics={"split": "dev lines", "n": 12, "weighted_f1": 0.5})
    add_model(tmp_path, "speech")
    (tmp_path / "tiny-speech.onnx").unlink()
    assert mer() == 0
    lines = capsys.readouterr().out.splitlines()
    text = next(line for line in lines if "tiny-text" in line)
    assert "tiny-text *" in text
    assert " ok " in text
    assert "weighted f1 0.500 (n 12)" in text
    assert "missing" in next(line for line in lines if "tiny-speech" in line)


def test_list_marks_what_was_measured_on_generated_data(mer, tmp_path, capsys):
    add_model(tmp_path, "text", metrics={"split": "dev lines", "n": 12, "uar": 0.5})
    add_model(tmp_path, "speech", metrics={"split": "generated samples of another seed", "n": 12, "uar": 1.0})
    assert mer() == 0
    marked = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "generated" in line]
    assert marked == ["tiny-speech"]


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_no_terminal_is_too_narrow_for_a_name(mer, tmp_path, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    names = ["text-of-a-long-name", "speech-cnn"]
    for task, name in zip(("text", "speech"), names, strict=True):
        metrics = {"split": "generated samples", "n": 12, "weighted_f1": 1.0}
        add_model(tmp_path, task, name=name, metrics=metrics)
    assert mer() == 0
    out = capsys.readouterr().out
    assert [name for name in names if f"{name} *" in out] == names
    if columns >= 60:
        assert all(word in out for word in ("weighted", "1.000", "generated"))


def test_check(mer, tmp_path, capsys):
    add_model(tmp_path, "text")
    assert mer("check") == 2
    assert "card tiny-text.md is missing" in capsys.readouterr().err
    (tmp_path / "tiny-text.md").write_text("# Tiny\n")
    assert mer("check") == 0
    assert "never used" not in capsys.readouterr().out
    (tmp_path / "left-over.onnx").write_bytes(b"")
    assert mer("check") == 0
    assert "never used: left-over.onnx" in capsys.readouterr().out
    (tmp_path / "tiny-text.onnx").write_bytes(b"")
    assert mer("check") == 2
    error = capsys.readouterr().err
    assert "was altered" in error
    assert len(error.splitlines()) == 1


def test_check_wants_a_default(mer, tmp_path, capsys):
    add_model(tmp_path, "text", default=False)
    (tmp_path / "tiny-text.md").write_text("# Tiny\n")
    assert mer("check") == 2
    assert "no text model is marked as default" in capsys.readouterr().err


def test_show(mer, tmp_path, capsys):
    add_model(tmp_path, "text")
    with pytest.raises(ModelError, match="card"):
        mer("show", "tiny-text")
    (tmp_path / "tiny-text.md").write_text("# Tiny\n\nA model for tests.\n")
    assert mer("show", "tiny-text") == 0
    out = capsys.readouterr().out
    assert "A model for tests." in out
    assert "string [n, 20]" in out
    with pytest.raises(ModelError, match="there is: tiny-text"):
        mer("show", "nothing")
    (tmp_path / "tiny-text.md").write_bytes(b"# Tiny\xff\xfe")
    with pytest.raises(ModelError, match="is damaged; restore it"):
        mer("show", "tiny-text")


def test_a_folder_without_models(mer, tmp_path):
    folder = str(tmp_path / "none")
    for words in (["--models", folder], ["--models", folder, "check"], ["check", "--models", folder]):
        with pytest.raises(ModelError, match=r"manifest\.yaml in .*none"):
            mer(*words)


def test_an_empty_manifest(mer, tmp_path, capsys):
    (tmp_path / "manifest.yaml").write_text("format: 1\nmodels: []\n")
    assert mer() == 0
    assert mer("check") == 2
    assert "lists no models" in capsys.readouterr().err
