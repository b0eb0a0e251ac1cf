"""CAER-Net (arXiv 1908.05913): a face stream, a context stream with attention, and adaptive fusion.

The face stream takes 48x48 grey faces, as FER2013 has them. It has nine layers, some of which add what they compute
to their input (residual) and weigh their channels, where the paper has five plain ones: it sees more, and learns in
fewer passes.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma
SEEN = 40  # pixels a side, of the middle of a 48-pixel face, that the face stream looks at


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


def middle(x: torch.Tensor, side: int = SEEN) -> torch.Tensor:
    """The middle [B, C, side, side] of pictures [B, C, H, W]."""
    top, left = (x.shape[2] - side) // 2, (x.shape[3] - side) // 2
    return x[:, :, top : top + side, left : left + side]


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


class FaceStream(nn.Module):
    """float [B, 1, H, W], 0..1 grey, H and W about SEEN, to features [B, `width` * 16]."""

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

    def both(self, face: torch.Tensor) -> torch.Tensor:
        """The mean of the face's and its mirror image's vectors: more accurate, for twice the time."""
        return (self(face) + self(face.flip(3))) / 2.0


class FaceClassifier(nn.Module):
    """The face stream alone with a linear head: how the stream is trained before the fusion."""

    def __init__(self, labels: int = 7, width: int = 32) -> None:
        super().__init__()
        self.stream = FaceStream(width)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(self.stream.features, labels))

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        """float [B, 1, H, W], about SEEN a side, to logits [B, labels]."""
        return self.head(self.stream(face))


class ContextStream(nn.Module):
    """float [B, 3, 112, 150], 0..1, to features [B, 128]: convolutions, then attention over places.

    The attention inference module gives one number a place, softmaxed over all places (eq. 3 of the paper).
    """

    features = 128

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            conv(3, 16, 2), nn.MaxPool2d(2), conv(16, 32), nn.MaxPool2d(2), conv(32, 64), nn.MaxPool2d(2)
        )
        self.last = conv(64, self.features)
        self.attention = nn.Sequential(conv(self.features, 32), nn.Conv2d(32, 1, 1))

    def attend(self, context: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features [B, 128] and the attention [B, places] they were summed with."""
        x = self.last(self.blocks(context * 2.0 - 1.0))
        weights = functional.softmax(self.attention(x).flatten(1), dim=1)
        return (x.flatten(2) * weights.unsqueeze(1)).sum(dim=2), weights

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        """One vector a scene."""
        return self.attend(context)[0]


class AdaptiveFusion(nn.Module):
    """Weighs both streams by what they hold (softmaxed, eq. 5-6 of the paper), then classifies."""

    def __init__(self, face: int, context: int, labels: int = 7) -> None:
        super().__init__()
        self.face_weight = nn.Sequential(nn.Linear(face, 64), nn.ReLU(), nn.Linear(64, 1))
        self.context_weight = nn.Sequential(nn.Linear(context, 64), nn.ReLU(), nn.Linear(64, 1))
        self.head = nn.Sequential(nn.Linear(face + context, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, labels))

    def weights(self, face: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """[B, 2]: the share of the face and of the context, sum 1."""
        return functional.softmax(torch.cat((self.face_weight(face), self.context_weight(context)), dim=1), dim=1)

    def forward(self, face: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Features of both streams to logits [B, labels]."""
        weights = self.weights(face, context)
        return self.head(torch.cat((face * weights[:, :1], context * weights[:, 1:]), dim=1))


class CaerNet(nn.Module):
    """Both streams and their fusion, from the pictures that the camera side makes.

    face: uint8 [B, 96, 96, 3] RGB. context: uint8 [B, 112, 150, 3] RGB. Gives logits [B, labels].
    """

    grey: torch.Tensor

    def __init__(self, labels: int = 7, width: int = 32) -> None:
        super().__init__()
        self.face = FaceStream(width)
        self.context = ContextStream()
        self.fusion = AdaptiveFusion(self.face.features, self.context.features, labels)
        self.register_buffer("grey", torch.tensor(GREY).view(1, 3, 1, 1))

    def face_features(self, face: torch.Tensor) -> torch.Tensor:
        """Grey, each 2x2 pixels to their mean (96 to 48), and of that the middle."""
        x = (face.permute(0, 3, 1, 2).float() / 255.0 * self.grey).sum(dim=1, keepdim=True)
        return self.face.both(middle(functional.avg_pool2d(x, 2)))

    def forward(self, face: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Logits [B, labels]."""
        scene = self.context(context.permute(0, 3, 1, 2).float() / 255.0)
        return self.fusion(self.face_features(face), scene)
