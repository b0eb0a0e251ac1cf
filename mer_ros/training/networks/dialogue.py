"""What was said before, added to what was heard now: a small causal model of a dialogue."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class DialogueNet(nn.Module):
    """log p(now) plus what the past turns of this speaker, and of the others, speak for.

    Each past turn counts with a learned weight by its age, and moves the seven logits by a learned 7x7 table, one for
    the speaker's own turns and one for others'. Without a past the answer is `current` itself.
    (An ONNX graph cannot give an output the name of an input, so the input is `current`.)
    """

    strength: torch.Tensor
    typical: torch.Tensor

    def __init__(self, labels: int = 7, turns: int = 6) -> None:
        super().__init__()
        age = torch.arange(turns - 1, -1, -1, dtype=torch.float32)  # oldest first, newest last
        self.age_weights = nn.Parameter((-0.5 * age).repeat(2, 1))
        self.own = nn.Parameter(torch.zeros(labels, labels))
        self.others = nn.Parameter(torch.zeros(labels, labels))
        self.register_buffer("strength", torch.tensor(1.0))
        self.register_buffer("typical", torch.full((labels,), 1.0 / labels))

    def forward(self, current: torch.Tensor, history: torch.Tensor, same_speaker: torch.Tensor) -> torch.Tensor:
        """[B, 7], [B, 6, 7] (zeros where absent), [B, 6] (1: the same speaker) to logits [B, 7]."""
        present = (history.sum(dim=2) > 0).float()
        unusual = (history - self.typical) * present.unsqueeze(2)
        weights = functional.softplus(self.age_weights)
        own = (unusual * (weights[0] * same_speaker).unsqueeze(2)).sum(dim=1)
        others = (unusual * (weights[1] * (1.0 - same_speaker)).unsqueeze(2)).sum(dim=1)
        change = own @ self.own + others @ self.others
        return torch.log(current.clamp(min=1e-6)) + self.strength * change
