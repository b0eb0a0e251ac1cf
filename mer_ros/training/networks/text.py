"""Two networks from GloVe vectors to emotion and sentiment: convolutions (Kim 2014), or an LSTM."""

from __future__ import annotations

import torch
from torch import nn

from mer_ros.errors import OptionError
from mer_ros.training.glove import PADDING

ARCHITECTURES = ("cnn", "lstm")


class WordVectors(nn.Module):
    """ids int64 [B, T] to vectors float [B, T, D] and a mask [B, T] of what is a word."""

    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(vectors.clone())

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Padding is zero, whatever was learned."""
        mask = (ids != PADDING).unsqueeze(2)
        return self.table[ids].float() * mask, mask

    def compress(self) -> None:
        """Keep half precision: half the file, and no measurable change."""
        self.table = nn.Parameter(self.table.detach().half(), requires_grad=False)


class CnnEncoder(nn.Module):
    """Filters over 3, 4 and 5 words, and each one's largest answer."""

    def __init__(self, vector: int, filters: int = 128, widths: tuple[int, ...] = (3, 4, 5)) -> None:
        super().__init__()
        self.features = filters * len(widths)
        self.convolutions = nn.ModuleList(nn.Conv1d(vector, filters, w, padding=w // 2) for w in widths)

    def forward(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """[B, T, D] to [B, features]."""
        x = vectors.transpose(1, 2)
        return torch.cat([torch.relu(c(x)).amax(dim=2) for c in self.convolutions], dim=1)


class LstmEncoder(nn.Module):
    """Both directions; the largest and the mean answer over the words."""

    def __init__(self, vector: int, hidden: int = 96) -> None:
        super().__init__()
        self.features = hidden * 4
        self.lstm = nn.LSTM(vector, hidden, batch_first=True, bidirectional=True)

    def forward(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """[B, T, D] to [B, features]; places without a word do not count."""
        x, _ = self.lstm(vectors)
        largest = (x - 4.0 * (~mask).float()).amax(dim=1)  # an LSTM's answers lie within -1..1
        mean = (x * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        return torch.cat((largest, mean), dim=1)


class TextNet(nn.Module):
    """ids int64 [B, T] to logits of 7 emotions and of 3 sentiments."""

    def __init__(self, arch: str, vectors: torch.Tensor, labels: int = 7, sentiments: int = 3) -> None:
        super().__init__()
        if arch not in ARCHITECTURES:
            raise OptionError(f'the architecture "{arch}" is unknown; use one of {", ".join(ARCHITECTURES)}.')
        self.words = WordVectors(vectors)
        self.encoder = (CnnEncoder if arch == "cnn" else LstmEncoder)(vectors.shape[1])
        self.before = nn.Dropout(0.3)
        self.after = nn.Dropout(0.5)
        self.emotion = nn.Linear(self.encoder.features, labels)
        self.sentiment = nn.Linear(self.encoder.features, sentiments)

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Emotion logits [B, 7], sentiment logits [B, 3]."""
        vectors, mask = self.words(ids)
        x = self.after(self.encoder(self.before(vectors), mask))
        return self.emotion(x), self.sentiment(x)
