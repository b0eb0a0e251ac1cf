"""The residual network with which dlib tells faces apart: 28 convolutions in residual blocks, 29 in all.

Davis King's, as dlib documents it (dnn_face_recognition_ex.cpp), after He et al. (arXiv 1512.03385). Its weights, in
the public domain (CC0), were learnt from some three million faces; they lie in the package face_recognition_models.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from mer_ros.errors import InputError, MissingDependencyError
from mer_ros.training.dlib_weights import Layer, read_layers

#: (channels, whether it halves the picture) of each residual block.
BLOCKS = (
    *((32, False),) * 3,
    *((64, True), *((64, False),) * 3),
    *((128, True), *((128, False),) * 2),
    *((256, True), *((256, False),) * 2),
    (256, True),
)
MEAN, RANGE = (122.782, 117.001, 104.298), 256.0  # of the colour pictures that the weights were learnt from
DESCRIPTOR = 128
LEAST = 72  # pixels a side, that every block has something to halve


def normed(inputs: int, outputs: int, side: int, stride: int, padding: int) -> nn.Sequential:
    """Convolution and batch normalisation."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, side, stride, padding, bias=False), nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """relu(x + two convolutions of x); where the picture is halved, x is averaged over 2x2 pixels and gets channels of
    zeros. as_dlib: do not look beyond the lower and the right border, and add the two from the upper left, the smaller
    one zero where it ends."""

    def __init__(self, inputs: int, outputs: int, halved: bool, as_dlib: bool) -> None:
        super().__init__()
        self.halved, self.more, self.border = halved, outputs - inputs, int(halved and not as_dlib)
        self.first = normed(inputs, outputs, 3, 2 if halved else 1, 0 if halved else 1)
        self.second = normed(outputs, outputs, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, H, W] to [B, outputs, H or H // 2, W or W // 2]."""
        y = self.second(functional.relu(self.first(functional.pad(x, (0, self.border) * 2))))
        if self.halved:
            x = functional.avg_pool2d(x, 2)
            lower, right = x.shape[2] - y.shape[2], x.shape[3] - y.shape[3]
            y = functional.pad(y, (0, right, 0, lower))
            if self.more:
                x = functional.pad(x, (0, 0, 0, 0, 0, self.more))
        return functional.relu(x + y)


class RecognitionStream(nn.Module):
    """float [B, channels, H, W], about -0.5..0.5, H and W LEAST or more, to features [B, 256]."""

    features = BLOCKS[-1][0]

    def __init__(self, channels: int = 1, as_dlib: bool = False) -> None:
        super().__init__()
        self.stem = normed(channels, BLOCKS[0][0], 7, 2, 0)
        widths = [BLOCKS[0][0], *(width for width, _ in BLOCKS)]
        self.blocks = nn.Sequential(
            *(Residual(inputs, *block, as_dlib) for inputs, block in zip(widths, BLOCKS, strict=False))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One vector a picture."""
        x = functional.max_pool2d(functional.relu(self.stem(x)), 3, 2)
        return self.blocks(x).mean(dim=(2, 3))


def weights_path() -> Path:
    """Of dlib's weights in face_recognition_models. Raises MissingDependencyError."""
    try:
        import face_recognition_models
    except ImportError as error:
        raise MissingDependencyError(
            "the face stream starts from the weights in face_recognition_models; "
            "run `pip install face_recognition_models`."
        ) from error
    return Path(face_recognition_models.face_recognition_model_location())


@torch.no_grad()
def start_from_dlib(stream: RecognitionStream, path: Path) -> torch.Tensor:
    """Give the stream dlib's weights, for a picture of one channel those of the three colours added up; and the last
    layer's, [256, 128], which makes descriptors of the features. Raises InputError where they do not fit."""
    layers = read_layers(path)
    modules = (
        [m for m in stream.modules() if isinstance(m, nn.Conv2d)],
        [m for m in stream.modules() if isinstance(m, nn.BatchNorm2d)],
    )
    kinds = [kind for _ in modules[0] for kind in ("con", "affine")] + ["fc"]
    if [layer.kind for layer in layers] != kinds:
        raise InputError(f"{path} holds other layers than dlib's recognition network; name that network's file")
    colours = stream.stem[0].in_channels
    for number, (conv, norm) in enumerate(zip(*modules, strict=True)):
        kernel, bias = _kernel(layers[2 * number], conv, 3 if number == 0 else conv.in_channels)
        conv.weight.copy_(kernel.sum(1, keepdim=True) if number == 0 and colours == 1 else kernel)
        factors, offsets = torch.from_numpy(layers[2 * number + 1].values).view(2, -1)
        norm.weight.copy_(factors)
        norm.bias.copy_(factors * bias + offsets)
        _set_statistics(norm, torch.zeros_like(factors), torch.full_like(factors, 1.0 - norm.eps))
    return torch.from_numpy(layers[-1].values).view(BLOCKS[-1][0], DESCRIPTOR)


def _kernel(layer: Layer, conv: nn.Conv2d, inputs: int) -> tuple[torch.Tensor, torch.Tensor]:
    shape = (conv.out_channels, inputs, *conv.kernel_size)
    values = torch.from_numpy(layer.values)
    return values[: -shape[0]].view(shape), values[-shape[0] :]


@torch.no_grad()
def settle_norms(stream: RecognitionStream, pictures: torch.Tensor) -> None:
    """Give the batch normalisations the statistics of `pictures`, layer by layer, and scale them so that the stream
    computes what it did."""

    def settle(norm: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        variance, mean = torch.var_mean(given[0], dim=(0, 2, 3), unbiased=False)
        # Before: factor * x + offset, for the statistics were 0 and 1.
        norm.bias.add_(norm.weight * mean)
        norm.weight.mul_((variance + norm.eps).sqrt())
        _set_statistics(norm, mean, variance)

    norms = [m for m in stream.modules() if isinstance(m, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(settle) for norm in norms]
    stream.eval()(pictures)
    for hook in hooks:
        hook.remove()


def _set_statistics(norm: nn.BatchNorm2d, mean: torch.Tensor, variance: torch.Tensor) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
