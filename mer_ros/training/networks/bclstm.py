"""bc-LSTM (Poria et al. 2017, ACL; the text baseline of MELD, arXiv 1810.02508) in causal form.

The paper's LSTM reads the whole dialogue in both directions, so a turn knows what is said after it. Live nobody
does: this one reads forward only.
"""

from __future__ import annotations

import torch
from torch import nn

from mer_ros.training.glove import PADDING
from mer_ros.training.networks.text import TextNet


class DialogueLstm(nn.Module):
    """Features of the turns to logits for each turn, from it and those before it."""

    def __init__(self, features: int, hidden: int = 100, labels: int = 7, sentiments: int = 3) -> None:
        super().__init__()
        self.before = nn.Dropout(0.4)
        self.lstm = nn.LSTM(features, hidden, batch_first=True)
        self.after = nn.Dropout(0.4)
        self.emotion = nn.Linear(hidden, labels)
        self.sentiment = nn.Linear(hidden, sentiments)

    def forward(self, turns: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """float [B, N, features] to [B, N, 7] and [B, N, 3]; turn i depends on turns 0..i."""
        x, _ = self.lstm(self.before(turns))
        x = self.after(x)
        return self.emotion(x), self.sentiment(x)


class TurnsNet(nn.Module):
    """A convolution over the words of each turn, and the LSTM over the turns."""

    def __init__(self, utterance: TextNet, dialogue: DialogueLstm) -> None:
        super().__init__()
        self.words = utterance.words
        self.encoder = utterance.encoder
        self.dialogue = dialogue

    def features(self, ids: torch.Tensor) -> torch.Tensor:
        """int64 [..., T] to float [..., features]."""
        vectors, mask = self.words(ids.reshape(-1, ids.shape[-1]))
        return self.encoder(vectors, mask).reshape(*ids.shape[:-1], -1)

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """int64 [B, N, T], oldest turn first, to logits [B, 7] and [B, 3] of the last turn that has tokens."""
        emotions, sentiments = self.dialogue(self.features(ids))
        last = last_turn(ids)[:, None, None]
        return _at(emotions, last), _at(sentiments, last)


def last_turn(ids: torch.Tensor) -> torch.Tensor:
    """int64 [B]: the place of the last turn that has tokens, 0 where none has."""
    used = (ids != PADDING).any(dim=2).long()
    return (used * torch.arange(ids.shape[1])).amax(dim=1)


def _at(logits: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    return logits.gather(1, place.expand(-1, -1, logits.shape[2])).squeeze(1)
