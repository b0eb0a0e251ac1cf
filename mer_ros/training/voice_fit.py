"""Fits what hears emotions in voices: branches on the encoder's frames, heads on their mean and deviation."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from mer_ros.corpora.speech import Clips
from mer_ros.training.loop import Batch, FitOptions, fit, steps_of
from mer_ros.training.moonshine import load_encoder
from mer_ros.training.networks.voice import (
    ABOVE,
    BELOW,
    CALM,
    POOLED,
    STYLES,
    TRAINED_SHARE,
    Pooled,
    VoiceBranch,
    VoiceHead,
    centre_of,
    within,
    without_calm,
)
from mer_ros.training.networks.voice_encoder import WIDTH, VoiceEncoder
from mer_ros.training.speech import CORPUS_SHARE, balanced_chances
from mer_ros.training.voice_copies import Copy
from mer_ros.training.voice_past import Numbers, Pasts

VOICE_OPTIONS = FitOptions(
    epochs=7, batch_size=32, learning_rate=1e-3, weight_decay=5e-2, average=0.96, bfloat16=True, warm_up=0.25
)
HEAD_OPTIONS = FitOptions(epochs=30, batch_size=64, learning_rate=1e-3, weight_decay=5e-2, average=0.98, warm_up=0.3)
ENCODER_RATE = 0.2  # of the encoder's layers, as a share of what is new
MIX = 0.4  # both parameters of the beta distribution that mix-up (arXiv 1710.09412) draws from
SMOOTHING = 0.1
_SORTED = 8  # batches among which clips are sorted by length


@dataclass(frozen=True)
class Voices:
    """What trainings take. numbers: [K, N, F], what `pooled` makes of the K copies."""

    clips: Clips
    copies: list[Copy]
    pooled: Pooled
    numbers: Numbers
    pasts: Pasts

    @property
    def styles(self) -> torch.Tensor:
        """int64 [N]: the labels, and calm apart."""
        calm = np.zeros(len(self.clips), bool) if self.clips.calm is None else self.clips.calm
        return torch.from_numpy(np.where(calm, CALM, self.clips.labels))


def voices_of(clips: Clips, copies: list[Copy], known: NDArray[np.int64]) -> Voices:
    """known: the clips whose mean and deviation everything is normalised by."""
    size = POOLED + copies[0].prosody.shape[1]
    pooled = Pooled(torch.zeros(size), torch.ones(size)).eval()
    pooled.layers.load_state_dict(load_encoder().layers[BELOW : BELOW + ABOVE].state_dict())
    numbers = np.zeros((len(copies), len(clips), size), np.float32)
    with torch.no_grad():
        for k, made in enumerate(copies):
            order = np.array(sorted(range(len(clips)), key=lambda i: len(made.frames[i])))
            for rows in np.array_split(order, max(1, len(order) // 32)):
                frames, prosodies, lengths = _gather([made], rows, np.zeros(len(rows), np.int64))
                numbers[k, rows] = pooled(frames, prosodies, _turns(frames), lengths).numpy()
    mean, deviation = numbers[0, known].mean(axis=0), numbers[0, known].std(axis=0) + 1e-5
    pooled.mean.copy_(torch.from_numpy(mean))
    pooled.deviation.copy_(torch.from_numpy(deviation))
    numbers = (numbers - mean) / deviation
    return Voices(clips, copies, pooled, numbers, Pasts(clips, within(torch.from_numpy(numbers)).numpy()))


def new_branch(pooled: Pooled) -> VoiceBranch:
    """A branch with the encoder's weights."""
    branch = VoiceBranch(pooled.mean.clone(), pooled.deviation.clone())
    branch.layers.load_state_dict(pooled.layers.state_dict())
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
    return _POSITIONS.to(frames.device).positions(frames.shape[1])


def chances_of(clips: Clips, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """How often each of these rows is drawn."""
    chosen = clips.rows(rows)
    return balanced_chances(chosen.labels, chosen.corpora, CORPUS_SHARE)


def _centres(voices: Voices, rows: NDArray[np.int64], generator: np.random.Generator) -> torch.Tensor:
    past, heard = voices.pasts.draw(rows, generator)
    return centre_of(torch.from_numpy(past), torch.from_numpy(heard))


def _mixing(rows: NDArray[np.int64], generator: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """How much of each row stays, and which row the rest comes from."""
    share = torch.tensor(generator.beta(MIX, MIX), dtype=torch.float32)
    return share, torch.from_numpy(generator.permutation(len(rows)))


def _mixed(values: torch.Tensor, share: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return share * values + (1 - share) * values[other]


def fit_branch(
    voices: Voices,
    rows: NDArray[np.int64],
    options: FitOptions = VOICE_OPTIONS,
    *,
    run: Path | None = None,
    progress: bool = True,
) -> VoiceBranch:
    """Trained on these rows, each drawn with its chance, in a random copy, after random others of its speaker, and
    mixed with others of its batch.
    """
    torch.manual_seed(options.seed)
    branch = new_branch(voices.pooled)
    chances, copies = chances_of(voices.clips, rows), voices.copies
    targets = functional.one_hot(voices.styles, STYLES).float()
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
            centre = _centres(voices, drawn[inside], generator)
            share, other = _mixing(inside, generator)
            yield frames, numbers, lengths, centre, targets[drawn[inside]], share, other

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        assert isinstance(network, VoiceBranch)
        frames, numbers, lengths, centre, wanted, share, other = batch
        found = network.features(frames, numbers, _turns(frames), centre, lengths)
        logits = network.head(_mixed(found, share, other))
        return functional.cross_entropy(logits.float(), _mixed(wanted, share, other), label_smoothing=SMOOTHING)

    def rate(name: str) -> float:
        return ENCODER_RATE if name.startswith("layers.") else 1.0

    fit(branch, loss, batches, steps, options, run=run, rate=rate, progress=progress)
    return branch.eval()


def fit_head(
    voices: Voices,
    rows: NDArray[np.int64],
    options: FitOptions = HEAD_OPTIONS,
    *,
    run: Path | None = None,
    progress: bool = True,
) -> VoiceHead:
    """As `fit_branch`, on the numbers alone."""
    torch.manual_seed(options.seed)
    head = VoiceHead(voices.numbers.shape[2])
    chances = chances_of(voices.clips, rows)
    targets = functional.one_hot(voices.styles, STYLES).float()
    steps = steps_of(len(rows), options.batch_size)

    def batches(generator: np.random.Generator) -> Iterable[Batch]:
        drawn = generator.choice(rows, (steps, options.batch_size), p=chances)
        which = generator.integers(len(voices.numbers), size=drawn.shape)
        for some, copies in zip(drawn, which, strict=True):
            numbers = torch.from_numpy(voices.numbers[copies, some]) - _centres(voices, some, generator)
            yield numbers, targets[some], *_mixing(some, generator)

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        assert isinstance(network, VoiceHead)
        numbers, wanted, share, other = batch
        logits = network.head(_mixed(within(numbers), share, other))
        return functional.cross_entropy(logits, _mixed(wanted, share, other), label_smoothing=SMOOTHING)

    fit(head, loss, batches, steps, options, run=run, progress=progress)
    return head.eval()


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
def voice_logits(
    voices: Voices, branch: VoiceBranch, heads: list[VoiceHead], rows: NDArray[np.int64], centre: torch.Tensor
) -> NDArray[np.float32]:
    """[len(rows), 7] of what the live graph hears of these clips. centre: [len(rows), F]."""
    numbers = torch.from_numpy(voices.numbers[0, rows]) - centre
    plain = torch.stack([head(numbers) for head in heads]).mean(0)
    found = []
    for i, own in zip(rows, centre, strict=True):
        frames, prosodies, _ = _gather(voices.copies, np.array([i]), np.zeros(1, np.int64))
        found.append(branch(frames, prosodies, _turns(frames), own[None])[0])
    logits = TRAINED_SHARE * torch.stack(found) + (1 - TRAINED_SHARE) * plain
    return np.asarray(without_calm(logits).numpy())
