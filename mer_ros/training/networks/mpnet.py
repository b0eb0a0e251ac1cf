"""A larger encoder that reads conversations as the small one does, to teach it: MPNet (Song et al. 2020)."""

from __future__ import annotations

import math

import torch
from torch import nn

from mer_ros.training.networks.minilm import ConversationNet, encoder_weights, places, safetensors

BUCKETS, FARTHEST_PIECE = 32, 128  # of the relative positions
FIRST_PLACE = 2  # the first two positions are of padding and of none
# Its vocabulary is BERT's after four pieces of its own, which stand in for BERT's padding, start and end.
SHIFT = 4
OWN = {0: 1, 101: 0, 102: 2}


class LargeConversationNet(ConversationNet):
    """MPNet-base (12 layers of width 768, 110 M parameters), with the small network's view of turns and speakers."""

    def __init__(
        self,
        vocabulary: int = 30527,
        width: int = 768,
        heads: int = 12,
        layers: int = 12,
        inner: int = 3072,
        positions: int = 514,
    ) -> None:
        super().__init__(vocabulary, width, heads, layers, inner, positions)
        self.order = nn.Embedding(BUCKETS, heads)
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = 1e-5

    def embedded(self, pieces: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        """As the small network: pieces are numbers of BERT's vocabulary."""
        own = pieces + SHIFT
        for bert, mpnet in OWN.items():
            own = own.masked_fill(pieces == bert, mpnet)
        return self.words(own) + self.positions(places(turns) + FIRST_PLACE)

    def attention_bias(self, turns: torch.Tensor, speakers: torch.Tensor) -> torch.Tensor:
        """As the small network, and what each head prefers by the distance in pieces."""
        return super().attention_bias(turns, speakers) + self.order(buckets(turns.shape[1])).permute(2, 0, 1)


def buckets(length: int) -> torch.Tensor:
    """int64 [T, T]: classes of distance, exact when near and logarithmic when far (Raffel et al. 2020)."""
    place = torch.arange(length)
    back = place[:, None] - place[None, :]
    half, near = BUCKETS // 2, BUCKETS // 4
    far = near + (torch.log(back.abs().clamp(min=1) / near) / math.log(FARTHEST_PIECE / near) * (half - near)).long()
    return torch.where(back.abs() < near, back.abs(), far.clamp(max=half - 1)) + half * (back < 0)


def load_mpnet(content: bytes, network: LargeConversationNet) -> None:
    """Take over the encoder's weights of all-mpnet-base-v2, a safetensors file."""
    saved = safetensors(content)
    heads = ("attn.q", "attn.k", "attn.v")
    weights = network.state_dict() | encoder_weights(saved, len(network.layers), heads, "attn.o", "")
    weights["order.weight"] = saved["encoder.relative_attention_bias.weight"]
    network.load_state_dict(weights)
