"""Trains the causal dialogue model on MELD's dialogues, as a text model hears them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from mer_ros.corpora.text import Lines, load_goemotions, load_meld, split_dialogues
from mer_ros.errors import InputError
from mer_ros.evaluation.scores import score
from mer_ros.training.calibration import fit_temperature, softmax
from mer_ros.training.export import Graph, Head
from mer_ros.training.glove import Vocabulary
from mer_ros.training.loop import Batch, FitOptions, fit, shuffled, steps_of
from mer_ros.training.networks.dialogue import DialogueNet
from mer_ros.training.text import (
    BALANCE,
    HELD_OUT,
    SPLIT_SEED,
    TERMS,
    TEXT_OPTIONS,
    as_batch,
    class_weights,
    fit_text,
    pretrain_text,
    rebuild_text,
    text_logits,
)
from mer_ros.training.trained import Report, Trained, load_trained

TURNS = 6
DIALOGUE_OPTIONS = FitOptions(epochs=20, batch_size=128, learning_rate=5e-3, weight_decay=0.1, average=0.99)
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
FOLDS = 3
UNKNOWN_SPEAKERS = 0.3  # share of the dialogues in which, while training, nobody knows who speaks

Array = NDArray[np.float32]


def retarget(probabilities: Array, prior: Array, target: Array) -> Array:
    """Probabilities [N, K] as they are where the classes' shares are `target` and not `prior` (Saerens et al. 2002)."""
    moved = probabilities * (target / prior)
    return (moved / moved.sum(axis=1, keepdims=True)).astype(np.float32)


def windows(lines: Lines, probabilities: Array, known: NDArray[np.bool_] | None = None) -> tuple[Array, Array]:
    """What came before each line in its dialogue: probabilities [N, 6, 7], same speaker [N, 6]; oldest first.

    known: [N], False where the speakers of a dialogue are not known and count as one.
    """
    history = np.zeros((len(lines), TURNS, probabilities.shape[1]), np.float32)
    same = np.zeros((len(lines), TURNS), np.float32)
    for i in range(len(lines)):
        for back in range(1, TURNS + 1):
            j = i - back
            if j < 0 or lines.dialogues[j] != lines.dialogues[i]:
                break
            history[i, -back] = probabilities[j]
            same[i, -back] = lines.speakers[j] == lines.speakers[i] or (known is not None and not known[i])
    return history, same


@torch.no_grad()
def roll_out(network: nn.Module, lines: Lines, probabilities: Array) -> Array:
    """[N, 7]: the answers in the order spoken, each past turn being the model's own answer to it."""
    network.eval()
    said = np.zeros_like(probabilities)
    _, same = windows(lines, probabilities)
    for i in range(len(lines)):
        first = max(0, i - TURNS)
        past = [j for j in range(first, i) if lines.dialogues[j] == lines.dialogues[i]]
        history = np.zeros((1, TURNS, probabilities.shape[1]), np.float32)
        if past:
            history[0, -len(past) :] = said[past]
        inputs = (probabilities[i : i + 1], history, same[i : i + 1])
        said[i] = network(*map(torch.from_numpy, inputs)).softmax(dim=1)[0].numpy()
    return said


def fit_dialogue(
    lines: Lines, probabilities: Array, options: FitOptions = DIALOGUE_OPTIONS, progress: bool = True
) -> DialogueNet:
    """Twice: on the past as it was heard, then on the past as the first network answered to it."""
    torch.manual_seed(options.seed)
    network = DialogueNet(turns=TURNS)
    network.typical.copy_(torch.from_numpy(probabilities.mean(axis=0)))
    names = np.unique(lines.dialogues)
    unknown = names[np.random.default_rng(options.seed).random(len(names)) < UNKNOWN_SPEAKERS]
    known = ~np.isin(lines.dialogues, unknown)
    past = probabilities
    for _ in range(2):
        history, same = windows(lines, past, known)
        batch = tuple(torch.from_numpy(a) for a in (probabilities, history, same, lines.labels))

        def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
            return functional.cross_entropy(network(*batch[:3]), batch[3])

        def batches(generator: np.random.Generator, batch: Batch = batch) -> Iterable[Batch]:
            return shuffled(batch, options.batch_size, generator)

        fit(network, loss, batches, steps_of(len(lines), options.batch_size), options, progress=progress)
        past = roll_out(network, lines, probabilities)
    return network


def choose_strength(network: DialogueNet, lines: Lines, probabilities: Array) -> dict[float, float]:
    """Set how much the past counts to what serves held-out dialogues best; 0 leaves every answer as it was.

    Gives the weighted F1 of each strength.
    """
    scores = {}
    for strength in STRENGTHS:
        network.strength.fill_(strength)
        scores[strength] = score(lines.labels, roll_out(network, lines, probabilities)).weighted_f1
    network.strength.fill_(max(scores, key=lambda s: scores[s]))
    return scores


def unseen_probabilities(lines: Lines, text: Trained, run: Path, data: Path, seed: int, progress: bool) -> Array:
    """[N, 7]: each line as a text network answers that was trained on the other folds' dialogues."""
    vocabulary = Vocabulary(text.words, text.weights["words.table"].float().numpy())
    more = load_goemotions(data, "train")
    names = np.unique(lines.dialogues)
    folds = dict(zip(names, np.random.default_rng(seed).permutation(len(names)) % FOLDS, strict=True))
    fold = np.array([folds[d] for d in lines.dialogues])
    logits = np.zeros((len(lines), 7), np.float32)
    for k in range(FOLDS):
        # The first pass over GoEmotions is taken from where it was kept; it has not seen MELD.
        network = pretrain_text(text.settings["arch"], more, vocabulary, run, seed, progress)
        rest, inside = lines.rows(np.flatnonzero(fold != k)), np.flatnonzero(fold == k)
        fit_text(
            network,
            as_batch(rest, vocabulary),
            replace(TEXT_OPTIONS, epochs=5, seed=seed, keep="last"),
            balance=BALANCE,
            progress=progress,
        )
        logits[inside] = text_logits(network, as_batch(lines.rows(inside), vocabulary)[0])[0]
    shares = lines.emotions.mean(axis=0)
    weights = class_weights(shares, BALANCE)
    told = softmax(logits, fit_temperature(logits, lines.labels, weights)).astype(np.float32)
    return retarget(told, shares * weights / (shares * weights).sum(), shares)


def heard(text: Trained, lines: Lines, target: Array) -> Array:
    """[N, 7]: the finished text model's answers, for the classes' shares in `target`."""
    vocabulary = Vocabulary(text.words, text.weights["words.table"].float().numpy())
    logits = text_logits(rebuild_text(text), as_batch(lines, vocabulary)[0])[0]
    told = softmax(logits, text.temperatures[0]).astype(np.float32)
    return retarget(told, np.array(text.report.prior, np.float32), target)


def train_dialogue(
    data: Path,
    run: Path,
    *,
    text_run: Path,
    epochs: int = DIALOGUE_OPTIONS.epochs,
    seed: int = 1,
    command: str = "",
    progress: bool = True,
) -> Trained:
    """Train on MELD train as the text model of `text_run` hears it; report on MELD dev."""
    text = load_trained(text_run)
    if text.task != "text":
        raise InputError(f"{text_run} holds a {text.task} model; the dialogue model needs the run of a text model.")
    lines = load_meld(data, "train")
    rest, held_out = split_dialogues(lines, HELD_OUT, SPLIT_SEED)
    dev = load_meld(data, "dev")
    target = rest.emotions.mean(axis=0)
    probabilities = unseen_probabilities(rest, text, text_run, data, seed, progress)
    network = fit_dialogue(rest, probabilities, replace(DIALOGUE_OPTIONS, epochs=epochs, seed=seed), progress)
    chosen = choose_strength(network, held_out, heard(text, held_out, target))
    alone = heard(text, dev, target)
    with_past, without = score(dev.labels, roll_out(network, dev, alone)), score(dev.labels, alone)
    strength = float(network.strength)
    metrics: dict[str, Any] = {
        "split": "MELD dev, on the text model's answers, the past being the model's own answers",
        "n": len(dev),
        "weighted_f1": with_past.weighted_f1,
        "weighted_f1_without_context": without.weighted_f1,
        "accuracy": with_past.accuracy,
        "accuracy_without_context": without.accuracy,
        "strength": strength,
        "held_out_weighted_f1": chosen[strength],
        "held_out_weighted_f1_without_context": chosen[0.0],
    }
    trained = Trained(
        "dialogue",
        {},
        network.state_dict(),
        Report(
            prior=tuple(target.tolist()),
            reliability=metrics["weighted_f1"],
            metrics=metrics,
            data=("MELD train",),
            terms=TERMS,
            command=command,
            about="Corrects an utterance's emotion by up to six turns before it, causally: own turns and others' "
            "each through a 7x7 table, weighed by age. Without a past it changes nothing.",
            limits=(
                "Learned from one English TV series, in which moods change faster than in most talk.",
                "It expects probabilities for MELD's shares of the emotions, which the fusion gives it.",
                "Its strength was chosen on held-out dialogues of MELD train.",
            ),
        ),
    )
    trained.save(run)
    return trained


def dialogue_graph(trained: Trained) -> Graph:
    """The graph to export."""
    network = DialogueNet(turns=TURNS)
    network.load_state_dict(trained.weights)
    generator = torch.Generator().manual_seed(1)
    history = torch.rand(8, TURNS, 7, generator=generator).softmax(dim=2)
    history[:4, :3] = 0.0
    return Graph(
        Head(network, trained.temperatures),
        {
            "current": torch.randn(8, 7, generator=generator).mul(2).softmax(dim=1),
            "history": history,
            "same_speaker": (torch.rand(8, TURNS, generator=generator) < 0.5).float(),
        },
        ("probabilities",),
    )
