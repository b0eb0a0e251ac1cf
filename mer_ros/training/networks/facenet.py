"""The network with which FaceNet tells people apart, up to the second of its three kinds of blocks.

Inception-ResNet-v1 (Szegedy et al., arXiv 1602.07261), after FaceNet (Schroff et al., arXiv 1503.03832), in the form
and with the names of layers of Keras, which its weights have. Small faces are but a place or two where the third kind
of blocks begins: those are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from mer_ros.errors import InputError

LEAST = 48  # pixels a side, that every layer has something to see
EPSILON = 1e-3  # of the batch normalisations
#: Of what a block adds: its factor, and the channels that it takes.
SCALE_35, CHANNELS_35 = 0.17, 256
SCALE_17, CHANNELS_17 = 0.10, 896
BLOCKS_35, BLOCKS_17 = 5, 10


class Unit(nn.Module):
    """Convolution, batch normalisation, ReLU. name: of the layer whose weights are taken."""

    def __init__(
        self,
        name: str,
        inputs: int,
        outputs: int,
        side: int | tuple[int, int],
        stride: int = 1,
        padded: bool = True,
    ) -> None:
        super().__init__()
        self.name = name
        height, width = (side, side) if isinstance(side, int) else side
        padding = (height // 2, width // 2) if padded else 0
        self.conv = nn.Conv2d(inputs, outputs, (height, width), stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, H, W] to [B, outputs, H', W']."""
        return functional.relu(self.norm(self.conv(x)))


class Block(nn.Module):
    """relu(x + scale * what several branches see of it, brought to its channels)."""

    def __init__(self, name: str, branches: tuple[nn.Sequential, ...], seen: int, channels: int, scale: float) -> None:
        super().__init__()
        self.name, self.scale = f"{name}_Conv2d_1x1", scale
        self.branches = nn.ModuleList(branches)
        self.up = nn.Conv2d(seen, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, channels, H, W] to the same shape."""
        seen = torch.cat([branch(x) for branch in self.branches], dim=1)
        assert self.up.bias is not None
        # The factor is that of the weights, so that none is left in an exported network.
        return functional.relu(x + functional.conv2d(seen, self.scale * self.up.weight, self.scale * self.up.bias))


def _block_35(number: int) -> Block:
    name, c = f"Block35_{number}", CHANNELS_35
    branches = (
        nn.Sequential(Unit(f"{name}_Branch_0_Conv2d_1x1", c, 32, 1)),
        nn.Sequential(
            Unit(f"{name}_Branch_1_Conv2d_0a_1x1", c, 32, 1), Unit(f"{name}_Branch_1_Conv2d_0b_3x3", 32, 32, 3)
        ),
        nn.Sequential(
            Unit(f"{name}_Branch_2_Conv2d_0a_1x1", c, 32, 1),
            Unit(f"{name}_Branch_2_Conv2d_0b_3x3", 32, 32, 3),
            Unit(f"{name}_Branch_2_Conv2d_0c_3x3", 32, 32, 3),
        ),
    )
    return Block(name, branches, 96, c, SCALE_35)


def _block_17(number: int) -> Block:
    name, c = f"Block17_{number}", CHANNELS_17
    branches = (
        nn.Sequential(Unit(f"{name}_Branch_0_Conv2d_1x1", c, 128, 1)),
        nn.Sequential(
            Unit(f"{name}_Branch_1_Conv2d_0a_1x1", c, 128, 1),
            Unit(f"{name}_Branch_1_Conv2d_0b_1x7", 128, 128, (1, 7)),
            Unit(f"{name}_Branch_1_Conv2d_0c_7x1", 128, 128, (7, 1)),
        ),
    )
    return Block(name, branches, 256, c, SCALE_17)


class Reduction(nn.Module):
    """Halves the picture in three ways, beside each other: 256 channels to 896."""

    def __init__(self) -> None:
        super().__init__()
        self.one = Unit("Mixed_6a_Branch_0_Conv2d_1a_3x3", CHANNELS_35, 384, 3, 2, padded=False)
        self.other = nn.Sequential(
            Unit("Mixed_6a_Branch_1_Conv2d_0a_1x1", CHANNELS_35, 192, 1),
            Unit("Mixed_6a_Branch_1_Conv2d_0b_3x3", 192, 192, 3),
            Unit("Mixed_6a_Branch_1_Conv2d_1a_3x3", 192, 256, 3, 2, padded=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 256, H, W] to [B, 896, (H - 1) // 2, (W - 1) // 2]."""
        return torch.cat((self.one(x), self.other(x), functional.max_pool2d(x, 3, 2)), dim=1)


class FaceNetStream(nn.Module):
    """float [B, channels, H, W] of mean 0 and deviation 1, H and W LEAST or more, to features [B, 896]."""

    features = CHANNELS_17

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            Unit("Conv2d_1a_3x3", channels, 32, 3, 2, padded=False),
            Unit("Conv2d_2a_3x3", 32, 32, 3, padded=False),
            Unit("Conv2d_2b_3x3", 32, 64, 3),
            nn.MaxPool2d(3, 2),
            Unit("Conv2d_3b_1x1", 64, 80, 1),
            Unit("Conv2d_4a_3x3", 80, 192, 3, padded=False),
            Unit("Conv2d_4b_3x3", 192, CHANNELS_35, 3, 2, padded=False),
        )
        self.blocks = nn.Sequential(
            *(_block_35(number) for number in range(1, BLOCKS_35 + 1)),
            Reduction(),
            *(_block_17(number) for number in range(1, BLOCKS_17 + 1)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One vector a picture."""
        return self.blocks(self.stem(x)).mean(dim=(2, 3))


@torch.no_grad()
def start_from_facenet(stream: FaceNetStream, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Give the stream the weights, named "layer/kind" as in Keras; for a picture of one channel those of the three
    colours added up. Raises InputError where they do not fit."""
    for module in stream.modules():
        if isinstance(module, Unit):
            kernel = _of(weights, f"{module.name}/kernel", "HWIO")
            if module.conv.in_channels == 1:
                kernel = kernel.sum(1, keepdim=True)
            _copy(module.name, kernel, module.conv.weight)
            for kind, kept in (
                ("beta", module.norm.bias),
                ("moving_mean", module.norm.running_mean),
                ("moving_variance", module.norm.running_var),
            ):
                assert kept is not None
                _copy(module.name, _of(weights, f"{module.name}_BatchNorm/{kind}"), kept)
            nn.init.ones_(module.norm.weight)
        elif isinstance(module, Block):
            _copy(module.name, _of(weights, f"{module.name}/kernel", "HWIO"), module.up.weight)
            assert module.up.bias is not None
            _copy(module.name, _of(weights, f"{module.name}/bias"), module.up.bias)


def _of(weights: Mapping[str, NDArray[np.float32]], name: str, order: str = "") -> torch.Tensor:
    if name not in weights:
        raise InputError(f"the weights hold no {name}; name those of FaceNet in Keras's form")
    values = torch.from_numpy(np.ascontiguousarray(weights[name]))
    return values.permute(3, 2, 0, 1) if order else values


def _copy(name: str, values: torch.Tensor, kept: torch.Tensor) -> None:
    if values.shape != kept.shape:
        raise InputError(
            f"{name} has weights of shape {list(values.shape)} where {list(kept.shape)} is wanted; name those of "
            "FaceNet in Keras's form"
        )
    kept.copy_(values)
