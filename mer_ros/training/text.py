"""Trains the text networks: first on GoEmotions' many lines, then on MELD's dialogues."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from mer_ros.corpora.text import NO_SENTIMENT, Lines, load_goemotions, load_meld, split_dialogues
from mer_ros.emotion import EMOTIONS, SENTIMENTS
from mer_ros.errors import InputError
from mer_ros.evaluation.scores import score
from mer_ros.text.tokens import TOKENS, tokenize
from mer_ros.training.calibration import fit_temperature, softmax
from mer_ros.training.export import Graph, Head
from mer_ros.training.glove import PADDING, UNKNOWN, Vocabulary, make_vocabulary
from mer_ros.training.loop import Batch, FitOptions, fit, shuffled, steps_of
from mer_ros.training.networks.text import TextNet
from mer_ros.training.trained import Report, Trained

PRETRAIN_OPTIONS = FitOptions(epochs=5, batch_size=128, learning_rate=2e-3, weight_decay=1e-2, average=0.99)
TEXT_OPTIONS = FitOptions(epochs=8, batch_size=64, learning_rate=2e-3, weight_decay=5e-2, average=0.99, keep="best")
BALANCE = 0.25  # see `class_weights`
HELD_OUT, SPLIT_SEED = 0.1, 7  # of MELD's training dialogues, for the temperature and for choices
LEAST_DIALOGUES = 4  # of train and of dev: both are halved
TERMS = (
    "MELD: lines of a TV series, annotations GPL-3.0, research only. GoEmotions: Apache-2.0. "
    "GloVe 6B vectors: PDDL 1.0."
)


def as_batch(lines: Lines, vocabulary: Vocabulary) -> Batch:
    """Token ids [N, 20], emotions [N, 7], sentiments [N]."""
    return (
        torch.from_numpy(vocabulary.ids(lines.texts)),
        torch.from_numpy(lines.emotions),
        torch.from_numpy(lines.sentiments),
    )


@torch.no_grad()
def text_logits(network: nn.Module, ids: torch.Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """float [N, 7] and [N, 3], in evaluation mode."""
    network.eval()
    emotions, sentiments = zip(*(network(part) for part in ids.split(1024)), strict=True)
    return torch.cat(emotions).numpy(), torch.cat(sentiments).numpy()


def load_talks(data: Path) -> tuple[Lines, Lines]:
    """MELD's train and dev. Raises InputError where there is not enough to learn from and to ask of."""
    parts = {part: load_meld(data, part) for part in ("train", "dev")}
    for part, lines in parts.items():
        file = Path(data) / "meld" / f"{part}_sent_emo.csv"
        if (lines.sentiments == NO_SENTIMENT).any():
            raise InputError(f"{file} has no column Sentiment, which this network learns to tell; add it.")
        if (count := len(np.unique(lines.dialogues))) < LEAST_DIALOGUES:
            raise InputError(
                f"{file} holds {count} dialogues; {LEAST_DIALOGUES} are needed at least, as parts of them "
                "are kept apart."
            )
    return parts["train"], parts["dev"]


def class_weights(shares: NDArray[np.floating], power: float) -> NDArray[np.float32]:
    """[7], mean 1 over the data: rarer emotions weigh more, by `power` (0: all the same, 1: fully balanced).

    Raises InputError where there is nothing to learn an emotion from.
    """
    missing = [name for name, share in zip(EMOTIONS, shares, strict=True) if not share > 0]
    if power and missing:
        raise InputError(f"no line to learn from is labelled {' or '.join(missing)}; add some of each emotion")
    weights = np.asarray(shares, np.float64) ** -power
    return (weights / (weights * shares).sum()).astype(np.float32)


def fit_text(
    network: TextNet,
    batch: Batch,
    options: FitOptions,
    *,
    balance: float = 0.0,
    judge: Callable[[nn.Module], float] | None = None,
    run: Path | None = None,
    progress: bool = True,
) -> None:
    """Fit in place on token ids, emotions and, where known, sentiments."""
    weights = torch.from_numpy(class_weights(batch[1].mean(dim=0).numpy(), balance))

    def batches(generator: np.random.Generator) -> Iterable[Batch]:
        return shuffled(batch, options.batch_size, generator)

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        ids, emotions, sentiments = batch
        told, felt = network(ids)
        value = functional.cross_entropy(told, emotions, weight=weights.to(told.device), label_smoothing=0.05)
        if bool((sentiments != NO_SENTIMENT).any()):
            value = value + 0.3 * functional.cross_entropy(felt, sentiments, ignore_index=NO_SENTIMENT)
        return value

    steps = steps_of(len(batch[0]), options.batch_size)
    fit(network, loss, batches, steps, options, run=run, score=judge, progress=progress)


def pretrain_text(arch: str, lines: Lines, vocabulary: Vocabulary, run: Path, seed: int, progress: bool) -> TextNet:
    """A network that has read GoEmotions."""
    torch.manual_seed(seed)
    network = TextNet(arch, torch.from_numpy(vocabulary.vectors))
    options = replace(PRETRAIN_OPTIONS, seed=seed)
    fit_text(network, as_batch(lines, vocabulary), options, balance=0.3, run=run / "pretrain", progress=progress)
    return network


def train_text(
    data: Path,
    run: Path,
    *,
    arch: str = "lstm",
    epochs: int = TEXT_OPTIONS.epochs,
    seed: int = 1,
    command: str = "",
    progress: bool = True,
) -> Trained:
    """Train on MELD train (and GoEmotions train where it is), report on MELD dev.

    Epochs and temperature are chosen on a tenth of MELD train's dialogues; MELD dev decides nothing.
    """
    lines, dev = load_talks(data)
    lines, held_out = split_dialogues(lines, HELD_OUT, SPLIT_SEED)
    more = load_goemotions(data, "train") if (Path(data) / "goemotions_ekman").is_dir() else None
    known = [lines] if more is None else [lines, more]
    vocabulary = make_vocabulary(token for part in known for text in part.texts for token in tokenize(text))
    torch.manual_seed(seed)
    if more is None:
        network = TextNet(arch, torch.from_numpy(vocabulary.vectors))
    else:
        network = pretrain_text(arch, more, vocabulary, run, seed, progress)
    held_ids = as_batch(held_out, vocabulary)[0]

    def judge(network: nn.Module) -> float:
        return score(held_out.labels, softmax(text_logits(network, held_ids)[0])).weighted_f1

    options = replace(TEXT_OPTIONS, epochs=epochs, seed=seed)
    batch = as_batch(lines, vocabulary)
    fit_text(network, batch, options, balance=BALANCE, judge=judge, run=run / "meld", progress=progress)
    network.words.compress()
    shares = lines.emotions.mean(axis=0)
    weights = class_weights(shares, BALANCE)
    told, felt = text_logits(network, held_ids)
    temperatures = (fit_temperature(told, held_out.labels, weights), fit_temperature(felt, held_out.sentiments))
    metrics = _metrics(network, dev, vocabulary, temperatures)
    trained = Trained(
        "text",
        {"arch": arch},
        network.state_dict(),
        Report(
            prior=tuple((shares * weights / (shares * weights).sum()).tolist()),
            reliability=metrics["weighted_f1"],
            metrics=metrics,
            data=("MELD train", *(("GoEmotions (Ekman) train",) if more is not None else ()), "GloVe 6B 50d"),
            terms=TERMS,
            command=command,
            about=_ABOUT[arch],
            limits=_LIMITS,
        ),
        temperatures,
        vocabulary.words,
    )
    trained.save(run)
    return trained


def _metrics(network: TextNet, lines: Lines, vocabulary: Vocabulary, temperatures: tuple[float, ...]) -> dict:
    told, felt = text_logits(network, as_batch(lines, vocabulary)[0])
    scores = score(lines.labels, softmax(told, temperatures[0]))
    felt_scores = score(lines.sentiments, softmax(felt, temperatures[1]), SENTIMENTS)
    return {
        "split": "MELD dev (dialogues apart from those of training)",
        "n": len(lines),
        "weighted_f1": scores.weighted_f1,
        "accuracy": scores.accuracy,
        "uar": scores.uar,
        "ece": scores.ece,
        "sentiment_weighted_f1": felt_scores.weighted_f1,
    }


class TextGraph(Head):
    """Ids to both heads' probabilities, and to which of the tokens are in the vocabulary."""

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """ids int64 [B, 20] to [B, 7], [B, 3], bool [B, 20]."""
        known = (inputs[0] != PADDING) & (inputs[0] != UNKNOWN)
        return (*super().forward(*inputs), known)


def text_graph(trained: Trained) -> Graph:
    """The graph to export."""
    network = rebuild_text(trained)
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, len(trained.words), (8, TOKENS), generator=generator)
    ids[:, -4:] = PADDING
    return Graph(
        TextGraph(network, trained.temperatures),
        {"ids": ids},
        ("probabilities", "sentiment_probabilities", "known"),
        trained.words,
    )


def rebuild_text(trained: Trained) -> TextNet:
    """The network, in evaluation mode."""
    network = TextNet(trained.settings["arch"], torch.zeros(trained.weights["words.table"].shape))
    network.words.compress()
    network.load_state_dict(trained.weights)
    return network.eval()


_ABOUT = {
    "cnn": "Emotion and sentiment of an utterance's first 20 words: GloVe vectors (tuned), convolutions over 3, 4 and "
    "5 words, largest answer of each (after Kim 2014, arXiv 1408.5882).",
    "lstm": "Emotion and sentiment of an utterance's first 20 words: GloVe vectors (tuned), an LSTM in both "
    "directions, largest and mean answer over the words.",
}
_LIMITS = (
    "English only; learned from scripted lines of one TV series and from forum comments, so names, topics and "
    "manners of these leave traces.",
    "Disgust and fear are rare in conversation and found least.",
    "It sees words alone: irony and tone are beyond it.",
    "Not for decisions about people.",
)
