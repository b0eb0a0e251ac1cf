"""dlib's weights are read as dlib reads them, and the network computes what dlib's does."""

from __future__ import annotations

import struct

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which is not installed")

from mer_ros.errors import InputError  # noqa: E402
from mer_ros.training.dlib_weights import read_layers  # noqa: E402
from mer_ros.training.networks.recognition import (  # noqa: E402
    MEAN,
    RANGE,
    RecognitionNet,
    start_from_dlib,
    weights_path,
)


def integer(value: int) -> bytes:
    body = abs(value).to_bytes(max(1, (abs(value).bit_length() + 7) // 8), "little")
    return bytes([len(body) | (0x80 if value < 0 else 0)]) + body


def layer(name: str, values, before: bytes = b"") -> bytes:
    sizes = b"".join(map(integer, (2, len(values), 1, 1, 1)))
    return integer(len(name)) + name.encode() + before + sizes + struct.pack(f"<{len(values)}f", *values)


CONTENT = (
    integer(-150)
    + layer("con_4", range(300))
    + integer(7)
    + layer("affine_", [0.5, -2.0])
    + integer(6)
    + b"relu_1"
    + layer("fc_2", [1.0, 2.0, 3.0], integer(128) + integer(256))
)


def test_layers_are_found_in_order_with_their_values(tmp_path):
    path = tmp_path / "network.dat"
    path.write_bytes(CONTENT)
    layers = read_layers(path)
    assert [found.kind for found in layers] == ["con", "affine", "fc"]
    assert layers[0].values.tolist() == list(range(300))
    assert layers[1].values.tolist() == [0.5, -2.0]
    assert layers[2].values.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(("content", "told"), [(CONTENT[:-3], "ends within layer 3"), (b"no network", "no layer")])
def test_files_that_are_cut_or_of_another_kind_are_refused(tmp_path, content, told):
    path = tmp_path / "network.dat"
    path.write_bytes(content)
    with pytest.raises(InputError, match=told):
        read_layers(path)


def test_another_network_is_refused(tmp_path):
    path = tmp_path / "network.dat"
    path.write_bytes(CONTENT)
    with pytest.raises(InputError, match="other layers"):
        start_from_dlib(RecognitionNet(), path)


def test_descriptors_are_those_that_dlib_gives():
    dlib = pytest.importorskip("dlib")
    chip = np.random.default_rng(1).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    chip = np.cumsum(chip, axis=1).astype(np.uint8)  # not flat
    wanted = dlib.face_recognition_model_v1(str(weights_path())).compute_face_descriptor(chip)
    network = RecognitionNet()
    last = start_from_dlib(network, weights_path())
    picture = torch.from_numpy(chip).float().permute(2, 0, 1)[None]
    with torch.no_grad():
        found = (network((picture - torch.tensor(MEAN).view(1, 3, 1, 1)) / RANGE) @ last)[0].numpy()
    assert np.abs(found - np.array(wanted)).max() < 1e-4
