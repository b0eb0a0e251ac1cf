"""A model's card: what a person should know before using it."""

from __future__ import annotations

from mer_ros.emotion import EMOTIONS
from mer_ros.inference import ModelEntry
from mer_ros.training.trained import Report


def card_text(entry: ModelEntry, report: Report, size: int) -> str:
    """Markdown."""
    lines = [f"# {entry.name}", "", report.about, ""]
    lines += ["## What it takes and gives", ""]
    lines += [f"- input `{name}`: {spec}" for name, spec in entry.inputs.items()]
    lines += [f"- output `{name}`: {spec}" for name, spec in entry.outputs.items()]
    lines += ["", f"Labels: {', '.join(EMOTIONS)}. File: `{entry.file}`, {size / 1e6:.2f} MB.", ""]
    lines += ["## How well", "", f"Measured on: {entry.metrics['split']} (n = {entry.metrics['n']}).", ""]
    lines += ["| measure | value |", "|---|---|"]
    for name, value in entry.metrics.items():
        if name not in ("split", "n"):
            shown = f"{value:.3f}" if isinstance(value, float) else value
            lines.append(f"| {name.replace('_', ' ')} | {shown} |")
    shares = ", ".join(f"{e} {p:.3f}" for e, p in zip(EMOTIONS, entry.prior, strict=True))
    lines += ["", f"Prior that it was trained to (removed by the fusion): {shares}.", ""]
    lines += ["## Data and terms", "", *(f"- {name}" for name in entry.data), "", entry.terms, ""]
    lines += ["## Limits", "", *(f"- {limit}" for limit in report.limits), ""]
    lines += ["## Made by", "", "```", entry.command, "```", ""]
    return "\n".join(lines)
