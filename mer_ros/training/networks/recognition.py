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
from mer_ros.training.dlib_weights import read_layers

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


class Residual(nn.Module):
    """relu(x + two convolutions of x); where the picture is halved, x is averaged over 2x2 pixels and gets channels of
    zeros. The first does not look beyond the borders then, and the smaller of the two is zero where it ends."""

    def __init__(self, inputs: int, outputs: int, halved: bool) -> None:
        super().__init__()
        self.halved, self.more = halved, outputs - inputs
        self.first = nn.Conv2d(inputs, outputs, 3, 2 if halved else 1, 0 if halved else 1)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, H, W] to [B, outputs, H or H // 2, W or W // 2]."""
        y = self.second(functional.relu(self.first(x)))
        if self.halved:
            x = functional.avg_pool2d(x, 2)
            lower, right = x.shape[2] - y.shape[2], x.shape[3] - y.shape[3]
            y = functional.pad(y, (0, right, 0, lower))
            if self.more:
                x = functional.pad(x, (0, 0, 0, 0, 0, self.more))
        return functional.relu(x + y)


class RecognitionNet(nn.Module):
    """float [B, 3, 150, 150], less MEAN and divided by RANGE, to features [B, 256]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, BLOCKS[0][0], 7, 2)
        widths = [BLOCKS[0][0], *(width for width, _ in BLOCKS)]
        self.blocks = nn.Sequential(*(Residual(inputs, *block) for inputs, block in zip(widths, BLOCKS, strict=False)))

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
            "faces are told apart with the weights in face_recognition_models; "
            "run `pip install face_recognition_models`."
        ) from error
    return Path(face_recognition_models.face_recognition_model_location())


@torch.no_grad()
def start_from_dlib(network: RecognitionNet, path: Path) -> torch.Tensor:
    """Give the network dlib's weights: what an affine layer does to a convolution's outputs goes into its weights.
    Gives the last layer's, [256, 128], which makes descriptors of the features. Raises InputError where they do not
    fit."""
    layers = read_layers(path)
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    if [layer.kind for layer in layers] != [*("con", "affine") * len(convs), "fc"]:
        raise InputError(f"{path} holds other layers than dlib's recognition network; name that network's file")
    for conv, layer, affine in zip(convs, layers[::2], layers[1::2], strict=False):
        assert conv.bias is not None
        values, count = torch.from_numpy(layer.values), conv.out_channels
        factors, offsets = torch.from_numpy(affine.values).view(2, -1)
        conv.weight.copy_(values[:-count].view_as(conv.weight) * factors.view(-1, 1, 1, 1))
        conv.bias.copy_(values[-count:] * factors + offsets)
    return torch.from_numpy(layers[-1].values).view(BLOCKS[-1][0], DESCRIPTOR)
