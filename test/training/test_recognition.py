"""dlib's weights are read as dlib reads them, and the network computes what dlib's does."""

from __future__ import annotations

import struct

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which is not installed")

from mer_ros.errors import InputError  # noqa: E402
from mer_ros.training.dlib_weights import read_layers  # noqa: E402
from mer_ros.training.networks.recognition import (  # noqa: E402
    LEAST,
    MEAN,
    RANGE,
    RecognitionStream,
    settle_norms,
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
        start_from_dlib(RecognitionStream(), path)


@pytest.mark.parametrize("colours", [1, 3])
def test_descriptors_are_those_that_dlib_gives(colours):
    dlib = pytest.importorskip("dlib")
    chip = np.random.default_rng(1).integers(0, 256, (150, 150, 1), dtype=np.uint8)
    chip = np.ascontiguousarray(np.cumsum(chip, axis=1).astype(np.uint8).repeat(3, axis=2))  # grey, and not flat
    wanted = dlib.face_recognition_model_v1(str(weights_path())).compute_face_descriptor(chip)
    stream = RecognitionStream(colours, as_dlib=True)
    last = start_from_dlib(stream, weights_path())
    picture = torch.from_numpy(chip).float().permute(2, 0, 1)[None]
    # One channel takes no mean of each colour: what it gets is off by what their differences make, and that is little.
    mean = torch.tensor(MEAN).view(1, 3, 1, 1) if colours == 3 else sum(MEAN) / 3
    with torch.no_grad():
        found = (stream.eval()((picture[:, :colours] - mean) / RANGE) @ last)[0].numpy()
    assert np.abs(found - np.array(wanted)).max() < (1e-4 if colours == 3 else 0.05)


def test_settled_statistics_change_no_answer():
    torch.manual_seed(1)
    stream = RecognitionStream()
    start_from_dlib(stream, weights_path())
    pictures = torch.rand(4, 1, 80, 80) - 0.5
    with torch.no_grad():
        before = stream.eval()(pictures)
        settle_norms(stream, pictures)
        after = stream.eval()(pictures)
    assert torch.allclose(before, after, atol=1e-4)
    norm = stream.blocks[3].first[1]
    assert norm.running_var.max() != 1.0


@pytest.mark.parametrize("side", [LEAST, 80, 104, 113])
def test_pictures_of_any_size_are_taken(side):
    with torch.no_grad():
        assert RecognitionStream().eval()(torch.rand(2, 1, side, side)).shape == (2, RecognitionStream.features)
