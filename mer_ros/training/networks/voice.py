"""What the speech recogniser's encoder says of a voice over time, and prosody, to emotions."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from mer_ros.training.networks.voice_encoder import RECEPTIVE, WIDTH, Layer, VoiceEncoder

LEVEL = 0.08  # root mean square that samples are brought to, of a full scale of 1
BELOW = 2  # of the encoder's six layers: left as they are
ABOVE = 2  # trained further; the last two know words, and little of the voice
POOLED = 2 * (ABOVE + 1) * WIDTH  # mean and deviation of what enters the upper layers and of what each gives
STYLES = 8  # the seven emotions, and calm, which counts as neutral
NEUTRAL, CALM = 4, 7
UNKNOWN_VOICE = 4.0  # utterances that the mean of all voices counts as, against those heard of one person
TRAINED_SHARE = 0.5  # of the branches' logits in the sum; the rest are the heads'
_LARGEST = 6.0  # deviations
_ATTENTIONS, _NARROW = 4, 128

Turns = tuple[torch.Tensor, torch.Tensor]


class Pooled(nn.Module):
    """Frames [B, T, 288] of the lower layers and prosody [B, P] to numbers of a voice [B, F], F = POOLED + P.

    Mean and deviation over time of the frames and of what two further layers make of them, and the prosody, each
    less `mean` and over `deviation`, [F], those of all voices.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.layers = nn.ModuleList(Layer() for _ in range(ABOVE))

    def states(
        self, frames: torch.Tensor, prosody: torch.Tensor, turns: Turns, lengths: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """The numbers [B, F]; what the last layer gives [B, T, 288]; what padding adds to scores, [B, T, 1].

        turns: cos and sin of the positions. lengths: int64 [B], frames that are no padding; None: all of them.
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
        numbers = torch.cat((_moments(torch.cat(states, dim=2).float(), even), prosody), dim=1)
        padding = None if bias is None else bias[:, 0].transpose(1, 2)
        return (numbers - self.mean) / self.deviation, states[-1], padding

    def forward(
        self, frames: torch.Tensor, prosody: torch.Tensor, turns: Turns, lengths: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The numbers [B, F]."""
        return self.states(frames, prosody, turns, lengths)[0]


class VoiceBranch(Pooled):
    """Frames, prosody and the person's centre [B, F] to logits [B, STYLES].

    Beside the numbers less the centre: mean and deviation of 128 mixtures of the last layer's channels, weighted by
    four attentions over time (attentive statistics, arXiv 1803.10963).
    """

    def __init__(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        super().__init__(mean, deviation)
        self.enter = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, _NARROW), nn.GELU())
        self.attention = nn.Sequential(nn.Linear(_NARROW, 64), nn.Tanh(), nn.Linear(64, _ATTENTIONS))
        self.scale = nn.BatchNorm1d(2 * _NARROW)
        self.head = _head(len(mean) + 2 * _NARROW, 0.15)

    def features(
        self,
        frames: torch.Tensor,
        prosody: torch.Tensor,
        turns: Turns,
        centre: torch.Tensor,
        lengths: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """What the head takes; mix-up mixes these."""
        numbers, last, padding = self.states(frames, prosody, turns, lengths)
        mixtures = self.enter(last)
        scores = self.attention(mixtures).float()
        if padding is not None:
            scores = scores + padding
        weights = scores.softmax(dim=1).repeat_interleave(_NARROW // _ATTENTIONS, dim=2)
        return torch.cat((within(numbers - centre), self.scale(_moments(mixtures.float(), weights))), dim=1)

    def forward(  # type: ignore[override]
        self,
        frames: torch.Tensor,
        prosody: torch.Tensor,
        turns: Turns,
        centre: torch.Tensor,
        lengths: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Logits [B, STYLES]."""
        return self.head(self.features(frames, prosody, turns, centre, lengths))


class VoiceHead(nn.Module):
    """Numbers of a voice less the person's centre [B, F] to logits [B, STYLES]."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.head = _head(size, 0.1)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Logits [B, STYLES]."""
        return self.head(within(numbers))


class VoiceNet(nn.Module):
    """samples float [B, n] at 16 kHz, of any level and length, and prosody float [B, P] to logits [B, 7].

    past: [B, F], the mean of the numbers of what the same person said before; heard: [B, 1], of how many utterances.
    The mean of the branches' logits and of the heads'.
    """

    def __init__(
        self, below: VoiceEncoder, pooled: Pooled, branches: list[VoiceBranch], heads: list[VoiceHead]
    ) -> None:
        super().__init__()
        self.below = below
        self.pooled = pooled
        self.branches = nn.ModuleList(branches)
        self.heads = nn.ModuleList(heads)

    def forward(
        self, samples: torch.Tensor, prosody: torch.Tensor, past: torch.Tensor, heard: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits [B, 7], and the numbers of these voices [B, F], which later utterances' `past` is the mean of."""
        frames = lower_frames(self.below, samples)
        turns = self.below.positions(frames.shape[1])
        numbers, centre = self.pooled(frames, prosody, turns), centre_of(past, heard)
        trained = torch.stack([branch(frames, prosody, turns, centre) for branch in self.branches]).mean(0)
        plain = torch.stack([head(numbers - centre) for head in self.heads]).mean(0)
        return without_calm(TRAINED_SHARE * trained + (1 - TRAINED_SHARE) * plain), numbers


def centre_of(past: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
    """[B, F]: the mean of what a person said [B, F], drawn to that of all voices when little was heard [B, 1]."""
    return past * known_share(heard)


def known_share(heard: torch.Tensor) -> torch.Tensor:
    """0..1: how far a person is known of whom so many utterances were heard."""
    return heard / (heard + UNKNOWN_VOICE)


def without_calm(logits: torch.Tensor) -> torch.Tensor:
    """[B, STYLES] to [B, 7]: calm is neutral."""
    neutral = torch.stack((logits[:, NEUTRAL], logits[:, CALM]), dim=1).logsumexp(dim=1, keepdim=True)
    return torch.cat((logits[:, :NEUTRAL], neutral, logits[:, NEUTRAL + 1 : CALM]), dim=1)


def lower_frames(below: VoiceEncoder, samples: torch.Tensor) -> torch.Tensor:
    """[B, T, 288] of samples [B, n]: without offset, at LEVEL, and with silence behind: any length has a frame."""
    x = samples - samples.mean(dim=1, keepdim=True)
    x = x * (LEVEL / (x.square().mean(dim=1, keepdim=True) + 1e-12).sqrt())
    return below(functional.pad(x, (0, RECEPTIVE)))[-1]


def within(numbers: torch.Tensor) -> torch.Tensor:
    """Numbers of voices as the heads take them."""
    return numbers.clamp(-_LARGEST, _LARGEST)


def _head(size: int, dropped: float) -> nn.Sequential:
    return nn.Sequential(nn.Dropout(dropped), nn.Linear(size, 256), nn.GELU(), nn.Dropout(0.5), nn.Linear(256, STYLES))


def _moments(frames: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean and deviation over time, [B, 2 C], of [B, T, C]; the weights' sum over time is 1."""
    mean = (frames * weights).sum(dim=1)
    variance = ((frames - mean[:, None]).square() * weights).sum(dim=1)
    return torch.cat((mean, (variance + 1e-4).sqrt()), dim=1)
