"""The conversation network as a file: only the current turn's answer, its vocabulary inside, 8-bit weights."""

from __future__ import annotations

from pathlib import Path

import torch

from mer_ros.text.readers import VOCABULARY
from mer_ros.training.export import Graph, Head
from mer_ros.training.minilm import network_of
from mer_ros.training.networks.minilm import ConversationNet
from mer_ros.training.quantise import quantise_products
from mer_ros.training.trained import Trained

# How far a probability may move by 8-bit weights; what that costs in score is in the card.
QUANTISED_TOLERANCE = 0.15
# Small, and what is lost in them moves every answer.
EXACT = ("/emotion/", "/sentiment/", "/relations/")


class CurrentTurn(torch.nn.Module):
    """The logits of each conversation's last turn: [B, 7] and [B, 3]."""

    def __init__(self, network: ConversationNet) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, pieces: torch.Tensor, turns: torch.Tensor, speakers: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """All int64 [B, T]; the current turn is the one with the largest number."""
        told, felt = self.network(pieces, turns, speakers, turns.amax(dim=1, keepdim=True))
        return told[:, 0], felt[:, 0]


def conversation_graph(trained: Trained) -> Graph:
    """The graph to export."""
    generator = torch.Generator().manual_seed(1)
    turns = torch.arange(24)[None].expand(2, -1) // 6
    inputs = {
        "pieces": torch.randint(1000, 20_000, turns.shape, generator=generator),
        "turns": turns.contiguous(),
        "speakers": turns % 2,
    }
    return Graph(
        Head(CurrentTurn(network_of(trained.weights).eval()), trained.temperatures),
        inputs,
        ("probabilities", "sentiment_probabilities"),
        tolerance=QUANTISED_TOLERANCE,
        finish=lambda path: finish(path, trained.words),
        free_length=tuple(inputs),
    )


def finish(path: Path, vocabulary: tuple[str, ...]) -> None:
    """Make the weights of matrices and the table of words 8-bit, and put the vocabulary into the file."""
    import onnx

    quantise_products(path, ("MatMul", "Gather"), EXACT)
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {VOCABULARY: "\n".join(vocabulary)})
    onnx.save(model, str(path))
