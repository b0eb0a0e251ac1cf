"""From a trained network to a file that the runtime takes: ONNX, manifest entry, card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import ModelError
from mer_ros.inference import ModelEntry, TensorSpec
from mer_ros.inference.manifest import FILE_NAME, load_manifest
from mer_ros.inference.writer import add_entry, check_new, file_sha256
from mer_ros.training.glove import UNKNOWN
from mer_ros.training.measure import write_card, write_table
from mer_ros.training.record import Record, write_record
from mer_ros.training.trained import Trained

OPSET = 17
TOLERANCE = 1e-4  # largest difference in probability between torch and ONNX Runtime
_TYPES = {torch.float32: "float32", torch.uint8: "uint8", torch.int64: "int64", torch.bool: "bool"}


@dataclass(frozen=True)
class Graph:
    """What is exported. module: takes the inputs in their order, and gives the outputs in theirs.

    inputs: an example of each, by name, a batch of two or more. outputs: the names. words: when given, the input
    `ids` becomes `tokens`, strings that are looked up inside of the graph.
    finish: done to the file in place once it is written, for instance its quantisation. tolerance: the largest
    difference in probability between torch's answers and those of the finished file. free_length: the inputs whose
    second axis may have any length. besides: outputs that are no probabilities, and are not compared.
    """

    module: nn.Module
    inputs: dict[str, torch.Tensor]
    outputs: tuple[str, ...]
    words: tuple[str, ...] = ()
    finish: Callable[[Path], None] | None = None
    tolerance: float = TOLERANCE
    free_length: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()


class Head(nn.Module):
    """Logits at their temperature to probabilities."""

    def __init__(self, network: nn.Module, temperatures: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        self.temperatures = temperatures

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Probabilities of each head."""
        logits = self.network(*inputs)
        heads = logits if isinstance(logits, tuple) else (logits,)
        return tuple(torch.softmax(x / t, dim=1) for x, t in zip(heads, self.temperatures, strict=True))


def export(
    name: str,
    trained: Trained,
    build: Callable[[Trained], Graph],
    models: Path,
    *,
    default: bool | None = None,
    file: str = "",
) -> ModelEntry:
    """Write `models`/NAME.onnx, its entry in the manifest, its record, card and pictures, and the table of models.

    default: whether it becomes its task's default; None: only when the task has none (or it was it before).
    Raises ModelError when ONNX Runtime's answers differ from torch's by more than TOLERANCE, for a name that is none
    or another task's, and for weights that do not fit the network.
    """
    check_new(models, name, trained.task)
    try:
        graph = build(trained)
    except (KeyError, RuntimeError) as error:  # as torch says it
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"{name}: what was trained is not the network that is built here ({reason}); train it anew."
        ) from error
    if default is None:
        known = load_manifest(models) if (models / FILE_NAME).exists() else ()
        default = all(not e.default or e.name == name for e in known if e.task == trained.task)
    models.mkdir(parents=True, exist_ok=True)
    path = models / (file or f"{name}.onnx")
    part = path.with_suffix(".part")
    try:
        write_onnx(graph, part)
        difference = disagreement(graph, part)
        if not difference <= graph.tolerance:
            raise ModelError(
                f"{name}: ONNX Runtime and torch differ by {difference:.2g}, more than {graph.tolerance}; not exported."
            )
        report = trained.report
        entry = ModelEntry(
            name=name,
            file=path.name,
            sha256=file_sha256(part),
            task=trained.task,
            inputs={n: _spec(t, n in graph.free_length) for n, t in _public_inputs(graph).items()},
            outputs=_output_specs(graph),
            prior=tuple(float(p) for p in report.prior),
            reliability=float(report.reliability),
            metrics=dict(report.metrics),
            data=tuple(report.data),
            terms=report.terms,
            command=report.command,
            default=default,
        )
        record = Record(
            report.about,
            tuple(report.limits),
            report.metrics["split"],
            parameters_of(part),
            difference,
            report.history,
        )
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    write_record(models, name, record)
    add_entry(models, entry)
    write_card(models, entry)
    write_table(models)
    return entry


def write_onnx(graph: Graph, path: Path) -> None:
    """Write the graph, with words looked up inside of it when it has a vocabulary."""
    import warnings

    graph.module.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter speaks of its own future
        torch.onnx.export(
            graph.module,
            tuple(graph.inputs.values()),
            str(path),
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes=_free_axes(graph),
            opset_version=OPSET,
            dynamo=False,
        )
    if graph.words:
        _look_up_inside(path, graph.words)
    if graph.finish is not None:
        graph.finish(path)


def _free_axes(graph: Graph) -> dict[str, dict[int, str]]:
    free = {n: {0: "batch"} | ({1: "length"} if n in graph.free_length else {}) for n in graph.inputs}
    return free | {n: {0: "batch"} for n in graph.outputs}


def _look_up_inside(path: Path, words: tuple[str, ...]) -> None:
    """Put ai.onnx.ml's LabelEncoder in front: `tokens` string [B, ...] to `ids` int64 [B, ...]."""
    import onnx
    from onnx import helper

    model = onnx.load(str(path))
    ids = next(i for i in model.graph.input if i.name == "ids")
    shape = [dim.dim_value for dim in ids.type.tensor_type.shape.dim][1:]
    tokens = helper.make_tensor_value_info("tokens", onnx.TensorProto.STRING, ["batch", *shape])
    node = helper.make_node(
        "LabelEncoder",
        ["tokens"],
        ["ids"],
        domain="ai.onnx.ml",
        keys_strings=list(words),
        values_int64s=list(range(len(words))),
        default_int64=UNKNOWN,
    )
    inputs = [tokens if i.name == "ids" else i for i in model.graph.input]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.graph.node.insert(0, node)
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 2))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def disagreement(graph: Graph, path: Path) -> float:
    """The largest difference between torch's and ONNX Runtime's probabilities for the example inputs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        wanted = graph.module(*graph.inputs.values())
    feed: dict[str, Any] = {n: _feed(t) for n, t in _public_inputs(graph).items()}
    found = session.run(list(graph.outputs), feed)
    return max(
        float(np.abs(f.astype(float) - w.numpy()).max())
        for name, f, w in zip(graph.outputs, found, wanted, strict=True)
        if name not in graph.besides
    )


def parameters_of(path: Path) -> int:
    """How many numbers an ONNX file holds in its tensors, single ones and shapes left out."""
    import onnx

    tensors = onnx.load(str(path)).graph.initializer
    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    return sum(int(np.prod(t.dims)) for t in tensors if t.data_type in kinds and len(t.dims))


def _public_inputs(graph: Graph) -> dict[str, torch.Tensor | NDArray[np.object_]]:
    """The examples by the names and types that the runtime sees."""
    if not graph.words:
        return dict(graph.inputs)
    words = np.array(graph.words, dtype=object)
    return {("tokens" if n == "ids" else n): (words[t.numpy()] if n == "ids" else t) for n, t in graph.inputs.items()}


def _feed(value: torch.Tensor | NDArray[np.object_]) -> NDArray[Any]:
    return value.numpy() if isinstance(value, torch.Tensor) else value


def _spec(value: torch.Tensor | NDArray[np.object_], free_length: bool = False) -> TensorSpec:
    dtype = _TYPES[value.dtype] if isinstance(value, torch.Tensor) else "string"
    return TensorSpec(dtype, (None, *((None,) if free_length else ()), *value.shape[1 + free_length :]))


def _output_specs(graph: Graph) -> dict[str, TensorSpec]:
    with torch.no_grad():
        outputs = graph.module(*graph.inputs.values())
    specs = {name: _spec(value) for name, value in zip(graph.outputs, outputs, strict=True)}
    assert specs["probabilities"].shape[1] == len(EMOTIONS)
    return specs
