"""One training loop for all networks: fixed seeds, averaged weights, checkpoints, resume.

Each epoch seeds itself from (seed, epoch), so a run that was stopped and resumed ends with the same weights
as one that was not.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from mer_ros.errors import OptionError
from mer_ros.training.curves import CURVES_FILE, HISTORY_FILE, draw_curves
from mer_ros.training.device import made_on, training_device

Batch = tuple[torch.Tensor, ...]
BF16_MODES = ("auto", "on", "off")
DRAW_EVERY_S = 30.0
SEEDS = 100_003  # from one seed to the next, so that no epoch of one is an epoch of the other
MOST_LOOKED_AT = 500_000  # values of a tensor, by which it is known again
# What processors that multiply bfloat16 numbers call it, among `torch.cpu.get_capabilities()`.
_BF16_FEATURES = ("avx512_bf16", "amx_bf16", "bf16")
_bf16_mode = "auto"


@dataclass(frozen=True)
class FitOptions:
    """How to fit a network.

    epochs, batch_size: >= 1. learning_rate: the peak of a one-cycle schedule, which is reached after `warm_up`
    (0..1) of the steps. weight_decay: as AdamW has it.
    average: decay of the moving average of the weights, 0..1; 0 keeps the last weights as they are.
    keep: which averaged weights are the result, those of the "last" epoch or of the "best" score.
    bfloat16: compute in mixed precision, where the processor is faster for it (see `set_bfloat16`).
    seed: of everything random.
    """

    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    average: float = 0.0
    keep: str = "last"
    bfloat16: bool = False
    seed: int = 1
    warm_up: float = 0.2

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise OptionError(f"epochs {self.epochs} and batch_size {self.batch_size} must be at least 1.")
        if not 0.0 <= self.average < 1.0:
            raise OptionError(f"average {self.average} must be at least 0 and below 1.")
        if self.keep not in ("last", "best"):
            raise OptionError(f'keep "{self.keep}" must be "last" or "best".')
        if not 0.0 < self.warm_up < 1.0:
            raise OptionError(f"warm_up {self.warm_up} must be above 0 and below 1.")


def set_bfloat16(mode: str) -> None:
    """For this process, as `torch.set_num_threads`. auto: trainings that ask for mixed precision get it where the
    processor has instructions for it; on: all get it; off: none. Raises OptionError.
    """
    global _bf16_mode
    if mode not in BF16_MODES:
        raise OptionError(f'bf16 "{mode}" must be one of {", ".join(BF16_MODES)}.')
    _bf16_mode = mode


def use_bfloat16(wanted: bool, device: torch.device | None = None) -> bool:
    """Whether a training that has, or has not, asked for mixed precision gets it. device: None: the processor."""
    if _bf16_mode != "auto":
        return _bf16_mode == "on"
    if device is not None and device.type == "cuda":
        return wanted and torch.cuda.is_bf16_supported()
    features = torch.cpu.get_capabilities()
    return wanted and any(features.get(name) for name in _BF16_FEATURES)


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
    rate: Callable[[str], float] | None = None,
    until: int | None = None,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Fit `network` in place and give one row of history an epoch: epoch, loss, score, lr (at its end), seconds.

    loss(network, batch) is to be made small, on the `training_device`, to which network and batches are moved; the
    network comes back to the processor. batches(generator) yields the `steps` batches of one epoch.
    run: a folder for `checkpoint.pt`, `history.json` and `curves.png`; a checkpoint already there is resumed, unless
    other options, another network or another first batch made it, which raises OptionError.
    score(network): higher is better, measured on the averaged weights in evaluation mode, on the processor, after
    each epoch.
    rate(name): the learning rate of a parameter as a share of the common one, 1 where not given.
    until: stop after this epoch of the schedule, whose end another pass with changed batches takes over.
    """
    device = training_device()
    network.to(device)
    total = options.epochs * steps + 1
    groups = _groups(network, options, rate or (lambda name: 1.0))
    optimiser = torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        [group["lr"] for group in groups],
        total_steps=total,
        pct_start=options.warm_up if options.warm_up * total != 1 else 1.5 / total,  # it would divide by zero
    )
    averaged = copy.deepcopy(network).eval()
    began = _beginning(network, batches, options) if run is not None else None
    state: dict[str, Any] = {"epoch": 0, "history": [], "best": None, "best_score": -np.inf}
    checkpoint = run / "checkpoint.pt" if run is not None else None
    if checkpoint is not None and checkpoint.is_file():
        saved = _read(checkpoint)
        if saved["options"] != asdict(options):
            raise OptionError(
                f"{checkpoint} was made with other options ({saved['options']}); "
                f"use the same ones to resume it, or another --output folder."
            )
        if began is None or not _alike(saved["began"], began):
            raise OptionError(
                f"{checkpoint} was made of other data, or began with another network; use another --output folder, or "
                f"remove {checkpoint.parent} to begin anew."
            )
        for name, part in (
            ("network", network),
            ("averaged", averaged),
            ("optimiser", optimiser),
            ("schedule", schedule),
        ):
            _restore(part, saved[name], checkpoint)
        state = saved["state"]
    bfloat16 = use_bfloat16(options.bfloat16, device)
    drawn, done = time.perf_counter(), state["epoch"] == options.epochs
    last = options.epochs if until is None else min(until, options.epochs)
    for epoch in range(state["epoch"], last):
        started = time.perf_counter()
        generator = seed_everything(options.seed * SEEDS + epoch)
        network.train()
        losses = 0.0
        # A log file gets a line a minute, a terminal a bar that moves.
        seldom = 0.1 if sys.stderr.isatty() else 60.0
        title = f"{run.name if run else 'fit'} {epoch + 1}/{options.epochs}"
        bar = tqdm(batches(generator), title, steps, disable=not progress, mininterval=seldom, leave=False)
        for batch in bar:
            moved = tuple(tensor.to(device) for tensor in batch)
            with made_on(device), torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                value = loss(network, moved)
            optimiser.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            _average(averaged, network, options.average)
            losses += value.item()
            bar.set_postfix(loss=f"{value.item():.3f}", refresh=False)
        row = {"epoch": epoch + 1.0, "loss": losses / steps, "lr": max(map(float, schedule.get_last_lr()))}
        if score is not None:
            row["score"] = score(averaged if device.type == "cpu" else copy.deepcopy(averaged).cpu())
            if row["score"] > state["best_score"]:
                state["best_score"], state["best"] = row["score"], copy.deepcopy(averaged.state_dict())
        row["seconds"] = time.perf_counter() - started
        state["history"].append(row)
        state["epoch"] = epoch + 1
        if progress:
            tqdm.write(_told(title, row, last - state["epoch"]), file=sys.stderr)
        if checkpoint is not None:
            _save(
                checkpoint,
                options=asdict(options),
                began=began,
                network=network.state_dict(),
                averaged=averaged.state_dict(),
                optimiser=optimiser.state_dict(),
                schedule=schedule.state_dict(),
                state=state,
            )
        if run is not None and time.perf_counter() - drawn > DRAW_EVERY_S:
            drawn = time.perf_counter()
            _write_history(run, state["history"])
    best = options.keep == "best" and state["best"] is not None
    network.load_state_dict(state["best"] if best else averaged.state_dict())
    network.cpu().eval()
    if run is not None and not (done and (run / HISTORY_FILE).is_file()):
        _write_history(run, state["history"])
    return list(state["history"])


def _beginning(
    network: nn.Module, batches: Callable[[np.random.Generator], Iterable[Batch]], options: FitOptions
) -> torch.Tensor:
    """[K, 4] of the weights at the start, and of what the first batch holds. By these a run knows its network and its
    data again, and how they are changed and taught."""
    first = next(iter(batches(seed_everything(options.seed * SEEDS))))
    return torch.stack([_gist(tensor) for tensor in (*network.state_dict().values(), *first)])


def _gist(tensor: torch.Tensor) -> torch.Tensor:
    """Size, mean, deviation, and a sum that depends on which value is where."""
    values = tensor.detach().cpu().flatten().nan_to_num()  # what is missing stays the same
    values = values[:: 1 + len(values) // MOST_LOOKED_AT].double()
    weights = torch.sin(torch.arange(len(values), dtype=torch.float64))
    spread = values.std(correction=0) if len(values) else torch.zeros((), dtype=torch.float64)
    placed = (values * weights).sum() / max(1, len(values)) ** 0.5
    return torch.stack(
        (torch.tensor(float(tensor.numel())).double(), values.sum() / max(1, len(values)), spread, placed)
    )


def _alike(one: torch.Tensor | None, other: torch.Tensor) -> bool:
    """Whether two beginnings are one but for the last digits, which may be those of another processor."""
    if one is None or one.shape != other.shape:
        return False
    spread = other[:, 2] + 1e-3 * other[:, 1].abs() + 1e-9
    return bool(((one - other).abs()[:, 1:] <= 1e-2 * spread[:, None]).all() and (one[:, 0] == other[:, 0]).all())


def _told(title: str, row: dict[str, float], left: int) -> str:
    """A finished epoch in a line, with the time of day at which the last one should be."""
    score = f", score {row['score']:.4f}" if "score" in row else ""
    arrival = datetime.now() + timedelta(seconds=left * row["seconds"])
    end = f"; the last at about {arrival:%H:%M}" if left else ""
    return f"{title}: loss {row['loss']:.4f}{score}, {row['seconds']:.1f} s{end}"


def _write_history(run: Path, history: list[dict[str, float]]) -> None:
    run.mkdir(parents=True, exist_ok=True)
    (run / HISTORY_FILE).write_text(json.dumps(history, indent=1), encoding="utf-8")
    draw_curves(run / CURVES_FILE, {run.name: history})


def _groups(network: nn.Module, options: FitOptions, rate: Callable[[str], float]) -> list[dict[str, Any]]:
    """Parameters by rate; matrices and kernels decay, biases and the scales of normalisation do not."""
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((rate(name), parameter.ndim > 1), []).append(parameter)
    return [
        {"params": params, "lr": options.learning_rate * share, "weight_decay": options.weight_decay * decays}
        for (share, decays), params in groups.items()
    ]


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    for mean, now in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(now, 1.0 - decay)
        else:
            mean.copy_(now)


_STATE = {"epoch", "history", "best", "best_score"}
_KEPT = ("options", "began", "network", "averaged", "optimiser", "schedule", "state")


def _read(checkpoint: Path) -> dict[str, Any]:
    try:
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if not isinstance(saved["began"], torch.Tensor) or set(saved["state"]) != _STATE:
            raise ValueError("of another version")
        return {name: saved[name] for name in _KEPT}
    except (OSError, EOFError, RuntimeError, LookupError, TypeError, ValueError, UnpicklingError) as error:
        raise _unreadable(checkpoint) from error


def _restore(part: Any, saved: Any, checkpoint: Path) -> None:
    try:
        part.load_state_dict(saved)
    except (AttributeError, RuntimeError, LookupError, TypeError, ValueError) as error:
        raise _unreadable(checkpoint) from error


def _unreadable(checkpoint: Path) -> OptionError:
    return OptionError(
        f"{checkpoint} cannot be read, or is of another version; remove {checkpoint.parent} to begin anew."
    )


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
