"""CAER-Net (arXiv 1908.05913): a face stream, a context stream with attention, and adaptive fusion.

The face stream takes 48x48 grey faces, as FER2013 has them. Where the paper has five plain layers it has two networks:
see `streams`.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from mer_ros.training.networks.streams import SIDE, LargeStream, SmallStream, conv

GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma
EXAMPLES = 128


def middle(x: torch.Tensor, side: int) -> torch.Tensor:
    """The middle [B, C, side, side] of pictures [B, C, H, W]."""
    # Numbers, not traced ones, so that an exported network holds no arithmetic of sizes.
    top, left = (int(x.shape[2]) - side) // 2, (int(x.shape[3]) - side) // 2
    return x[:, :, top : top + side, left : left + side]


def both_ways(stream: nn.Module, face: torch.Tensor) -> torch.Tensor:
    """The mean of what a stream gives for faces and for their mirror images: more accurate, for twice the time."""
    return stream(torch.cat((face, face.flip(3)))).unflatten(0, (2, -1)).mean(dim=0)


def one_way(face: torch.Tensor) -> torch.Tensor:
    """Each face [B, 1, H, W], or its mirror image: that of the two whose left half is the brighter, which is the same
    for both. So what sees it but once says the same of a face and of its mirror image."""
    half = int(face.shape[3]) // 2
    brighter = face[..., :half].sum(dim=(1, 2, 3)) >= face[..., -half:].sum(dim=(1, 2, 3))
    return torch.where(brighter.view(-1, 1, 1, 1), face, face.flip(3))


class FaceClassifier(nn.Module):
    """One network alone with a linear head: how it is trained before the fusion."""

    def __init__(self, stream: SmallStream | LargeStream, labels: int = 7) -> None:
        super().__init__()
        self.stream = stream
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(stream.features, labels))

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        """float [B, 1, H, W], about what the stream sees, to logits [B, labels]."""
        return self.head(self.stream(face))


class FaceStream(nn.Module):
    """Both networks: float [B, 1, 48, 48], 0..1 grey, to features [B, F].

    They are those of the small one, and what the two say, [B, labels]: the logarithm of the mean of their
    probabilities. The small one sees faces both ways; the large one, which costs more, `one_way`.
    """

    def __init__(self, labels: int = 7, width: int = 32, side: int = SIDE) -> None:
        super().__init__()
        self.small, self.large = SmallStream(width), LargeStream(side)
        self.heads = nn.ModuleList(nn.Linear(stream.features, labels) for stream in (self.small, self.large))
        self.features = self.small.features + labels

    def take(self, small: FaceClassifier, large: FaceClassifier) -> None:
        """The weights of two trained classifiers."""
        for stream, head, trained in zip((self.small, self.large), self.heads, (small, large), strict=True):
            stream.load_state_dict(trained.stream.state_dict())
            head.load_state_dict(trained.head[-1].state_dict())

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        """One vector a face, the same for its mirror image."""
        found = (
            both_ways(self.small, middle(face, self.small.seen)),
            self.large(one_way(middle(face, self.large.seen))),
        )
        said = torch.stack([head(part).softmax(1) for head, part in zip(self.heads, found, strict=True)])
        return torch.cat((found[0], said.mean(dim=0).log()), dim=1)


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
    """Weighs both streams by what they hold (softmaxed, eq. 5-6 of the paper), then classifies.

    What comes of it is added to what the face says by itself, the last `labels` of its features, and is nothing at
    first: so a fusion that has learnt nothing of scenes answers by the face.
    """

    def __init__(self, face: int, context: int, labels: int = 7) -> None:
        super().__init__()
        self.labels = labels
        self.face_weight = nn.Sequential(nn.Linear(face, 64), nn.ReLU(), nn.Linear(64, 1))
        self.context_weight = nn.Sequential(nn.Linear(context, 64), nn.ReLU(), nn.Linear(64, 1))
        last = nn.Linear(128, labels)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.head = nn.Sequential(nn.Linear(face + context, 128), nn.ReLU(), nn.Dropout(0.3), last)

    def weights(self, face: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """[B, 2]: the share of the face and of the context, sum 1."""
        return functional.softmax(torch.cat((self.face_weight(face), self.context_weight(context)), dim=1), dim=1)

    def forward(self, face: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Features of both streams to logits [B, labels]."""
        weights = self.weights(face, context)
        both = torch.cat((face * weights[:, :1], context * weights[:, 1:]), dim=1)
        return face[:, -self.labels :] + self.head(both)


class CaerNet(nn.Module):
    """Both streams and their fusion, from the pictures that the camera side makes.

    face: uint8 [B, 96, 96, 3] RGB. context: uint8 [B, 112, 150, 3] RGB. Gives logits [B, labels].
    examples: some grey faces of its training, uint8 [EXAMPLES, 48, 48], which tell the export the ranges of numbers.
    """

    grey: torch.Tensor
    examples: torch.Tensor

    def __init__(self, labels: int = 7, width: int = 32, side: int = SIDE) -> None:
        super().__init__()
        self.face = FaceStream(labels, width, side)
        self.context = ContextStream()
        self.fusion = AdaptiveFusion(self.face.features, self.context.features, labels)
        self.register_buffer("grey", torch.tensor(GREY).view(1, 3, 1, 1))
        self.register_buffer("examples", torch.zeros(EXAMPLES, 48, 48, dtype=torch.uint8))

    def face_features(self, face: torch.Tensor) -> torch.Tensor:
        """Of the face in grey, each 2x2 pixels to their mean: 96 to 48."""
        x = (face.permute(0, 3, 1, 2).float() / 255.0 * self.grey).sum(dim=1, keepdim=True)
        return self.face(functional.avg_pool2d(x, 2))

    def forward(self, face: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Logits [B, labels]."""
        scene = self.context(context.permute(0, 3, 1, 2).float() / 255.0)
        return self.fusion(self.face_features(face), scene)
