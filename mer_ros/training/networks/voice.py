"""What the speech recogniser's encoder says of a voice over time, and prosody, to emotions."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from mer_ros.training.networks.voice_encoder import RECEPTIVE, WIDTH, Layer, VoiceEncoder

LEVEL = 0.08  # root mean square that samples are brought to, of a full scale of 1
BELOW = 2  # of the encoder's six layers: left as they are
ABOVE = 2  # trained further; the last two know words, and little of the voice
POOLED = 2 * (ABOVE + 1) * WIDTH  # mean and deviation of what enters the trained layers and of what they give
_ATTENTIONS, _NARROW = 4, 128


class VoiceBranch(nn.Module):
    """Frames [B, T, 288] of the lower layers and prosody [B, P] to logits [B, 7].

    Two layers of the encoder, then mean and deviation over time: of all channels with equal weights, and of 128
    mixtures of them with those of four attentions (attentive statistics, arXiv 1803.10963). mean, deviation:
    [POOLED + P], of the pooled statistics before training and of the prosody.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, mean: torch.Tensor, deviation: torch.Tensor, labels: int = 7) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.layers = nn.ModuleList(Layer() for _ in range(ABOVE))
        self.enter = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, _NARROW), nn.GELU())
        self.attention = nn.Sequential(nn.Linear(_NARROW, 64), nn.Tanh(), nn.Linear(64, _ATTENTIONS))
        self.scale = nn.BatchNorm1d(2 * _NARROW)
        self.head = nn.Sequential(
            nn.Dropout(0.15),
            nn.Linear(len(mean) + 2 * _NARROW, 256),
            nn.GELU(),
            nn.Dropout(0.5),
            nn.Linear(256, labels),
        )

    def statistics(
        self,
        frames: torch.Tensor,
        turns: tuple[torch.Tensor, torch.Tensor],
        lengths: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Of all channels [B, POOLED], and of the mixtures [B, 256]. turns: cos and sin of the positions.

        lengths: int64 [B], frames that are no padding; None: all of them.
        """
        if lengths is None:
            even, bias = torch.full_like(frames[..., :1], 1.0) / frames.shape[1], None
        else:
            inside = torch.arange(frames.shape[1]) < lengths[:, None]
            even = (inside / lengths[:, None])[..., None]
            bias = torch.zeros(inside.shape).masked_fill(~inside, -1e4)[:, None, None]
        states = [frames]
        for layer in self.layers:
            states.append(layer(states[-1], *turns, bias))
        mixtures = self.enter(states[-1])
        scores = self.attention(mixtures).float()
        if bias is not None:
            scores = scores + bias[:, 0].transpose(1, 2)
        weights = scores.softmax(dim=1).repeat_interleave(_NARROW // _ATTENTIONS, dim=2)
        return _moments(torch.cat(states, dim=2).float(), even), _moments(mixtures.float(), weights)

    def features(
        self,
        frames: torch.Tensor,
        prosody: torch.Tensor,
        turns: tuple[torch.Tensor, torch.Tensor],
        lengths: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """What the head takes, [B, F]; mix-up mixes these."""
        channels, mixtures = self.statistics(frames, turns, lengths)
        known = (torch.cat((channels, prosody), dim=1) - self.mean) / self.deviation
        return torch.cat((known.clamp(-6, 6), self.scale(mixtures)), dim=1)

    def forward(
        self,
        frames: torch.Tensor,
        prosody: torch.Tensor,
        turns: tuple[torch.Tensor, torch.Tensor],
        lengths: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Logits [B, labels]."""
        return self.head(self.features(frames, prosody, turns, lengths))


class VoiceNet(nn.Module):
    """samples float [B, n] at 16 kHz, of any level and length, and prosody float [B, P] to logits [B, 7].

    The mean of the branches' logits.
    """

    def __init__(self, below: VoiceEncoder, branches: list[VoiceBranch]) -> None:
        super().__init__()
        self.below = below
        self.branches = nn.ModuleList(branches)

    def forward(self, samples: torch.Tensor, prosody: torch.Tensor) -> torch.Tensor:
        """Logits [B, labels]."""
        frames = lower_frames(self.below, samples)
        turns = self.below.positions(frames.shape[1])
        return torch.stack([branch(frames, prosody, turns) for branch in self.branches]).mean(0)


def lower_frames(below: VoiceEncoder, samples: torch.Tensor) -> torch.Tensor:
    """[B, T, 288] of samples [B, n]: without offset, at LEVEL, and with silence behind: any length has a frame."""
    x = samples - samples.mean(dim=1, keepdim=True)
    x = x * (LEVEL / (x.square().mean(dim=1, keepdim=True) + 1e-12).sqrt())
    return below(functional.pad(x, (0, RECEPTIVE)))[-1]


def _moments(frames: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean and deviation over time, [B, 2 C], of [B, T, C]; the weights' sum over time is 1."""
    mean = (frames * weights).sum(dim=1)
    variance = ((frames - mean[:, None]).square() * weights).sum(dim=1)
    return torch.cat((mean, (variance + 1e-4).sqrt()), dim=1)
