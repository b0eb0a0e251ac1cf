"""Reads the weights of the speech recogniser's encoder out of the file that its package carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mer_ros.errors import MissingDependencyError, ModelError
from mer_ros.training.networks.voice_encoder import VoiceEncoder

PACKAGE = "moonshine-voice==0.0.49"
_FLOAT, _UINT8, _INT64 = 1, 2, 7  # onnx.TensorProto's numbers of these types
_TYPES = {_FLOAT: np.float32, _UINT8: np.uint8, _INT64: np.int64}
_LINEAR = {
    **{
        f"self_attn/{short}_proj/MatMul": long
        for short, long in zip("qkvo", ("query", "key", "value", "out"), strict=True)
    },
    "mlp/fc1/Add": "up",
    "mlp/fc2/Add": "down",
}


def encoder_file() -> Path:
    """The file in the installed package. Raises MissingDependencyError, ModelError."""
    import importlib.util

    spec = importlib.util.find_spec("moonshine_voice")
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            f"the speech encoder is trained from a package that is missing: pip install {PACKAGE}"
        )
    path = Path(spec.origin).parent / "assets" / "tiny-en" / "encoder_model.ort"
    if not path.is_file():
        raise ModelError(f"{path} is missing; install {PACKAGE}, which carries it")
    return path


def load_encoder(path: Path | None = None) -> VoiceEncoder:
    """The encoder with its weights, those of 8 bits as the floats that they stand for. Raises as `encoder_file`."""
    weights, nodes = _read(path or encoder_file())
    encoder = VoiceEncoder()
    state = {
        "frequencies": weights["onnx::Expand_202"].reshape(-1),
        "front.conv1.weight": weights["conv1.weight_add_tensor"],
        "front.scale": weights["onnx::Mul_2080"],
        "front.shift": weights["onnx::Add_2081"],
        **{f"front.{c}.weight": weights[f"{c}.weight_add_tensor"] for c in ("conv2", "conv3")},
        **{f"front.{c}.bias": weights[f"{c}.bias"] for c in ("conv2", "conv3")},
        "norm.weight": weights["layer_norm.weight"],
    }
    for i in range(len(encoder.layers)):
        state[f"layers.{i}.norm1.weight"] = weights[f"layers.{i}.input_layernorm.weight"]
        state[f"layers.{i}.norm2.weight"] = weights[f"layers.{i}.post_attention_layernorm.weight"]
        for theirs, ours in _LINEAR.items():
            state[f"layers.{i}.{ours}.weight"] = _dequantised(nodes[f"/layers.{i}/{theirs}_output_0"], weights).T
        state[f"layers.{i}.up.bias"] = weights[f"layers.{i}.mlp.fc1.bias"]
        state[f"layers.{i}.down.bias"] = weights[f"layers.{i}.mlp.fc2.bias"]
    encoder.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
    return encoder.eval()


def _dequantised(inputs: list[str], weights: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    name = next(n for n in inputs if n.endswith("_quantized") and n in weights).removesuffix("_quantized")
    steps = weights[f"{name}_quantized"].astype(np.float32) - weights[f"{name}_zero_point"].astype(np.float32)
    return np.asarray(steps * weights[f"{name}_scale"], np.float32)


def _read(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, list[str]]]:
    """Weights by name, and the inputs of each node by the name of its first output."""
    from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.InferenceSession import InferenceSession

    graph = InferenceSession.GetRootAs(bytearray(path.read_bytes()), 0).Model().Graph()
    weights = {}
    for i in range(graph.InitializersLength()):
        tensor = graph.Initializers(i)
        shape = [tensor.Dims(j) for j in range(tensor.DimsLength())]
        weights[tensor.Name().decode()] = tensor.RawDataAsNumpy().view(_TYPES[tensor.DataType()]).reshape(shape)
    nodes = {}
    for i in range(graph.NodesLength()):
        node = graph.Nodes(i)
        nodes[node.Outputs(0).decode()] = [node.Inputs(j).decode() for j in range(node.InputsLength())]
    return weights, nodes
