"""Small real ONNX models for tests, made node by node, with their entries in a manifest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mer_ros.inference import ModelEntry, TensorSpec
from mer_ros.inference.writer import add_entry, file_sha256

onnx = pytest.importorskip("onnx", reason="onnx makes the models of these tests")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

IR, OPSET = 8, [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
WORDS = {"happy": 3, "sad": 5, "angry": 0, "!": 6}


def _save(path: Path, nodes: list, inputs: list, outputs: list, constants: dict[str, np.ndarray]) -> None:
    graph = helper.make_graph(
        nodes, "test", inputs, outputs, [numpy_helper.from_array(v, k) for k, v in constants.items()]
    )
    model = helper.make_model(graph, opset_imports=OPSET, ir_version=IR)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def save_text(path: Path, with_known: bool = False, length: int = 20) -> None:
    """Each of WORDS votes for its class; `known` tells the share of tokens that are in WORDS."""
    table = np.zeros((len(WORDS) + 1, 7), np.float32)
    for row, label in enumerate(WORDS.values()):
        table[row, label] = 2
    nodes = [
        helper.make_node(
            "LabelEncoder",
            ["tokens"],
            ["ids"],
            domain="ai.onnx.ml",
            keys_strings=list(WORDS),
            values_int64s=list(range(len(WORDS))),
            default_int64=len(WORDS),
        ),
        helper.make_node("Gather", ["table", "ids"], ["votes"]),
        helper.make_node("ReduceSum", ["votes", "axis"], ["logits"], keepdims=0),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 7])]
    constants = {"table": table, "axis": np.array([1])}
    if with_known:
        nodes += [
            helper.make_node("Less", ["ids", "unknown"], ["hit"]),
            helper.make_node("Cast", ["hit"], ["known"], to=TensorProto.BOOL),
        ]
        outputs.append(helper.make_tensor_value_info("known", TensorProto.BOOL, ["batch", length]))
        constants["unknown"] = np.array(len(WORDS))
    inputs = [helper.make_tensor_value_info("tokens", TensorProto.STRING, ["batch", length])]
    _save(path, nodes, inputs, outputs, constants)


def save_mean(path: Path, name: str = "features", shape: tuple[int, ...] = (100, 34), softmax: bool = True) -> None:
    """A float input; the logits are the means of its first seven columns."""
    nodes = [
        helper.make_node("ReduceMean", [name], ["mean"], axes=[1], keepdims=0),
        helper.make_node("Slice", ["mean", "start", "end", "axis"], ["logits"]),
        helper.make_node("Softmax" if softmax else "Identity", ["logits"], ["probabilities"]),
    ]
    constants = {"start": np.array([0]), "end": np.array([7]), "axis": np.array([1])}
    _save(
        path,
        nodes,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 7])],
        constants,
    )


def save_face(path: Path) -> None:
    """Brighter faces are happier; the context counts for nothing, but is an input."""
    nodes = [
        helper.make_node("Cast", ["face"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["bright"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Cast", ["context"], ["scene"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["scene"], ["scene_mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["scene_mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["bright", "nothing"], ["sum"]),
        helper.make_node("Unsqueeze", ["sum", "one"], ["column"]),
        helper.make_node("Mul", ["column", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    weights = np.zeros((1, 7), np.float32)
    weights[0, 3], weights[0, 5] = 0.05, 0.01
    constants = {"zero": np.array(0, np.float32), "one": np.array([1]), "weights": weights}
    _save(
        path,
        nodes,
        [
            helper.make_tensor_value_info("face", TensorProto.UINT8, ["batch", 96, 96, 3]),
            helper.make_tensor_value_info("context", TensorProto.UINT8, ["batch", 112, 150, 3]),
        ],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 7])],
        constants,
    )


INPUTS = {
    "text": {"tokens": TensorSpec("string", (None, 20))},
    "speech": {"features": TensorSpec("float32", (None, 100, 34))},
    "face": {
        "face": TensorSpec("uint8", (None, 96, 96, 3)),
        "context": TensorSpec("uint8", (None, 112, 150, 3)),
    },
}
_SAVE = {"text": save_text, "speech": save_mean, "face": save_face}


def make_entry(path: Path, task: str, **changes: object) -> ModelEntry:
    """An entry for a file that is there."""
    values: dict = {
        "name": path.stem,
        "file": path.name,
        "sha256": file_sha256(path),
        "task": task,
        "default": True,
        "inputs": INPUTS[task],
        "outputs": {"probabilities": TensorSpec("float32", (None, 7))},
        "prior": (1 / 7,) * 7,
        "reliability": 0.5,
        "metrics": {"split": "made up for a test", "n": 1},
        "data": ("none",),
        "terms": "free",
        "command": "made by a test",
    }
    return ModelEntry(**{**values, **changes})


def add_model(folder: Path, task: str, name: str | None = None, **changes: object) -> ModelEntry:
    """Writes a small model for the task into the folder, and its entry into the manifest."""
    path = folder / f"{name or f'tiny-{task}'}.onnx"
    _SAVE[task](path)
    entry = make_entry(path, task, **changes)
    add_entry(folder, entry)
    return entry
