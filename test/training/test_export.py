"""Exported files answer as torch does, and the runtime takes them by their manifest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which is not installed")
onnx = pytest.importorskip("onnx", reason="export needs onnx, which is not installed")

from mer_ros.emotion import EMOTIONS  # noqa: E402
from mer_ros.errors import ModelError  # noqa: E402
from mer_ros.inference import load_manifest, load_model  # noqa: E402
from mer_ros.inference.manifest import FUSION, TASKS  # noqa: E402
from mer_ros.text.tokens import token_row  # noqa: E402
from mer_ros.training import export as export_module  # noqa: E402
from mer_ros.training.export import Graph, export  # noqa: E402
from mer_ros.training.graphs import GRAPHS  # noqa: E402
from mer_ros.training.networks.dialogue import DialogueNet  # noqa: E402
from mer_ros.training.networks.early_fusion import EarlyFusionNet  # noqa: E402
from mer_ros.training.networks.face import CaerNet  # noqa: E402
from mer_ros.training.networks.speech import SpeechNet  # noqa: E402
from mer_ros.training.networks.text import TextNet  # noqa: E402
from mer_ros.training.quantise import simplify  # noqa: E402
from mer_ros.training.trained import Report, Trained, load_trained  # noqa: E402

WORDS = ("", "<unknown>", "so", "good", "!", "not")
REPORT = Report(
    prior=(0.1, 0.1, 0.1, 0.2, 0.3, 0.1, 0.1),
    reliability=0.5,
    metrics={"split": "generated", "n": 8, "accuracy": 0.5},
    data=("generated",),
    terms="Generated data: none.",
    command="mer train text --data DIR --seed 1",
    about="A model of the tests.",
    limits=("It knows nothing.",),
)


def vectors():
    return torch.from_numpy(np.random.default_rng(1).normal(size=(len(WORDS), 8)).astype(np.float32))


def trained(task, arch="cnn"):
    """A network as it starts, which the export cannot know from one that was trained."""
    torch.manual_seed(1)
    statistics = (torch.randn(34), torch.rand(34) + 0.5)
    if task == "text":
        network = TextNet(arch, vectors())
        network.words.compress()
    elif task == "early_fusion":
        network = EarlyFusionNet(vectors(), *statistics)
        network.words.compress()
    else:
        network = {"speech": lambda: SpeechNet(*statistics), "face": CaerNet, "dialogue": DialogueNet}[task]()
    words = WORDS if task in ("text", "early_fusion") else ()
    temperatures = (1.3, 0.8) if words else (1.3,)
    return Trained(task, {"arch": arch}, network.state_dict(), REPORT, temperatures, words)


@pytest.mark.parametrize(
    ("task", "arch", "inputs", "outputs"),
    [
        ("text", "cnn", {"tokens": "string [n, 20]"}, {"probabilities", "sentiment_probabilities", "known"}),
        ("text", "lstm", {"tokens": "string [n, 20]"}, {"probabilities", "sentiment_probabilities", "known"}),
        ("speech", "", {"features": "float32 [n, 100, 34]"}, {"probabilities"}),
        ("face", "", {"face": "uint8 [n, 96, 96, 3]", "context": "uint8 [n, 112, 150, 3]"}, {"probabilities"}),
        (
            "early_fusion",
            "",
            {
                "frames": "uint8 [n, 10, 84, 150, 3]",
                "tokens": "string [n, 20]",
                "features": "float32 [n, 100, 34]",
            },
            {"probabilities", "sentiment_probabilities"},
        ),
        (
            "dialogue",
            "",
            {"current": "float32 [n, 7]", "history": "float32 [n, 6, 7]", "same_speaker": "float32 [n, 6]"},
            {"probabilities"},
        ),
    ],
)
def test_export_keeps_the_contract(tmp_path, task, arch, inputs, outputs):
    trained(task, arch).save(tmp_path / "run")
    kept = load_trained(tmp_path / "run")
    entry = export("a-model", kept, GRAPHS[task], tmp_path / "models")
    assert {name: str(spec) for name, spec in entry.inputs.items()} == inputs
    assert set(entry.outputs) == outputs
    assert entry.labels == EMOTIONS
    assert entry.default
    assert load_manifest(tmp_path / "models") == (entry,)
    model = load_model(tmp_path / "models", task)  # checks sha256, names, types and shapes
    graph = GRAPHS[task](kept)
    assert export_module.disagreement(graph, tmp_path / "models" / entry.file) <= graph.tolerance
    assert model.entry.prior == REPORT.prior
    card = (tmp_path / "models" / "a-model.md").read_text(encoding="utf-8")
    for part in (
        "A model of the tests.",
        "Held out in its training: generated.",
        "It knows nothing.",
        REPORT.command,
        REPORT.terms,
    ):
        assert part in card


def test_words_are_looked_up_inside(tmp_path):
    kept = trained("text", "lstm")
    export("t", kept, GRAPHS["text"], tmp_path)
    outputs = load_model(tmp_path, "text").run(tokens=np.stack([token_row("Not SO good!"), token_row("so zyx")]))
    assert outputs["known"][0, :5].tolist() == [True, True, True, True, False]
    assert outputs["known"][1, :3].tolist() == [True, False, False]
    ids = torch.zeros(1, 20, dtype=torch.int64)
    ids[0, :4] = torch.tensor([WORDS.index(w) for w in ("not", "so", "good", "!")])
    with torch.no_grad():
        wanted = GRAPHS["text"](kept).module(ids)[0]
    assert np.abs(outputs["probabilities"][0] - wanted[0].numpy()).max() < 1e-5


def test_the_first_model_of_a_task_is_its_default_until_another_is_chosen(tmp_path):
    names = ("one", "two", "three")
    for name, default in zip(names, (None, None, True), strict=True):
        export(name, trained("dialogue"), GRAPHS["dialogue"], tmp_path, default=default)
    assert {e.name: e.default for e in load_manifest(tmp_path)} == {"one": False, "two": False, "three": True}
    export("three", trained("dialogue"), GRAPHS["dialogue"], tmp_path)
    assert load_model(tmp_path, "dialogue").entry.name == "three"


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "disagreement", lambda graph, path: 0.01)
    with pytest.raises(ModelError, match=r"differ by 0\.01"):
        export("t", trained("dialogue"), GRAPHS["dialogue"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_disagreement_is_seen(tmp_path):
    graph = GRAPHS["dialogue"](trained("dialogue"))
    export_module.write_onnx(graph, tmp_path / "a.onnx")
    other = trained("dialogue")
    other.weights["own"] += torch.eye(7)
    assert export_module.disagreement(graph, tmp_path / "a.onnx") < 1e-5
    changed = Graph(GRAPHS["dialogue"](other).module, graph.inputs, graph.outputs)
    assert export_module.disagreement(changed, tmp_path / "a.onnx") > 1e-3


@pytest.mark.parametrize("name", ["../elsewhere", "X Y", "", "manifest", "readme"])
def test_what_is_no_name_leaves_no_file(tmp_path, name):
    with pytest.raises(ModelError, match=r"lower-case letter|choose another"):
        export(name, trained("dialogue"), GRAPHS["dialogue"], tmp_path / "models")
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_another_task_is_not_taken(tmp_path):
    entry = export("mine", trained("dialogue"), GRAPHS["dialogue"], tmp_path)
    with pytest.raises(ModelError, match="a model mine already, for dialogue"):
        export("mine", trained("speech", "cnn"), GRAPHS["speech"], tmp_path)
    assert load_manifest(tmp_path) == (entry,)
    assert load_model(tmp_path, "dialogue").entry == entry


def test_the_run_of_another_network_is_told_in_a_sentence(tmp_path):
    run = trained("dialogue")
    del run.weights["own"]
    with pytest.raises(ModelError, match="train it anew"):
        export("mine", run, GRAPHS["dialogue"], tmp_path / "models")
    run.save(tmp_path)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    for broken in ({"task": "dialogue"}, {**content, "more": 1}, {**content, "report": {}}):
        torch.save(broken, tmp_path / "model.pt")
        with pytest.raises(ModelError, match=r"cannot be read .*train it anew"):
            load_trained(tmp_path)
    report = content["report"]
    for name, broken in (
        ("task 'nonsense'", {"task": "nonsense"}),
        ("task 'identity'", {"task": "identity"}),
        ("temperatures", {"temperatures": (-1.0,)}),
        ("temperatures", {"temperatures": ()}),
        ("words", {"words": (1, 2)}),
        ("weights", {"weights": {1: torch.zeros(1)}}),
        ("data", {"report": {**report, "data": "meld"}}),
        ("limits", {"report": {**report, "limits": None}}),
        ("prior", {"report": {**report, "prior": "even"}}),
        ("metrics", {"report": {**report, "metrics": {}}}),
        ("not JSON serializable", {"report": {**report, "metrics": {"split": "s", "n": torch.zeros(1)}}}),
        ("command", {"report": {**report, "about": None}}),
        ("history", {"report": {**report, "history": {"fit": 3}}}),
    ):
        torch.save({**content, **broken}, tmp_path / "model.pt")
        with pytest.raises(ModelError, match=f"cannot be read.*{name}.*train it anew"):
            load_trained(tmp_path)
    (tmp_path / "model.pt").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="cannot be read"):
        load_trained(tmp_path)


def test_an_entry_that_is_refused_leaves_the_model_as_it_was(tmp_path):
    entry = export("mine", trained("dialogue"), GRAPHS["dialogue"], tmp_path)
    worse = replace(trained("dialogue"), temperatures=(2.0,), report=replace(REPORT, reliability=7.0))
    with pytest.raises(ModelError, match=r"reliability is 7\.0"):
        export("mine", worse, GRAPHS["dialogue"], tmp_path)
    assert load_model(tmp_path, "dialogue").entry == entry
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the exporter speaks of its own future
def test_simplified_a_convolution_takes_up_the_normalisation_beside_it(tmp_path):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU()).eval()
    path = tmp_path / "a.onnx"
    torch.onnx.export(
        network,
        (torch.zeros(1, 1, 8, 8),),
        str(path),
        dynamo=False,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
    )
    assert "BatchNormalization" in kinds_of(path)
    simplify(path)
    assert kinds_of(path) == ["Conv", "Relu"]


def kinds_of(path):
    return [node.op_type for node in onnx.load(str(path)).graph.node]


def test_an_unfinished_run_is_named(tmp_path):
    with pytest.raises(ModelError, match="has finished"):
        load_trained(tmp_path)


def test_what_ships_is_complete(models_dir: Path):
    entries = load_manifest(models_dir)
    assert {e.task for e in entries if e.default} == set(TASKS)
    for entry in entries:
        if entry.task != FUSION:  # its file is no network
            load_model(models_dir, entry.task, entry.name)
        assert entry.metrics["n"] > 0
        card = (models_dir / f"{entry.name}.md").read_text(encoding="utf-8")
        assert entry.terms in card
        assert entry.command in card
    assert sum((models_dir / e.file).stat().st_size for e in entries) < 80e6
