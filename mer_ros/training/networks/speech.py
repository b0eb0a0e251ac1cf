"""A CNN over the (100, 34) features of a voice."""

from __future__ import annotations

import torch
from torch import nn


class SpeechNet(nn.Module):
    """features float [B, 100, 34], raw and zero padded, to logits [B, 7].

    Normalised twice inside: by the corpus' mean and deviation, and, as further channels, by the clip's own, which
    takes out the voice and the microphone. Frames of zeros are padding and count nowhere.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, mean: torch.Tensor, deviation: torch.Tensor, labels: int = 7, width: int = 96) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        inputs = 3 * len(mean)
        self.enter = nn.Sequential(nn.Dropout(0.1), nn.Conv1d(inputs, width, 1), nn.BatchNorm1d(width), nn.ReLU())
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(width, width, 5, padding=2 * d, dilation=d), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.2)
            )
            for d in (1, 2)
        )
        self.head = nn.Sequential(
            nn.Linear(3 * width + 2 * len(mean), width), nn.ReLU(), nn.Dropout(0.5), nn.Linear(width, labels)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits [B, labels]."""
        mask = (features != 0).any(dim=2, keepdim=True).float()
        count = mask.sum(dim=1, keepdim=True).clamp(min=1)
        x = ((features - self.mean) / self.deviation).clamp(-5, 5) * mask
        mean = x.sum(dim=1, keepdim=True) / count
        deviation = (((x - mean) * mask).square().sum(dim=1, keepdim=True) / count + 1e-4).sqrt()
        own = (x - mean) / (deviation + 0.1) * mask
        change = torch.cat((x[:, 1:] - x[:, :-1], torch.zeros_like(x[:, :1])), dim=1)
        change = change * mask * torch.cat((mask[:, 1:], mask[:, :1] * 0), dim=1)
        keep = mask.transpose(1, 2)
        y = self.enter(torch.cat((x, own, change), dim=2).transpose(1, 2)) * keep
        for layer in self.layers:
            y = (y + layer(y)) * keep
        pooled = y.sum(dim=2) / count[:, 0]
        spread = ((((y - pooled.unsqueeze(2)) * keep).square().sum(dim=2)) / count[:, 0] + 1e-4).sqrt()
        largest = y.amax(dim=2)
        return self.head(torch.cat((pooled, spread, largest, mean[:, 0], deviation[:, 0]), dim=1))
