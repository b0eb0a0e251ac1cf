"""The encoder of Moonshine (arXiv 2410.15608), as a network whose every layer can be read and trained.

Three convolutions turn 16 kHz samples into 41.7 frames a second, transformer layers with rotary positions follow.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

WIDTH = 288
HEADS = 8
ROTARY = 32  # channels of each head (of 36) that positions turn
RECEPTIVE = 127 + 6 * 64 + 2 * 192  # samples that the first frame sees
HOP = 64 * 3 * 2


def frames_of(samples: int) -> int:
    """How many frames come of so many samples."""
    return (((samples - 127) // 64 + 1 - 7) // 3 + 1 - 3) // 2 + 1


class Front(nn.Module):
    """Samples [B, n] to frames [B, T, 288]; statistics of the normalisation are over what is not padding."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(1, WIDTH, 127, stride=64, bias=False)
        self.scale = nn.Parameter(torch.ones(WIDTH, 1))
        self.shift = nn.Parameter(torch.zeros(WIDTH, 1))
        self.conv2 = nn.Conv1d(WIDTH, 2 * WIDTH, 7, stride=3)
        self.conv3 = nn.Conv1d(2 * WIDTH, WIDTH, 3, stride=2)

    def forward(self, samples: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """lengths: int64 [B], samples that are no padding; None: all of them."""
        x = torch.tanh(self.conv1(samples[:, None]))
        if lengths is None:
            mean = x.mean(dim=(1, 2), keepdim=True)
            variance = (x - mean).square().mean(dim=(1, 2), keepdim=True)
        else:
            count = (lengths - 127) // 64 + 1
            keep = (torch.arange(x.shape[2]) < count[:, None])[:, None]
            total = count[:, None, None] * WIDTH
            mean = (x * keep).sum(dim=(1, 2), keepdim=True) / total
            variance = ((x - mean) * keep).square().sum(dim=(1, 2), keepdim=True) / total
        x = (x - mean) / (variance + 1e-5).sqrt() * self.scale + self.shift
        return functional.gelu(self.conv3(functional.gelu(self.conv2(x)))).transpose(1, 2)


class Layer(nn.Module):
    """One transformer layer, normalised before each of its two halves."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, bias=False)
        self.query = nn.Linear(WIDTH, WIDTH, bias=False)
        self.key = nn.Linear(WIDTH, WIDTH, bias=False)
        self.value = nn.Linear(WIDTH, WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.norm2 = nn.LayerNorm(WIDTH, bias=False)
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(
        self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, bias: torch.Tensor | None = None
    ) -> torch.Tensor:
        """x [B, T, 288]; cos, sin [T, 32]; bias [B, 1, 1, T]: minus much where there is padding."""
        batch, length = x.shape[:2]
        y = self.norm1(x)
        query, key, value = (
            f(y).view(batch, length, HEADS, WIDTH // HEADS).transpose(1, 2) for f in (self.query, self.key, self.value)
        )
        scores = _turned(query, cos, sin) @ _turned(key, cos, sin).transpose(2, 3) * (WIDTH // HEADS) ** -0.5
        if bias is not None:
            scores = scores + bias
        y = (scores.softmax(dim=3) @ value).transpose(1, 2).reshape(batch, length, WIDTH)
        x = x + self.out(y)
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


def _turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions (arXiv 2104.09864) on neighbouring pairs of the first channels."""
    turn, rest = x[..., :ROTARY], x[..., ROTARY:]
    pairs = turn.unflatten(3, (ROTARY // 2, 2))
    crossed = torch.stack((-pairs[..., 1], pairs[..., 0]), dim=4).flatten(3)
    return torch.cat((turn * cos + crossed * sin, rest), dim=3)


class VoiceEncoder(nn.Module):
    """Samples, float [B, n], to the frames that enter each layer and those that leave the last."""

    frequencies: torch.Tensor

    def __init__(self, layers: int = 6) -> None:
        super().__init__()
        self.front = Front()
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        self.register_buffer("frequencies", 10_000.0 ** (-torch.arange(0, ROTARY, 2) / ROTARY))

    def positions(self, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """cos and sin, [T, 32] each."""
        angle = (torch.arange(length)[:, None] * self.frequencies).repeat_interleave(2, dim=1)
        return angle.cos(), angle.sin()

    def forward(self, samples: torch.Tensor, lengths: torch.Tensor | None = None) -> list[torch.Tensor]:
        """layers + 1 tensors [B, T, 288], none of them through the last normalisation."""
        states = [self.front(samples, lengths)]
        cos, sin = self.positions(states[0].shape[1])
        bias = None
        if lengths is not None:
            count = (((lengths - 127) // 64 + 1 - 7) // 3 + 1 - 3) // 2 + 1
            bias = torch.zeros(len(lengths), states[0].shape[1])
            bias.masked_fill_(torch.arange(bias.shape[1]) >= count[:, None], -1e4)
            bias = bias[:, None, None]
        for layer in self.layers:
            states.append(layer(states[-1], cos, sin, bias))
        return states
