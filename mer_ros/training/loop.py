"""One training loop for all networks: fixed seeds, averaged weights, checkpoints, resume.

Each epoch seeds itself from (seed, epoch), so a run that was stopped and resumed ends with the same weights
as one that was not.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from mer_ros.errors import OptionError

Batch = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class FitOptions:
    """How to fit a network.

    epochs, batch_size: >= 1. learning_rate: the peak of a one-cycle schedule. weight_decay: as AdamW has it.
    average: decay of the moving average of the weights, 0..1; 0 keeps the last weights as they are.
    keep: which averaged weights are the result, those of the "last" epoch or of the "best" score.
    bfloat16: compute in mixed precision (faster on recent CPUs). seed: of everything random.
    """

    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    average: float = 0.0
    keep: str = "last"
    bfloat16: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise OptionError(f"epochs {self.epochs} and batch_size {self.batch_size} must be at least 1.")
        if not 0.0 <= self.average < 1.0:
            raise OptionError(f"average {self.average} must be at least 0 and below 1.")
        if self.keep not in ("last", "best"):
            raise OptionError(f'keep "{self.keep}" must be "last" or "best".')


def seed_everything(seed: int) -> np.random.Generator:
    """Seed torch, and give a NumPy generator of the same seed."""
    torch.manual_seed(seed)
    return np.random.default_rng(seed)


def fit(
    network: nn.Module,
    loss: Callable[[nn.Module, Batch], torch.Tensor],
    batches: Callable[[np.random.Generator], Iterable[Batch]],
    steps: int,
    options: FitOptions,
    *,
    run: Path | None = None,
    score: Callable[[nn.Module], float] | None = None,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Fit `network` in place and give one row of history an epoch (loss, score).

    loss(network, batch) is to be made small. batches(generator) yields the `steps` batches of one epoch.
    run: a folder for `checkpoint.pt` and `history.json`; a checkpoint already there is resumed.
    score(network): higher is better, measured on the averaged weights in evaluation mode after each epoch.
    """
    optimiser = torch.optim.AdamW(_groups(network, options.weight_decay), lr=options.learning_rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.learning_rate, total_steps=options.epochs * steps + 1, pct_start=0.2
    )
    averaged = copy.deepcopy(network).eval()
    state: dict[str, Any] = {"epoch": 0, "history": [], "best": None, "best_score": -np.inf}
    checkpoint = run / "checkpoint.pt" if run is not None else None
    if checkpoint is not None and checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True)
        if saved["options"] != asdict(options):
            raise OptionError(
                f"{checkpoint} was made with other options ({saved['options']}); "
                f"use the same ones to resume it, or another --output folder."
            )
        network.load_state_dict(saved["network"])
        averaged.load_state_dict(saved["averaged"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        state = saved["state"]
    for epoch in range(state["epoch"], options.epochs):
        generator = seed_everything(options.seed * 100_003 + epoch)
        network.train()
        total = 0.0
        bar = tqdm(batches(generator), f"epoch {epoch + 1}/{options.epochs}", steps, disable=not progress)
        for batch in bar:
            with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
                value = loss(network, batch)
            optimiser.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            _average(averaged, network, options.average)
            total += value.item()
            bar.set_postfix(loss=f"{value.item():.3f}")
        row = {"epoch": epoch + 1.0, "loss": total / steps}
        if score is not None:
            row["score"] = score(averaged)
            if progress:
                tqdm.write(f"epoch {epoch + 1}: loss {row['loss']:.4f}, score {row['score']:.4f}")
            if row["score"] > state["best_score"]:
                state["best_score"], state["best"] = row["score"], copy.deepcopy(averaged.state_dict())
        state["history"].append(row)
        state["epoch"] = epoch + 1
        if checkpoint is not None:
            _save(
                checkpoint,
                options=asdict(options),
                network=network.state_dict(),
                averaged=averaged.state_dict(),
                optimiser=optimiser.state_dict(),
                schedule=schedule.state_dict(),
                state=state,
            )
    best = options.keep == "best" and state["best"] is not None
    network.load_state_dict(state["best"] if best else averaged.state_dict())
    network.eval()
    if run is not None:
        (run / "history.json").write_text(json.dumps(state["history"], indent=1))
    return list(state["history"])


def _groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices and kernels decay; biases and the scales of normalisation do not."""
    trained = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    for mean, now in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(now, 1.0 - decay)
        else:
            mean.copy_(now)


def _save(path: Path, **content: Any) -> None:
    """Write whole or not at all, so that a stop while writing loses one epoch at most."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(content, part)
    part.replace(path)


def shuffled(
    tensors: Batch, batch_size: int, generator: np.random.Generator, chances: np.ndarray | None = None
) -> Iterable[Batch]:
    """Batches of one pass in random order, the last ragged one left out unless it is the only one.

    chances: [n], sum 1: rows are then drawn with these chances, with replacement.
    """
    n = len(tensors[0])
    order = generator.permutation(n) if chances is None else generator.choice(n, n, p=chances)
    for start in range(0, steps_of(n, batch_size) * batch_size, batch_size):
        rows = torch.from_numpy(order[start : start + batch_size])
        yield tuple(tensor[rows] for tensor in tensors)


def steps_of(n: int, batch_size: int) -> int:
    """How many batches `shuffled` gives."""
    return max(1, n // batch_size)
