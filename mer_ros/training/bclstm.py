"""Trains the causal bc-LSTM: the utterance network of convolutions first, then an LSTM over its features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from mer_ros.corpora.text import Lines, split_dialogues
from mer_ros.emotion import SENTIMENTS
from mer_ros.evaluation.scores import score
from mer_ros.text.readers import MOST_PAST_TURNS
from mer_ros.text.tokens import TOKENS
from mer_ros.training.calibration import fit_temperature, softmax
from mer_ros.training.export import Graph, Head
from mer_ros.training.glove import PADDING, UNKNOWN, Vocabulary
from mer_ros.training.loop import Batch, FitOptions, fit, shuffled, steps_of
from mer_ros.training.networks.bclstm import DialogueLstm, TurnsNet, last_turn
from mer_ros.training.networks.text import TextNet
from mer_ros.training.text import (
    BALANCE,
    HELD_OUT,
    SPLIT_SEED,
    TERMS,
    as_batch,
    class_weights,
    load_talks,
    rebuild_text,
    train_text,
)
from mer_ros.training.trained import MODEL_FILE, Report, Trained, load_trained

TURNS = 1 + MOST_PAST_TURNS
BCLSTM_OPTIONS = FitOptions(epochs=20, batch_size=32, learning_rate=1e-3, weight_decay=5e-2, average=0.99, keep="best")
_NONE = -1  # the sentiment of padding


def turns_batch(lines: Lines, features: torch.Tensor) -> Batch:
    """Dialogues, padded behind: features [B, N, F] and emotions [B, N, 7] with zeros, sentiments [B, N] with -1."""
    starts = np.flatnonzero(np.diff(lines.dialogues, prepend=lines.dialogues[0] - 1))
    spans = list(zip(starts, [*starts[1:], len(lines)], strict=True))
    longest = max(end - start for start, end in spans)
    turns = torch.zeros(len(spans), longest, features.shape[1])
    emotions = torch.zeros(len(spans), longest, lines.emotions.shape[1])
    sentiments = torch.full((len(spans), longest), _NONE)
    for i, (start, end) in enumerate(spans):
        turns[i, : end - start] = features[start:end]
        emotions[i, : end - start] = torch.from_numpy(lines.emotions[start:end])
        sentiments[i, : end - start] = torch.from_numpy(lines.sentiments[start:end])
    return turns, emotions, sentiments


@torch.no_grad()
def turns_logits(network: DialogueLstm, batch: Batch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """float [lines, 7] and [lines, 3], in the order of the lines; each turn from those before it, as many there are."""
    network.eval()
    turns, emotions, _ = batch
    there = emotions.sum(dim=2) > 0
    told, felt = network(turns)
    return told[there].numpy(), felt[there].numpy()


def fit_turns(
    network: DialogueLstm,
    batch: Batch,
    held_out: tuple[Lines, Batch],
    weights: NDArray[np.float32],
    options: FitOptions,
    *,
    run: Path | None = None,
    progress: bool = True,
) -> None:
    """Fit in place on whole dialogues."""
    by_class = torch.from_numpy(weights)
    lines, held_batch = held_out

    def batches(generator: np.random.Generator) -> Iterable[Batch]:
        return shuffled(batch, options.batch_size, generator)

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        turns, emotions, sentiments = batch
        there = emotions.sum(dim=2) > 0
        told, felt = network(turns)
        balance = by_class.to(told.device)
        value = functional.cross_entropy(told[there], emotions[there], weight=balance, label_smoothing=0.05)
        return value + 0.3 * functional.cross_entropy(felt[there], sentiments[there], ignore_index=_NONE)

    def judge(network: nn.Module) -> float:
        assert isinstance(network, DialogueLstm)
        return score(lines.labels, softmax(turns_logits(network, held_batch)[0])).weighted_f1

    steps = steps_of(len(batch[0]), options.batch_size)
    fit(network, loss, batches, steps, options, run=run, score=judge, progress=progress)


def train_bclstm(
    data: Path,
    run: Path,
    *,
    epochs: int = BCLSTM_OPTIONS.epochs,
    seed: int = 1,
    command: str = "",
    progress: bool = True,
) -> Trained:
    """Train on MELD train, report on MELD dev.

    The utterance network is that of `train_text(arch="cnn")`, trained first in the run's folder `utterance` where
    it is not there yet. Epochs and temperature are chosen on the same tenth of MELD train's dialogues as there; MELD
    dev decides nothing.
    """
    utterance = run / "utterance"
    if not (utterance / MODEL_FILE).is_file():
        train_text(data, utterance, arch="cnn", seed=seed, progress=progress)
    first = load_trained(utterance)
    lines, dev = load_talks(data)
    lines, held_out = split_dialogues(lines, HELD_OUT, SPLIT_SEED)
    torch.manual_seed(seed)
    words = rebuild_text(first)
    dialogue = DialogueLstm(words.encoder.features)
    network = TurnsNet(words, dialogue).eval()
    batches = [_batch(part, network, first.words) for part in (lines, held_out, dev)]
    shares = lines.emotions.mean(axis=0)
    weights = class_weights(shares, BALANCE)
    options = replace(BCLSTM_OPTIONS, epochs=epochs, seed=seed)
    fit_turns(dialogue, batches[0], (held_out, batches[1]), weights, options, run=run / "dialogue", progress=progress)
    told, felt = turns_logits(dialogue, batches[1])
    temperatures = (fit_temperature(told, held_out.labels, weights), fit_temperature(felt, held_out.sentiments))
    metrics = _metrics(dialogue, dev, batches[2], temperatures)
    trained = Trained(
        "text",
        {"arch": "bclstm"},
        network.state_dict(),
        Report(
            prior=tuple((shares * weights / (shares * weights).sum()).tolist()),
            reliability=metrics["weighted_f1"],
            metrics=metrics,
            data=first.report.data,
            terms=TERMS,
            command=command,
            about=_ABOUT,
            limits=_LIMITS,
        ),
        temperatures,
        first.words,
    )
    trained.save(run)
    return trained


@torch.no_grad()
def _batch(lines: Lines, network: TurnsNet, words: tuple[str, ...]) -> Batch:
    vocabulary = Vocabulary(words, np.zeros((len(words), 0), np.float32))
    features = torch.cat([network.features(part) for part in as_batch(lines, vocabulary)[0].split(1024)])
    return turns_batch(lines, features)


def _metrics(network: DialogueLstm, lines: Lines, batch: Batch, temperatures: tuple[float, ...]) -> dict:
    told, felt = turns_logits(network, batch)
    scores = score(lines.labels, softmax(told, temperatures[0]))
    return {
        "split": "MELD dev (dialogues apart from those of training), each turn after all before it",
        "n": len(lines),
        "weighted_f1": scores.weighted_f1,
        "accuracy": scores.accuracy,
        "uar": scores.uar,
        "ece": scores.ece,
        "sentiment_weighted_f1": score(lines.sentiments, softmax(felt, temperatures[1]), SENTIMENTS).weighted_f1,
    }


class TurnsGraph(Head):
    """Ids to both heads' probabilities, and to which of the last turn's tokens are in the vocabulary."""

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """ids int64 [B, N, 20] to [B, 7], [B, 3], bool [B, 20]."""
        ids = inputs[0]
        last = last_turn(ids)[:, None, None].expand(-1, -1, ids.shape[2])
        now = ids.gather(1, last).squeeze(1)
        return (*super().forward(ids), (now != PADDING) & (now != UNKNOWN))


def turns_graph(trained: Trained) -> Graph:
    """The graph to export."""
    network = rebuild_turns(trained)
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, len(trained.words), (8, TURNS, TOKENS), generator=generator)
    ids[:, :, -4:] = PADDING
    for i in range(8):
        ids[i, 1 + 2 * i :] = PADDING  # dialogues of 1, 3, 5 ... turns
    outputs = ("probabilities", "sentiment_probabilities", "known")
    return Graph(TurnsGraph(network, trained.temperatures), {"ids": ids}, outputs, trained.words)


def rebuild_turns(trained: Trained) -> TurnsNet:
    """The network, in evaluation mode."""
    utterance = TextNet("cnn", torch.zeros(trained.weights["words.table"].shape))
    utterance.words.compress()
    network = TurnsNet(utterance, DialogueLstm(utterance.encoder.features))
    network.load_state_dict(trained.weights)
    return network.eval()


_ABOUT = (
    "Emotion and sentiment of an utterance from its words and from the turns before it: GloVe vectors and convolutions "
    "over each turn's first 20 words (those of text-glove-cnn), and an LSTM over the turns. This is the bc-LSTM that "
    "MELD's authors give as a baseline (arXiv 1810.02508), in causal form: theirs reads the dialogue in both "
    "directions and so knows what is said later, this one reads forward only."
)
_LIMITS = (
    "English only; learned from scripted lines of one TV series and from forum comments, so names, topics and "
    "manners of these leave traces.",
    f"It sees {MOST_PAST_TURNS} turns back, and not who spoke them.",
    "Disgust and fear are rare in conversation and found least.",
    "Not for decisions about people.",
)
