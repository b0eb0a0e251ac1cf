"""Learning curves: what the loop wrote of each epoch, as a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mer_ros.training.pictures import new_figure, save_png

HISTORY_FILE, CURVES_FILE = "history.json", "curves.png"
MOST_PHASES = 6  # that fit side by side

History = Sequence[Mapping[str, float]]


def read_histories(run: Path) -> dict[str, list[dict[str, float]]]:
    """The history of each phase (a folder of `run` in which the loop ran, or `run` itself), in the order run."""
    files = sorted(Path(run).glob(f"**/{HISTORY_FILE}"), key=lambda path: path.stat().st_mtime_ns)
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in files}


def draw_curves(path: Path, histories: Mapping[str, History]) -> None:
    """Write a PNG: a column a phase, the loss above and the score, where there is one, below it."""
    phases = [(name, rows) for name, rows in histories.items() if rows][-MOST_PHASES:]
    if not phases:
        return
    keys = ("loss", "score") if any("score" in row for _, rows in phases for row in rows) else ("loss",)
    figure = new_figure(1.0 + 2.6 * len(phases), 0.4 + 1.6 * len(keys))
    axes = figure.subplots(len(keys), len(phases), squeeze=False, sharex="col")
    for column, (name, rows) in enumerate(phases):
        for axis, key, colour in zip(axes[:, column], keys, ("tab:blue", "tab:orange"), strict=False):
            points = [(row["epoch"], row[key]) for row in rows if key in row]
            if points:
                axis.plot(*zip(*points, strict=True), color=colour, marker=".", linewidth=1)
            else:
                axis.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axis.transAxes, color="gray")
                axis.set_yticks([])
            axis.grid(alpha=0.3)
            if column == 0:
                axis.set_ylabel(key)
        axes[0, column].set_title(name, fontsize=10)
        axes[-1, column].set_xlabel("epoch")
        axes[-1, column].set_xlim(0.5, max(row["epoch"] for row in rows) + 0.5)
        axes[-1, column].xaxis.get_major_locator().set_params(integer=True)
    save_png(figure, path)
