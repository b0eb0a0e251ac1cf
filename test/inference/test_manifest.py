from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from model_files import add_model, make_entry, save_mean, save_text

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import ModelError
from mer_ros.inference import TensorSpec, load_manifest
from mer_ros.inference.manifest import choose_entry, read_checked
from mer_ros.inference.writer import add_entry


@pytest.fixture
def folder(tmp_path):
    add_model(tmp_path, "text")
    return tmp_path


def rewrite(folder, change):
    """Edits the manifest as a person would, past the checks of the dataclass."""
    path = folder / "manifest.yaml"
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))


def test_an_entry_survives_writing_and_reading(tmp_path):
    entry = add_model(tmp_path, "text", metrics={"split": "dev", "n": 3, "weighted_f1": 0.25}, data=("A", "Bé"))
    assert load_manifest(tmp_path) == (entry,)
    assert choose_entry(load_manifest(tmp_path), "text") == entry


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "No Spaces", "name"),
        ("name", None, "name"),
        ("file", "../x.onnx", "inside the folder"),
        ("file", "/x.onnx", "inside the folder"),
        ("file", "a\\b.onnx", "inside the folder"),
        ("file", 3, "inside the folder"),
        ("sha256", "abc", "64"),
        ("sha256", "A" * 64, "64"),
        ("task", "smell", "text, speech, face"),
        ("default", "yes", "true or false"),
        ("labels", list(reversed(EMOTIONS)), "in this order"),
        ("labels", list(EMOTIONS[:6]), "in this order"),
        ("prior", [1.0], "7 shares"),
        ("prior", [0.2] * 7, "7 shares"),
        ("prior", [0.0, 0.4, 0.1, 0.1, 0.1, 0.2, 0.1], "7 shares"),
        ("prior", ["a"] * 7, "7 shares"),
        ("prior", 3, "list"),
        ("reliability", 1.1, "0 to 1"),
        ("reliability", "high", "0 to 1"),
        ("reliability", float("nan"), "0 to 1"),
        ("metrics", {"n": 3}, "measured on"),
        ("metrics", {"split": "x", "n": 0}, "how many"),
        ("metrics", [], "mapping"),
        ("data", [], "corpora"),
        ("data", [1], "corpora"),
        ("terms", "", "sentence"),
        ("command", None, "sentence"),
        ("inputs", {}, "at least one"),
        ("inputs", [], "mapping"),
        ("inputs", {"tokens": "string"}, "shape"),
        ("inputs", {"tokens": {"dtype": "str", "shape": [None, 20]}}, "float32"),
        ("inputs", {"tokens": {"dtype": "string", "shape": [1, 20]}}, "batch"),
        ("inputs", {"tokens": {"dtype": "string", "shape": [None, 0]}}, "above 0"),
        ("inputs", {"tokens": {"dtype": "string", "shape": [None, "n"]}}, "above 0"),
        ("outputs", {"p": {"dtype": "float32", "shape": [None, 7]}}, "probabilities"),
        ("outputs", {"probabilities": {"dtype": "float32", "shape": [None, 6]}}, "probabilities"),
    ],
)
def test_each_field_is_checked(folder, field, value, sentence):
    rewrite(folder, lambda content: content["models"][0].update({field: value}))
    with pytest.raises(ModelError, match=sentence) as caught:
        load_manifest(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["name", "sha256", "prior", "terms", "labels"])
def test_a_missing_field_is_named(folder, field):
    rewrite(folder, lambda content: content["models"][0].pop(field))
    with pytest.raises(ModelError, match=f"does not give {field}"):
        load_manifest(folder)


def test_an_unknown_field_is_named(folder):
    rewrite(folder, lambda content: content["models"][0].update(colour="blue"))
    with pytest.raises(ModelError, match="colour"):
        load_manifest(folder)


def test_minus_one_is_a_free_dimension(folder):
    tokens = {"tokens": {"dtype": "string", "shape": [-1, 20]}}
    rewrite(folder, lambda content: content["models"][0].update(inputs=tokens))
    assert load_manifest(folder)[0].inputs["tokens"] == TensorSpec("string", (None, 20))


@pytest.mark.parametrize(
    "text", ["", "[]", "format: 2\nmodels: []", "format: 1", "models: [", "format: 1\nmodels: [3]"]
)
def test_what_is_no_manifest(tmp_path, text):
    (tmp_path / "manifest.yaml").write_text(text)
    with pytest.raises(ModelError, match=r"manifest"):
        load_manifest(tmp_path)


def test_no_manifest(tmp_path):
    with pytest.raises(ModelError, match=r"there is no manifest\.yaml"):
        load_manifest(tmp_path)


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "manifest.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="cannot be read"):
        load_manifest(tmp_path)


def test_a_name_used_twice(folder):
    rewrite(folder, lambda content: content["models"].append(content["models"][0]))
    with pytest.raises(ModelError, match="more than once"):
        load_manifest(folder)


def test_two_defaults(folder):
    rewrite(folder, lambda content: content["models"].append({**content["models"][0], "name": "other"}))
    with pytest.raises(ModelError, match="several defaults for text"):
        load_manifest(folder)


def test_choosing(folder):
    other = add_model(folder, "text", name="other", default=False)
    entries = load_manifest(folder)
    assert choose_entry(entries, "text").name == "tiny-text"
    assert choose_entry(entries, "text", "other") == other
    with pytest.raises(ModelError, match="there is: other, tiny-text"):
        choose_entry(entries, "text", "nothing")
    with pytest.raises(ModelError, match="there is: none"):
        choose_entry(entries, "face", "tiny-text")
    with pytest.raises(ModelError, match="no face model is marked"):
        choose_entry(entries, "face")
    with pytest.raises(ModelError, match="'smell'"):
        choose_entry(entries, "smell")


def test_an_altered_file(folder):
    entry = load_manifest(folder)[0]
    path = folder / entry.file
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ModelError, match="was altered"):
        read_checked(folder, entry)


def test_a_missing_file(folder):
    entry = load_manifest(folder)[0]
    (folder / entry.file).unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        read_checked(folder, entry)


def test_a_link_that_leads_out(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    save_text(tmp_path / "outside.onnx")
    (folder / "inside.onnx").symlink_to(tmp_path / "outside.onnx")
    entry = make_entry(folder / "inside.onnx", "text")
    with pytest.raises(ModelError, match="leads out"):
        read_checked(folder, entry)


def test_writing_replaces_orders_and_moves_the_default(tmp_path):
    add_model(tmp_path, "speech", name="b")
    add_model(tmp_path, "text", name="z")
    add_model(tmp_path, "text", name="a")
    again = add_model(tmp_path, "speech", name="b", reliability=0.75)
    entries = load_manifest(tmp_path)
    assert [(e.name, e.default) for e in entries] == [("a", True), ("z", False), ("b", True)]
    assert entries[2] == again
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.onnx", "b.onnx", "manifest.yaml", "z.onnx"]


def test_the_order_of_exports_does_not_matter(tmp_path):
    texts = []
    for names in ("ab", "ba"):
        folder = tmp_path / names
        folder.mkdir()
        for name in names:
            add_model(folder, "text", name=name, default=False)
        texts.append((folder / "manifest.yaml").read_text())
    assert texts[0] == texts[1]


def test_an_entry_for_another_file_is_not_written(tmp_path):
    save_mean(tmp_path / "m.onnx")
    entry = replace(make_entry(tmp_path / "m.onnx", "speech"), sha256="0" * 64)
    with pytest.raises(ModelError, match="was altered"):
        add_entry(tmp_path, entry)
    assert not (tmp_path / "manifest.yaml").exists()


def test_a_model_that_tells_faces_apart_has_an_encoding_and_no_classes(tmp_path):
    probable = add_model(tmp_path, "text")
    encoding = {"encoding": TensorSpec("float32", (None, 128))}
    entry = replace(probable, task="identity", labels=(), prior=(), outputs=encoding)
    for name in ("labels", "prior", "outputs"):
        with pytest.raises(ModelError, match=name.removesuffix("s")):
            replace(entry, **{name: getattr(probable, name)})


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        "{a: " * 3000,
        "format: &f {a: *f}\nmodels: []\n",
        "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)),
    ],
)
def test_a_file_that_would_end_the_reader_is_refused(tmp_path, content):
    (tmp_path / "manifest.yaml").write_text(content)
    with pytest.raises(ModelError, match=r"nested more than|inside of what has a name"):
        load_manifest(tmp_path)
