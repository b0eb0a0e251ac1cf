"""Exports the network with which dlib tells faces apart, as it is: nothing is trained.

python -m mer_ros.training.identity --models models
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn

from mer_ros import resources
from mer_ros.errors import ModelError
from mer_ros.inference import ModelEntry, TensorSpec
from mer_ros.inference.manifest import ENCODING, ENCODING_LENGTH, IDENTITY
from mer_ros.inference.writer import add_entry, file_sha256
from mer_ros.training.export import Graph, disagreement, parameters_of, write_onnx
from mer_ros.training.measure import write_card, write_table
from mer_ros.training.networks.recognition import MEAN, RANGE, RecognitionNet, start_from_dlib, weights_path
from mer_ros.training.record import Record, write_record

NAME = "face-identity"
SIDE = 150  # pixels, of the pictures that the weights were learnt from
TOLERANCE = 5e-3  # distances of encodings that are told apart differ by 0.05 and more

_ABOUT = (
    "Tells faces apart: encodings of one person's faces lie nearer to each other than 0.6, those of two persons farther"
    " apart. It is the network of dlib's face recognition, which the package face_recognition uses too, as it is, with"
    " weights of 16 bits. Faces are turned and scaled by their eyes, nose and mouth before."
)
_LIMITS = (
    "It was learnt from pictures of well-known persons found on the web, mostly adults and light-skinned: others it "
    "confuses more often.",
    "Twins and alike relatives are one person to it.",
    "A face seen from the side, or below some 30 pixels, is encoded badly; the camera node does not ask for those.",
    "It is for knowing again who stood before the robot an hour ago, not for telling who somebody is.",
)
_SPLIT = "pairs of Labeled Faces in the Wild, as dlib documents it; not measured here"


class Encoder(nn.Module):
    """uint8 [B, 150, 150, 3], RGB, to encodings [B, 128]."""

    mean: torch.Tensor

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.layers = RecognitionNet()
        self.last = nn.Parameter(start_from_dlib(self.layers, path))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))

    def forward(self, face: torch.Tensor) -> tuple[torch.Tensor]:
        """One encoding a face."""
        colours = (face.float().permute(0, 3, 1, 2) - self.mean) / RANGE
        features: torch.Tensor = self.layers(colours)
        return (features @ self.last,)


def halve(path: Path) -> None:
    """Keep the weights of an ONNX file in 16 bits, in place; they are widened when it is loaded."""
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(str(path))
    for tensor in [t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT and len(t.dims) > 1]:
        narrow = f"{tensor.name}_16"
        values = numpy_helper.to_array(tensor).astype(np.float16)
        model.graph.initializer.append(numpy_helper.from_array(values, narrow))
        model.graph.node.insert(0, helper.make_node("Cast", [narrow], [tensor.name], to=onnx.TensorProto.FLOAT))
        model.graph.initializer.remove(tensor)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def export_identity(models: Path) -> ModelEntry:
    """Write the file, its entry, record and card. Raises MissingDependencyError, and ModelError when the file differs
    from the network."""
    torch.manual_seed(1)
    faces = torch.randint(0, 256, (4, SIDE, SIDE, 3), dtype=torch.uint8)
    graph = Graph(Encoder(weights_path()).eval(), {"face": faces}, (ENCODING,), finish=halve, tolerance=TOLERANCE)
    path = models / f"{NAME}.onnx"
    write_onnx(graph, path)
    difference = disagreement(graph, path)
    if not difference <= TOLERANCE:
        raise ModelError(f"{NAME}: ONNX Runtime and torch differ by {difference:.2g}, more than {TOLERANCE}")
    entry = ModelEntry(
        name=NAME,
        file=path.name,
        sha256=file_sha256(path),
        task=IDENTITY,
        inputs={"face": TensorSpec("uint8", (None, SIDE, SIDE, 3))},
        outputs={ENCODING: TensorSpec("float32", (None, ENCODING_LENGTH))},
        labels=(),
        prior=(),
        reliability=0.9938,
        metrics={"split": _SPLIT, "n": 6_000, "documented_accuracy": 0.9938},
        data=("some three million faces, see dlib's dlib_face_recognition_resnet_model_v1",),
        terms="dlib_face_recognition_resnet_model_v1, by Davis King: public domain (CC0 1.0).",
        command="python -m mer_ros.training.identity",
        default=True,
    )
    write_record(models, NAME, Record(_ABOUT, _LIMITS, _SPLIT, parameters_of(path), difference))
    add_entry(models, entry)
    write_card(models, entry)
    write_table(models)
    return entry


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Export the network that tells faces apart.")
    parser.add_argument("--models", type=Path, default=resources.models_dir(), help="folder (default: %(default)s)")
    entry = export_identity(parser.parse_args().models)
    print(f"{entry.file}: sha256 {entry.sha256[:12]}, card {entry.name}.md")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
