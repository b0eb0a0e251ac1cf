"""Makes the products of an exported network 8-bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def quantise_products(path: Path, kinds: tuple[str, ...] = ("MatMul",), but: tuple[str, ...] = ()) -> None:
    """Dynamic quantisation (Jacob et al. 2018) of products with weights, in place: a scale for each column of the
    weights, one for the other side, found as the numbers come. kinds: of nodes; Gather is a look-up in a table.
    but: parts of the names of those that stay as they are.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    nodes = onnx.load(str(path)).graph.node if but else ()
    kept = [node.name for node in nodes if any(part in node.name for part in but)]
    quantize_dynamic(
        str(path),
        str(path),
        op_types_to_quantize=list(kinds),
        nodes_to_exclude=kept,
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True},
    )


def quantise_layers(path: Path, examples: Iterable[Mapping[str, NDArray[Any]]], begin: tuple[str, ...]) -> None:
    """Static quantisation (the same source) of the nodes whose names start with one of `begin`, in place: what flows
    between them is 8-bit as well, in ranges that are found from `examples`, the inputs of some calls. Weights keep 7
    bits, so that no product overflows on processors that add them up in 16 bits.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(examples)

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            found = next(self.left, None)
            return None if found is None else {name: np.asarray(value) for name, value in found.items()}

    quantize_static(
        str(path),
        str(path),
        Reader(),
        nodes_to_quantize=[node.name for node in onnx.load(str(path)).graph.node if node.name.startswith(begin)],
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def simplify(path: Path) -> None:
    """ONNX Runtime's own simplifications which hold on any machine, in place: arithmetic of constants is done, borders
    and batch normalisations go into the convolutions beside them. Before a quantisation, for nothing of it is 8-bit."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    model = onnx.load(str(path))
    used = {node.domain for node in model.graph.node}
    kept = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    onnx.save(model, str(path))
