"""Early fusion: frames through a convolutional LSTM, words and voice through convolutions, concatenated."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from mer_ros.training.networks.streams import conv
from mer_ros.training.networks.text import CnnEncoder, WordVectors


class ConvLstm(nn.Module):
    """A convolutional LSTM (arXiv 1506.04214, without peepholes): its four gates are one 3x3 convolution."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Conv2d(inputs + hidden, 4 * hidden, 3, padding=1)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """[B, T, C, H, W] to the last state [B, hidden, H, W]."""
        state = frames[:, 0, :1].expand(-1, self.hidden, -1, -1) * 0.0
        memory = state
        for t in range(frames.shape[1]):
            gates = self.gates(torch.cat((frames[:, t], state), dim=1))
            enter, forget, leave, new = gates.chunk(4, dim=1)
            memory = torch.sigmoid(forget + 1.0) * memory + torch.sigmoid(enter) * torch.tanh(new)
            state = torch.sigmoid(leave) * torch.tanh(memory)
        return state


class FrameEncoder(nn.Module):
    """uint8 [B, T, 84, 150, 3] to [B, 112]: what the frames show, and have shown, in six parts of the picture."""

    features = 16 * 6 + 16

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 6, 6, bias=False), nn.BatchNorm2d(16), nn.ReLU(), conv(16, 16, 2)
        )  # 84x150 to 14x25, to 7x13
        self.lstm = ConvLstm(16, 16)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """The mean of each channel of the last state in each part, and its largest."""
        time = frames.shape[1]
        pictures = frames.flatten(0, 1).permute(0, 3, 1, 2).contiguous()
        x = self.stem(pictures.float())
        state = self.lstm(x.unflatten(0, (-1, time)))
        parts = functional.avg_pool2d(state, (3, 4))
        return torch.cat((parts.flatten(1), state.flatten(2).amax(dim=2)), dim=1)


class VoiceEncoder(nn.Module):
    """features float [B, 100, 34], raw and zero padded, to [B, 64]."""

    features = 64
    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.layers = nn.Sequential(
            nn.Conv1d(len(mean), 32, 5, padding=2), nn.ReLU(), nn.Conv1d(32, 32, 5, padding=2), nn.ReLU()
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The mean and the largest over the frames that are not padding."""
        mask = (features != 0).any(dim=2, keepdim=True).float()
        x = ((features - self.mean) / self.deviation).clamp(-5, 5) * mask
        keep = mask.transpose(1, 2)
        y = self.layers(x.transpose(1, 2)) * keep
        return torch.cat((y.sum(dim=2) / keep.sum(dim=2).clamp(min=1), y.amax(dim=2)), dim=1)


class EarlyFusionNet(nn.Module):
    """Frames, token ids and features to logits of 7 emotions and of 3 sentiments."""

    def __init__(
        self,
        vectors: torch.Tensor,
        mean: torch.Tensor,
        deviation: torch.Tensor,
        labels: int = 7,
        sentiments: int = 3,
    ) -> None:
        super().__init__()
        self.frames = FrameEncoder()
        self.words = WordVectors(vectors)
        self.text = CnnEncoder(vectors.shape[1], filters=32)
        self.voice = VoiceEncoder(mean, deviation)
        features = self.frames.features + self.text.features + self.voice.features
        self.joint = nn.Sequential(nn.Dropout(0.2), nn.Linear(features, 96), nn.ReLU(), nn.Dropout(0.2))
        self.emotion = nn.Linear(96, labels)
        self.sentiment = nn.Linear(96, sentiments)

    def forward(
        self, frames: torch.Tensor, ids: torch.Tensor, features: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Emotion logits [B, 7], sentiment logits [B, 3]."""
        text = self.text(*self.words(ids))
        x = self.joint(torch.cat((self.frames(frames), text, self.voice(features)), dim=1))
        return self.emotion(x), self.sentiment(x)
