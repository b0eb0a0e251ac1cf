"""Pictures of the cards, as small PNG files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

COLOURS = 64


def new_figure(width: float, height: float) -> Any:
    """A figure that needs no display; sizes in inches of 80 pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_png(figure: Any, path: Path) -> None:
    """Write a figure whole or not at all, in few colours, without date or versions."""
    from PIL import Image

    raw = io.BytesIO()
    figure.savefig(raw, format="png", metadata={"Software": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    Image.open(raw).convert("RGB").quantize(COLOURS).save(part, format="PNG", optimize=True)
    part.replace(path)


def draw_confusion(path: Path, names: Sequence[str], confusion: Sequence[Sequence[int]], title: str) -> None:
    """Write a confusion matrix: shades by the share of a label's examples, numbers are counts."""
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = new_figure(5.2, 5.0)
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.55 else "black"
        axis.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    axis.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel("predicted")
    axis.set_ylabel("label")
    axis.set_title(title, fontsize=11)
    save_png(figure, path)
