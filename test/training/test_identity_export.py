"""The network that tells faces apart, from dlib's file to ours."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("face_recognition_models")
pytest.importorskip("matplotlib")

from mer_ros.inference import load_model
from mer_ros.inference.manifest import IDENTITY, load_manifest
from mer_ros.training.identity import export_identity


def test_the_shipped_file_is_what_the_command_makes(tmp_path, models_dir):
    made = export_identity(tmp_path)
    (shipped,) = (entry for entry in load_manifest(models_dir) if entry.task == IDENTITY)
    assert (made.name, made.inputs, made.outputs, made.metrics) == (
        shipped.name,
        shipped.inputs,
        shipped.outputs,
        shipped.metrics,
    )
    faces = np.random.default_rng(1).integers(0, 256, (2, 150, 150, 3), dtype=np.uint8)
    ours, theirs = (load_model(folder, IDENTITY, None, "cpu").run(face=faces) for folder in (tmp_path, models_dir))
    assert np.abs(ours["encoding"] - theirs["encoding"]).max() < 1e-4
    assert (tmp_path / "face-identity.md").is_file()
