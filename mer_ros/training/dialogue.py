"""Trains the causal dialogue model: what one turn's emotion says of the next, from the labels of MELD's dialogues.

The networks of the senses were trained on MELD train, so their answers there are not what they are elsewhere. The
model therefore learns from synthetic answers: each turn of MELD train is given what the fusion said of some held-out
turn of the same label. How much of what it learned is used is then chosen on held-out dialogues themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from mer_ros.corpora.text import Lines, load_meld
from mer_ros.emotion import Modality
from mer_ros.evaluation.fusion import ALL, draw, name_of
from mer_ros.evaluation.held_out import HeldOut
from mer_ros.evaluation.scores import score
from mer_ros.evaluation.tuples import Tuples, judged
from mer_ros.fusion.experts import Experts
from mer_ros.fusion.options import FusionOptions
from mer_ros.training.export import Graph, Head
from mer_ros.training.labels import check_each_emotion
from mer_ros.training.loop import Batch, FitOptions, fit, shuffled, steps_of
from mer_ros.training.networks.dialogue import DialogueNet
from mer_ros.training.trained import Report, Trained

TURNS = 6
DIALOGUE_OPTIONS = FitOptions(epochs=20, batch_size=128, learning_rate=5e-3, weight_decay=0.1, average=0.99)
STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
TEXT_ALONE = (Modality.TEXT,)
HEARD = (TEXT_ALONE, (Modality.AUDIO, Modality.TEXT), ALL)  # what the strength is chosen for: not to hurt any of them
DRAWS = 2
UNKNOWN_SPEAKERS = 0.3  # share of the dialogues in which, while training, nobody knows who speaks

Array = NDArray[np.float32]


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


def synthetic_answers(lines: Lines, labels: NDArray[np.int64], answers: Array, seed: int) -> Array:
    """[N, 7]: for each line an answer, of [n, 7], that was given to an example of the same label, of [n]."""
    rng = np.random.default_rng(seed)
    told = np.zeros((len(lines), answers.shape[1]), np.float32)
    for label in np.unique(lines.labels):
        rows = np.flatnonzero(lines.labels == label)
        told[rows] = answers[rng.choice(np.flatnonzero(labels == label), len(rows))]
    return told


def choose_strength(network: DialogueNet, lines: Lines, heard: Sequence[Array]) -> dict[float, list[float]]:
    """Set how much the past counts to what serves held-out dialogues best; 0 leaves every answer as it was.

    heard: answers [N, 7] to the same lines from different senses. What is to rise is the labels' log likelihood, on
    average over these, and for none of them may it fall. Of the strengths that come within a standard error (over
    the dialogues) of the best one the least is taken: 0, when the past gives no more than that.
    Gives the mean log likelihoods of each strength.
    """
    found: dict[float, list[float]] = {}
    rises: dict[float, tuple[float, float]] = {}  # with their standard errors
    base: list[Array] = []
    for strength in STRENGTHS:
        network.strength.fill_(strength)
        each = [_log_likelihood(lines, roll_out(network, lines, answers)) for answers in heard]
        base = base or each
        found[strength] = [float(e.mean()) for e in each]
        rise = np.mean([e - b for e, b in zip(each, base, strict=True)], axis=0)
        by_dialogue = np.array([rise[lines.dialogues == d].sum() for d in np.unique(lines.dialogues)])
        error = float(by_dialogue.std() * np.sqrt(len(by_dialogue)))
        hurts = any(e.mean() < b.mean() for e, b in zip(each, base, strict=True))
        if not hurts:
            rises[strength] = float(by_dialogue.sum()), error
    most, error = max(rises.values())
    network.strength.fill_(min(s for s, (rise, _) in rises.items() if rise >= most - error))
    return found


def _log_likelihood(lines: Lines, probabilities: Array) -> Array:
    return np.log(np.maximum(probabilities[np.arange(len(lines)), lines.labels], 1e-12))


def train_dialogue(
    data: Path,
    run: Path,
    *,
    models: Path,
    epochs: int = DIALOGUE_OPTIONS.epochs,
    seed: int = 1,
    command: str = "",
    progress: bool = True,
) -> Trained:
    """Train for the fusion of a folder of models, which must be there first; report on the other half of MELD dev."""
    train = load_meld(data, "train")
    first, rest = (HeldOut(data, models, first=half) for half in (True, False))
    check_each_emotion(train.labels, "line to learn from")
    check_each_emotion(first.lines.labels, "line of the first half of meld/dev_sent_emo.csv's dialogues")
    tuples = draw(first, first.text(), seed, DRAWS)
    heard = {names: [_fused(t, first.experts, names) for t in tuples] for names in HEARD}
    pool = np.concatenate([answers for told in heard.values() for answers in told])
    labels = np.tile(first.lines.labels, len(HEARD) * DRAWS)
    answers = synthetic_answers(train, labels, pool, seed)
    network = fit_dialogue(train, answers, replace(DIALOGUE_OPTIONS, epochs=epochs, seed=seed), progress)
    chosen = choose_strength(network, first.lines, [told[0] for told in heard.values()])
    strength = float(network.strength)
    text = _fused(draw(rest, rest.text(), seed, 1)[0], rest.experts, TEXT_ALONE)
    with_past, without = (score(rest.lines.labels, p) for p in (roll_out(network, rest.lines, text), text))
    metrics: dict[str, Any] = {
        "split": "a half of MELD dev's dialogues, on the text model's answers, the past being the model's own answers",
        "n": len(rest.lines),
        "weighted_f1": with_past.weighted_f1,
        "weighted_f1_without_the_model": without.weighted_f1,
        "accuracy": with_past.accuracy,
        "accuracy_without_the_model": without.accuracy,
        "ece": with_past.ece,
        "strength": round(strength, 2),
        "log_likelihood_gained_on_the_other_half": {
            name_of(names): now - before
            for names, now, before in zip(HEARD, chosen[round(strength, 2)], chosen[0.0], strict=True)
        },
    }
    trained = Trained(
        "dialogue",
        {},
        network.state_dict(),
        Report(
            prior=tuple(float(share) for share in train.emotions.mean(axis=0)),
            reliability=metrics["weighted_f1"],
            metrics=metrics,
            data=("MELD train", "MELD dev (a half: answers, and the strength)"),
            terms="MELD: lines of a TV series, annotations GPL-3.0, research only.",
            command=command,
            about="Corrects an utterance's emotion by up to six turns before it, causally: own turns and others' "
            "each through a 7x7 table, weighed by age. Without a past it changes nothing. It learned which emotion "
            "follows which from MELD's labels. How much of that is used (the strength, 0..1) was chosen so that it "
            "hurts neither the words alone nor the words with a voice and a face: a text model that reads the past "
            "turns knows part of it already."
            + ("" if strength else " Here nothing was gained, so the strength is 0: it changes nothing."),
            limits=(
                "Learned from one English TV series, in which moods change faster than in most talk.",
                "It expects probabilities for MELD's shares of the emotions, which the fusion gives it.",
                "The strength was chosen on a half of MELD dev, voices and faces being synthetic tuples.",
            ),
        ),
    )
    trained.save(run)
    return trained


def _fused(tuples: Tuples, experts: Experts, names: tuple[Modality, ...]) -> Array:
    return judged(tuples, experts, names, FusionOptions()).astype(np.float32)


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
