"""The two networks that see a face in CAER-Net: a small one that learns from nothing, and a large one that does not.

Together they are more often right than either: they err on other faces.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from mer_ros.training.networks.facenet import FaceNetStream

SIDE = 96  # pixels a side to which the large stream enlarges faces


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def standardise(x: torch.Tensor) -> torch.Tensor:
    """Each image to mean 0 and deviation 1, so that light and contrast do not matter."""
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    deviation = (x - mean).square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    return (x - mean) / (deviation + 1e-2)


class Squeezed(nn.Module):
    """x + two convolutions of x, weighed by channel: squeeze and excitation (arXiv 1709.01507)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))
        few = max(4, channels // 8)
        self.weigh = nn.Sequential(nn.Linear(channels, few), nn.ReLU(), nn.Linear(few, channels), nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, C, H, W] to the same shape."""
        y = self.second(self.first(x))
        return functional.relu(x + y * self.weigh(y.mean(dim=(2, 3)))[:, :, None, None])


class SmallStream(nn.Module):
    """float [B, 1, H, W], 0..1 grey, H and W about `seen`, to features [B, `width` * 16]: nine layers."""

    seen = 40  # pixels a side, of the middle of a 48-pixel face

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.features = width * 16
        # The widest pictures are kept thin, for they cost most.
        self.blocks = nn.Sequential(
            conv(1, width),
            self._half(),
            conv(width, width * 2),
            self._half(),
            conv(width * 2, width * 4),
            Squeezed(width * 4),
            self._half(),
            conv(width * 4, width * 8),
            Squeezed(width * 8),
            self._half(),
            conv(width * 8, width * 16),
        )

    @staticmethod
    def _half() -> nn.MaxPool2d:
        return nn.MaxPool2d(2, ceil_mode=True)  # no border is lost, whatever the size

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        """One vector a face."""
        return self.blocks(standardise(face)).mean(dim=(2, 3))


class LargeStream(nn.Module):
    """float [B, 1, H, W], 0..1 grey, H and W about `seen`, to features [B, 896]: FaceNet's layers that tell people
    apart.

    side: pixels a side to which faces are enlarged, so that they have about the size that those layers know.
    """

    seen = 44
    features = FaceNetStream.features

    def __init__(self, side: int = SIDE) -> None:
        super().__init__()
        self.side = side
        self.layers = FaceNetStream()

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        """One vector a face."""
        enlarged = functional.interpolate(
            standardise(face), (self.side, self.side), mode="bilinear", align_corners=False
        )
        return self.layers(enlarged.contiguous(memory_format=torch.channels_last))
