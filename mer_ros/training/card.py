"""A model's card, what a person should know before using it; and the table of all models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mer_ros.emotion import EMOTIONS
from mer_ros.inference import ModelEntry
from mer_ros.training.record import Record, read_record

# What `mer evaluate` scores, and the score by which a model of a task is judged.
HEADLINES = {"text": "weighted_f1", "speech": "uar", "face": "accuracy"}
SCORES = {
    "accuracy": "accuracy",
    "weighted_f1": "weighted F1",
    "macro_f1": "macro F1",
    "uar": "unweighted average recall (UAR)",
}
WORDS = ("short_answers", "heard")  # of text models, see `mer_ros.evaluation.words`
PICTURES = "pictures"
TABLE_FILE = "README.md"


def confusion_picture(name: str) -> str:
    """Where a model's confusion matrix lies in the folder of models."""
    return f"{PICTURES}/{name}-confusion.png"


def curves_picture(name: str) -> str:
    """Where a model's learning curves lie in the folder of models."""
    return f"{PICTURES}/{name}-curves.png"


def summary(task: str, measured: Mapping[str, Any]) -> dict[str, Any]:
    """Of what was measured, that which the manifest tells: the score that a model is judged by comes first."""
    told = {"split": measured["on"], "n": measured["n"], HEADLINES[task]: measured[HEADLINES[task]]}
    names = (
        *SCORES,
        "ece",
        "alone_uar",
        "alone_ece",
        "sentiment_weighted_f1",
        *WORDS,
        "intervals",
        "ms_p50",
        "ms_p95",
        "speakers",
    )
    return told | {name: measured[name] for name in names if name in measured}


def card_text(entry: ModelEntry, record: Record, size: int) -> str:
    """The card, Markdown. size: of the file, bytes."""
    lines = [f"# {entry.name}", "", record.about, ""]
    lines += ["## What it takes and gives", ""]
    lines += [f"- input `{name}`: {spec}" for name, spec in entry.inputs.items()]
    lines += [f"- output `{name}`: {spec}" for name, spec in entry.outputs.items()]
    labels = f"Labels: {', '.join(entry.labels)}. " if entry.labels else ""
    lines += ["", f"{labels}File: `{entry.file}`, {_size(size)}."]
    if record.parameters:
        lines[-1] += f" It holds {record.parameters:,} parameters."
    if record.difference is not None:
        lines[-1] += f" Its answers and those of the trained network differ by {record.difference:.1g} at most."
    lines += ["", "## How well", ""]
    if record.measured is not None:
        lines += [*_measured(entry, record.measured), ""]
    lines += [f"Held out in its training: {record.split}.", ""]
    lines += [*_of_training(entry, record.measured), ""]
    if entry.prior:
        shares = ", ".join(f"{e} {p:.3f}" for e, p in zip(EMOTIONS, entry.prior, strict=True))
        lines += [f"Prior that it was trained to (removed by the fusion): {shares}.", ""]
    lines += ["## Data and terms", "", *(f"- {name}" for name in entry.data), "", entry.terms, ""]
    lines += ["## Limits", "", *(f"- {limit}" for limit in record.limits), ""]
    lines += ["## Made by", "", "```", entry.command, "```", ""]
    if record.history:
        lines += [f"![Learning curves of {entry.name}]({curves_picture(entry.name)})", ""]
    return "\n".join(lines)


def _measured(entry: ModelEntry, measured: Mapping[str, Any]) -> Iterator[str]:
    by = f"{measured['clusters']:,} {measured['intervals_by']}s" if measured["intervals_by"] != "image" else "images"
    yield f"Measured by `mer evaluate {entry.task}` through the stage that runs live, on: {measured['on']}."
    if "alone" in measured:
        yield "Each speaker's clips came in random order; the model knew how the speaker had sounded in those before."
    yield f"n = {measured['n']:,}; the 95 % intervals are bootstrapped over {by}."
    yield ""
    yield "| measure | value | 95 % |"
    yield "|---|---|---|"
    for name, words in SCORES.items():
        low, high = measured["intervals"][name]
        yield f"| {words} | {measured[name]:.3f} | {low:.3f} to {high:.3f} |"
    yield f"| expected calibration error | {measured['ece']:.3f} | |"
    if "alone" in measured:
        low, high = measured["alone"]["intervals"]["uar"]
        yield f"| each clip alone, nothing heard before: UAR | {measured['alone_uar']:.3f} | {low:.3f} to {high:.3f} |"
        yield f"| each clip alone: expected calibration error | {measured['alone_ece']:.3f} | |"
    if "sentiment" in measured:
        felt = measured["sentiment"]
        yield f"| sentiment (3 classes): weighted F1 | {felt['weighted_f1']:.3f} | |"
        yield f"| sentiment: accuracy | {felt['accuracy']:.3f} | |"
        yield f"| sentiment: expected calibration error | {felt['ece']:.3f} | |"
    yield from _words(measured)
    if measured["unavailable"]:
        yield f"| without an answer, counted as the prior's first | {measured['unavailable']} | |"
    yield f"| latency, median | {measured['ms_p50']:.1f} ms | |"
    yield f"| latency, 95 % of all below | {measured['ms_p95']:.1f} ms | |"
    yield ""
    yield f"Latency: processor time of one example, its preparation included; {measured['machine']}."
    yield ""
    yield "| class | precision | recall | F1 | n |"
    yield "|---|---|---|---|---|"
    for name, c in measured["per_class"].items():
        yield f"| {name} | {c['precision']:.3f} | {c['recall']:.3f} | {c['f1']:.3f} | {c['support']} |"
    yield ""
    yield from _robust(measured.get("robust", {}))
    yield f"![Confusion matrix of {entry.name}]({confusion_picture(entry.name)})"


def _words(measured: Mapping[str, Any]) -> Iterator[str]:
    """Rows on short answers, and on words as they were heard."""
    short = measured.get("short_answers", {})
    for key, words in (("with_context", "after the turns before"), ("without_context", "alone")):
        if key in short:
            yield f"| {short['n']} short answers ({words}): weighted F1 | {short[key]['weighted_f1']:.3f} | |"
    for heard in measured.get("heard", ()):
        what = f"heard from {' and '.join(heard['voices'])}, word error rate {heard['word_error_rate']:.3f}"
        yield f"| {what}: weighted F1 | {heard['weighted_f1']:.3f} | |"
        yield f"| {what}: drop from the {heard['n']:,} lines as written | {heard['drop']:.3f} | |"
        if "unmarked_weighted_f1" in heard:
            lost = heard["written_weighted_f1"] - heard["unmarked_weighted_f1"]
            yield f"| {what}: of that, from exclamation marks, which nobody hears | {lost:.3f} | |"


def _robust(found: Mapping[str, Any]) -> Iterator[str]:
    """A table of what is left under worse conditions."""
    if not found:
        return
    same = ', or, for "same answer", the share answered as before' if "same answer" in found else ""
    yield f"Under worse conditions, {SCORES[found['score']]}{same} (n = {found['n']:,}):"
    yield ""
    yield "| changed | how | value |"
    yield "|---|---|---|"
    for kind, settings in found.items():
        if isinstance(settings, Mapping):
            yield from (f"| {kind} | {how} | {value:.3f} |" for how, value in settings.items())
    yield ""


def _of_training(entry: ModelEntry, measured: Mapping[str, Any] | None) -> Iterator[str]:
    """The figures that the training gave, less what was measured since."""
    known = {"split", "n", *(summary(entry.task, measured) if measured is not None else ())}
    rows = [(n, v) for n, v in entry.metrics.items() if n not in known]
    tables = [(n, v) for n, v in rows if _is_table(v)]
    rows = [row for row in rows if row not in tables]
    if rows:
        count = "" if measured is not None else f" (n = {entry.metrics['n']:,})"
        yield f"Measured in its training{count}:"
        yield ""
        yield "| measure | value |"
        yield "|---|---|"
        yield from (f"| {words} | {value} |" for words, value in _flat(rows))
    for name, table in tables:
        yield from ("", f"{name.replace('_', ' ').capitalize()}:", "")
        columns = list(next(iter(table.values())))
        yield f"| | {' | '.join(c.replace('_', ' ') for c in columns)} |"
        yield f"|---|{'---|' * len(columns)}"
        yield from (f"| {row} | {' | '.join(_shown(cells[c]) for c in columns)} |" for row, cells in table.items())


def _is_table(value: Any) -> bool:
    """Whether it maps rows to the same columns."""
    if not isinstance(value, Mapping) or not all(isinstance(row, Mapping) for row in value.values()):
        return False
    return len({tuple(row) for row in value.values()}) == 1


def _flat(rows: Iterable[tuple[str, Any]], before: str = "") -> Iterator[tuple[str, str]]:
    """Names in words; what is inside of a mapping after a colon."""
    for name, value in rows:
        words = before + str(name).replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value.items(), f"{words}: ")
        elif isinstance(value, list | tuple):
            yield words, ", ".join(map(_shown, value))
        else:
            yield words, _shown(value)


def _shown(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _size(size: int) -> str:
    return f"{size / 1e6:.2f} MB" if size >= 1e4 else f"{size / 1e3:.1f} kB"


def table_text(folder: Path, entries: Sequence[ModelEntry]) -> str:
    """`models/README.md`: every model in a line, made from the manifest and the records."""
    lines = ["# Models", "", "Made from the manifest by `mer card`. A name leads to its card; * marks the default", ""]
    lines[2] += " of its task."
    measured = [(e, m) for e in entries if (m := read_record(folder, e.name).measured) is not None]
    if measured:
        lines += ["| model | task | accuracy | weighted F1 | UAR | ECE | n | ms (95 %) | size |"]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
        for entry, m in measured:
            scores = " | ".join(_with_interval(m, name, entry) for name in ("accuracy", "weighted_f1", "uar"))
            lines.append(
                f"| {_link(entry)} | {entry.task} | {scores} | {m['ece']:.3f} | {m['n']:,} | "
                f"{m['ms_p50']:.1f} ({m['ms_p95']:.1f}) | {_size((folder / entry.file).stat().st_size)} |"
            )
        lines += ["", "Bold: the score by which models of a task are judged, with its 95 % interval. Measured on:", ""]
        lines += [f"- {entry.name}: {m['on']}" for entry, m in measured]
        lines += ["", f"ms: processor time of an example, its preparation included; {measured[0][1]['machine']}.", ""]
    rest = [e for e in entries if e not in [m[0] for m in measured]]
    if rest:
        lines += ["| model | task | score in training | n | measured on | size |", "|---|---|---|---|---|---|"]
        for entry in rest:
            name, value = next(_flat((n, v) for n, v in entry.metrics.items() if n not in ("split", "n")), ("-", "-"))
            lines.append(
                f"| {_link(entry)} | {entry.task.replace('_', ' ')} | {name} {value} | {entry.metrics['n']:,} | "
                f"{entry.metrics['split']} | {_size((folder / entry.file).stat().st_size)} |"
            )
        lines.append("")
    total = sum((folder / file).stat().st_size for file in {e.file for e in entries})
    lines += [f"All files together: {_size(total)}. A model inherits the terms of its data: see its card.", ""]
    return "\n".join(lines)


def _link(entry: ModelEntry) -> str:
    return f"[{entry.name}]({entry.name}.md){' *' if entry.default else ''}"


def _with_interval(measured: Mapping[str, Any], name: str, entry: ModelEntry) -> str:
    if name != HEADLINES[entry.task]:
        return f"{measured[name]:.3f}"
    low, high = measured["intervals"][name]
    return f"**{measured[name]:.3f}** [{low:.3f}, {high:.3f}]"
