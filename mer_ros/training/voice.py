"""Trains the middle layers of the speech recogniser's encoder further, to hear emotions in acted voices."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from mer_ros.audio.prosody import prosody
from mer_ros.corpora.speech import Clips, load_speech, speaker_folds
from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError
from mer_ros.evaluation.scores import score
from mer_ros.training.calibration import fit_temperature, softmax
from mer_ros.training.export import Graph, Head
from mer_ros.training.loop import Batch, FitOptions, fit, steps_of
from mer_ros.training.moonshine import load_encoder
from mer_ros.training.networks.voice import ABOVE, BELOW, POOLED, VoiceBranch, VoiceNet
from mer_ros.training.networks.voice_encoder import WIDTH, VoiceEncoder
from mer_ros.training.quantise import quantise_products
from mer_ros.training.speech import (
    CORPORA,
    CORPUS_SHARE,
    FOLD_SEED,
    FOLDS,
    SPEECH_TERMS,
    VALIDATION_SPEAKERS,
    balanced_chances,
)
from mer_ros.training.trained import Report, Trained
from mer_ros.training.voice_copies import Copy, lower_layers, make_copies

VOICE_OPTIONS = FitOptions(
    epochs=7, batch_size=32, learning_rate=1e-3, weight_decay=5e-2, average=0.96, bfloat16=True, warm_up=0.25
)
ENCODER_RATE = 0.2  # of the encoder's layers, as a share of what is new
COPIES = 6  # of each clip: one as the live graph hears it, the others by other voices in other rooms
MIX = 0.4  # both parameters of the beta distribution that mix-up (arXiv 1710.09412) draws from
TOLERANCE = 0.05  # in probability: what products of 8-bit numbers may change
_SORTED = 8  # batches among which clips are sorted by length


def new_branch(copies: list[Copy], rows: NDArray[np.int64]) -> VoiceBranch:
    """A branch with the encoder's weights, normalised by what it says of the clips before training."""
    layers = load_encoder().layers[BELOW : BELOW + ABOVE]
    size = POOLED + copies[0].prosody.shape[1]
    branch = VoiceBranch(torch.zeros(size), torch.ones(size))
    branch.layers.load_state_dict(layers.state_dict())
    rows = np.array(sorted(rows, key=lambda i: len(copies[0].frames[i])))
    with torch.no_grad():
        parts = []
        for some in np.array_split(rows, max(1, len(rows) // 32)):
            frames, numbers, lengths = _gather(copies, some, np.zeros(len(some), np.int64))
            channels, _ = branch.statistics(frames, _turns(frames), lengths)
            parts.append(torch.cat((channels, numbers), dim=1))
        known = torch.cat(parts)
        branch.mean.copy_(known.mean(dim=0))
        branch.deviation.copy_(known.std(dim=0) + 1e-5)
    return branch


def _gather(copies: list[Copy], rows: NDArray[np.int64], which: NDArray[np.int64]) -> Batch:
    """Frames [B, T, 288], prosody [B, P], lengths [B] of these clips, each in the copy named beside it."""
    taken = [copies[k].frames[i] for i, k in zip(rows, which, strict=True)]
    lengths = torch.tensor([len(frames) for frames in taken])
    frames = torch.zeros(len(taken), int(lengths.max()), WIDTH)
    for row, some in zip(frames, taken, strict=True):
        row[: len(some)] = torch.from_numpy(some)
    numbers = np.stack([copies[k].prosody[i] for i, k in zip(rows, which, strict=True)])
    return frames, torch.from_numpy(numbers), lengths


_POSITIONS = VoiceEncoder(0)  # for its rotary positions alone


def _turns(frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return _POSITIONS.positions(frames.shape[1])


def fit_branch(
    clips: Clips,
    copies: list[Copy],
    rows: NDArray[np.int64],
    options: FitOptions = VOICE_OPTIONS,
    *,
    run: Path | None = None,
    progress: bool = True,
) -> VoiceBranch:
    """Trained on these rows, each drawn with its chance, in a random copy, and mixed with others of its batch."""
    torch.manual_seed(options.seed)
    branch = new_branch(copies, rows)
    chosen = clips.rows(rows)
    chances = balanced_chances(chosen.labels, chosen.corpora, CORPUS_SHARE)
    targets = functional.one_hot(torch.from_numpy(clips.labels), len(EMOTIONS)).float()
    steps = steps_of(len(rows), options.batch_size)

    def batches(generator: np.random.Generator) -> Iterable[Batch]:
        drawn = generator.choice(rows, steps * options.batch_size, p=chances)
        which = generator.integers(len(copies), size=len(drawn))
        size = np.array([len(copies[k].frames[i]) for i, k in zip(drawn, which, strict=True)])
        group = np.arange(len(drawn)) // (options.batch_size * _SORTED)
        order = np.lexsort((size, group)).reshape(steps, options.batch_size)
        for step in generator.permutation(steps):
            inside = order[step]
            frames, numbers, lengths = _gather(copies, drawn[inside], which[inside])
            share = torch.tensor(generator.beta(MIX, MIX), dtype=torch.float32)
            other = torch.from_numpy(generator.permutation(len(inside)))
            yield frames, numbers, lengths, targets[drawn[inside]], share, other

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        assert isinstance(network, VoiceBranch)
        frames, numbers, lengths, wanted, share, other = batch
        found = network.features(frames, numbers, _turns(frames), lengths)
        logits = network.head(share * found + (1 - share) * found[other])
        mixed = share * wanted + (1 - share) * wanted[other]
        return functional.cross_entropy(logits.float(), mixed, label_smoothing=0.1)

    def rate(name: str) -> float:
        return ENCODER_RATE if name.startswith("layers.") else 1.0

    fit(branch, loss, batches, steps, options, run=run, rate=rate, progress=progress)
    return branch.eval()


def averaged(branches: list[VoiceBranch]) -> VoiceBranch:
    """One branch with the mean of their weights: they began as one, so it is as good as asking all (2203.05482)."""
    states = [branch.state_dict() for branch in branches]
    mean = copy.deepcopy(branches[0])
    mean.load_state_dict(
        {
            name: torch.stack([state[name].double() for state in states]).mean(0).to(value.dtype)
            for name, value in states[0].items()
        }
    )
    return mean.eval()


@torch.no_grad()
def branch_logits(branches: list[VoiceBranch], copy: Copy, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """[len(rows), 7], one clip after the other."""
    found = []
    for i in rows:
        frames, numbers, _ = _gather([copy], np.array([i]), np.zeros(1, np.int64))
        turns = _turns(frames)
        found.append(torch.stack([branch(frames, numbers, turns) for branch in branches]).mean(0)[0])
    return np.asarray(torch.stack(found).numpy())


def train_voice(
    data: Path,
    run: Path,
    *,
    epochs: int = VOICE_OPTIONS.epochs,
    seed: int = 1,
    command: str = "",
    validation: tuple[str, ...] = VALIDATION_SPEAKERS,
    copies: int = COPIES,
    progress: bool = True,
) -> Trained:
    """Train on all speakers but `validation`, report on those.

    The temperature comes from folds over the training speakers.
    """
    clips = load_speech(data)
    known = ~np.isin(clips.speakers, validation)
    if known.all() or not known.any():
        raise InputError(f"{data} needs clips of the speakers {', '.join(validation)}, and of others.")
    made = make_copies(clips, run, copies, seed, progress)

    def fitted(rows: NDArray[np.int64], name: str) -> VoiceBranch:
        options = replace(VOICE_OPTIONS, epochs=epochs, seed=100 * seed)
        return fit_branch(clips, made, rows, options, run=run / f"{name}-0", progress=progress)

    train, held_out = np.flatnonzero(known), np.flatnonzero(~known)
    fold = speaker_folds(clips.rows(train), FOLDS, FOLD_SEED)
    logits = np.zeros((len(clips), len(EMOTIONS)), np.float32)
    parts = [fitted(train, "fit")]
    for k in tqdm(range(FOLDS), "folds", disable=not progress):
        parts.append(fitted(train[fold != k], f"fold-{k}"))
        logits[train[fold == k]] = branch_logits([parts[-1]], made[0], train[fold == k])
    final = averaged(parts)
    logits[held_out] = branch_logits([final], made[0], held_out)

    chances = balanced_chances(clips.labels[known], clips.rows(train).corpora, CORPUS_SHARE)
    prior = np.bincount(clips.labels[known], chances, len(EMOTIONS)) + 1e-3  # a class may be absent
    prior /= prior.sum()
    shares = np.bincount(clips.labels[known], minlength=len(EMOTIONS)) / len(train)
    temperature = fit_temperature(logits[known], clips.labels[known], prior / np.maximum(shares, 1e-9))
    guessed = softmax(logits, temperature)
    scores = score(clips.labels[~known], guessed[~known])
    metrics = {
        "split": f"speakers {', '.join(validation)}, apart from those of training; calm counted as neutral",
        "n": scores.n,
        "uar": scores.uar,
        "accuracy": scores.accuracy,
        "weighted_f1": scores.weighted_f1,
        "ece": scores.ece,
        **_by_corpus(clips, guessed, known),
    }
    network = VoiceNet(lower_layers(), [final])
    trained = Trained(
        "speech",
        {"arch": "encoder", "branches": 1},
        network.state_dict(),
        _report(metrics, prior, scores.uar, tuple(sorted(set(clips.rows(train).corpora))), command),
        (temperature,),
    )
    trained.save(run)
    return trained


def _by_corpus(clips: Clips, guessed: NDArray[np.float64], known: NDArray[np.bool_]) -> dict[str, float]:
    """Of each corpus' clips of training speakers, by networks that did not know the speaker."""
    corpora = np.array(clips.corpora)
    found: dict[str, float] = {}
    for corpus in sorted(set(clips.corpora)):
        rows = known & (corpora == corpus)
        if rows.any():
            scores = score(clips.labels[rows], guessed[rows])
            found |= {f"{FOLDS}_folds_{corpus}_uar": scores.uar, f"{FOLDS}_folds_{corpus}_ece": scores.ece}
    return found


def _report(
    metrics: dict[str, Any], prior: NDArray[np.floating], reliability: float, corpora: tuple[str, ...], command: str
) -> Report:
    return Report(
        prior=tuple(prior.tolist()),
        reliability=reliability,
        metrics=metrics,
        data=(*(CORPORA.get(name, name) for name in corpora), "Moonshine tiny-en (the encoder's first four layers)"),
        terms=f"{SPEECH_TERMS} Moonshine: MIT.",
        command=command,
        about="Emotion of a voice: the first four layers of a speech recogniser's encoder (Moonshine tiny), the upper "
        "two trained further, under mean, deviation and attention over time, beside 36 numbers of prosody (pitch, "
        "loudness, voice quality, rhythm). The level is taken out inside. Measured on the utterances that the live "
        "segmenter cuts from the corpora's clips. The weights are the mean of five networks', "
        "one of all training speakers and one of each fold's, none of which met the validation speakers; the folds' "
        "scores are those of single networks on training speakers that they have not met.",
        limits=(
            "Learned from acted, clean, single sentences; spontaneous speech shows emotions far more faintly.",
            "Two languages (English, German) and 24 voices; older voices and children are hardly in it.",
            "The design was chosen on the folds, which were looked at some twenty times. The validation speakers had "
            "been looked at for the model before this one, and for this one twice: the mean of five networks' weights "
            "was taken for its score there (0.73, single networks 0.66 to 0.72).",
            "Voices differ: of the four validation speakers the best recognised is at 0.85, the worst at 0.64.",
            "Not for decisions about people.",
        ),
    )


def voice_graph(trained: Trained) -> Graph:
    """The graph to export."""
    below = VoiceEncoder(BELOW)
    del below.norm
    size = POOLED + len(prosody(np.zeros(0)))
    branches = [VoiceBranch(torch.zeros(size), torch.ones(size)) for _ in range(trained.settings["branches"])]
    network = VoiceNet(below, branches)
    network.load_state_dict(trained.weights)
    generator = torch.Generator().manual_seed(1)
    samples = torch.randn(2, 32_000, generator=generator) * torch.tensor([[0.3], [0.001]])
    return Graph(
        Head(network.eval(), trained.temperatures),
        {"samples": samples, "prosody": torch.from_numpy(np.stack([prosody(row.numpy()) for row in samples]))},
        ("probabilities",),
        finish=quantise_products,
        tolerance=TOLERANCE,
        free_length=("samples",),
    )
