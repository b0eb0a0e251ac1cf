"""The table of all models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mer_ros.inference import ModelEntry
from mer_ros.training.card import flat, headline, size_text
from mer_ros.training.record import read_record

TABLE_FILE = "README.md"


def table_text(folder: Path, entries: Sequence[ModelEntry]) -> str:
    """`models/README.md`: every model in a line, made from the manifest and the records."""
    lines = ["# Models", "", "Made from the manifest by `mer card`. A name leads to its card; * marks the default", ""]
    lines[2] += " of its task."
    measured = [(e, m) for e in entries if (m := read_record(folder, e.name).measured) is not None]
    made_up = [(e, m) for e, m in measured if m.get("kind")]
    measured = [(e, m) for e, m in measured if not m.get("kind")]
    if measured:
        lines += ["| model | task | accuracy | weighted F1 | UAR | ECE | n | ms (95 %) | size |"]
        lines += ["|---|---|---|---|---|---|---|---|---|", *_rows(folder, measured), ""]
        lines += [_BOLD, "", *(f"- {entry.name}: {m['on']}" for entry, m in measured)]
        lines += ["", f"ms: processor time of an example, its preparation included; {measured[0][1]['machine']}.", ""]
    if made_up:
        lines += ["On made-up data, which show that parts work together; **no accuracy of anything**:", ""]
        lines += ["| model | task | accuracy | weighted F1 | UAR | ECE | n | ms (95 %) | size |"]
        lines += ["|---|---|---|---|---|---|---|---|---|", *_rows(folder, made_up), ""]
        lines += [*(f"- {entry.name}: {m['on']}" for entry, m in made_up), ""]
    rest = [e for e in entries if e not in [m[0] for m in measured + made_up]]
    if rest:
        lines += ["| model | task | score in training | n | measured on | size |", "|---|---|---|---|---|---|"]
        for entry in rest:
            name, value = next(flat((n, v) for n, v in entry.metrics.items() if n not in ("split", "n")), ("-", "-"))
            lines.append(
                f"| {_link(entry)} | {entry.task.replace('_', ' ')} | {name} {value} | {entry.metrics['n']:,} | "
                f"{entry.metrics['split']} | {size_text((folder / entry.file).stat().st_size)} |"
            )
        lines.append("")
    total = sum((folder / file).stat().st_size for file in {e.file for e in entries})
    lines += [f"All files together: {size_text(total)}. A model inherits the terms of its data: see its card.", ""]
    return "\n".join(lines)


_BOLD = (
    "Bold: the score by which models of a task are judged, with its 95 % interval. In brackets beside an ECE: what "
    "perfectly calibrated answers, so few as they are, would show by chance. Measured on:"
)


def _rows(folder: Path, measured: Iterable[tuple[ModelEntry, Mapping[str, Any]]]) -> Iterator[str]:
    for entry, m in measured:
        scores = " | ".join(_with_interval(m, name, entry) for name in ("accuracy", "weighted_f1", "uar"))
        ece = f"{m['ece']:.3f}" + (f" ({m['ece_by_chance']:.3f})" if "ece_by_chance" in m else "")
        yield (
            f"| {_link(entry)} | {entry.task.replace('_', ' ')} | {scores} | {ece} | {m['n']:,} | "
            f"{m['ms_p50']:.1f} ({m['ms_p95']:.1f}) | {size_text((folder / entry.file).stat().st_size)} |"
        )


def _link(entry: ModelEntry) -> str:
    return f"[{entry.name}]({entry.name}.md){' *' if entry.default else ''}"


def _with_interval(measured: Mapping[str, Any], name: str, entry: ModelEntry) -> str:
    if name != headline(entry.task):
        return f"{measured[name]:.3f}"
    low, high = measured["intervals"][name]
    return f"**{measured[name]:.3f}** [{low:.3f}, {high:.3f}]"
