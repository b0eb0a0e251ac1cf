"""A model's card, what a person should know before using it; and the table of all models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mer_ros.emotion import EMOTIONS
from mer_ros.inference import ModelEntry
from mer_ros.training.card_rows import order_rows, robust_table, word_rows
from mer_ros.training.record import Record

# What `mer evaluate` scores, and the score by which a model of a task is judged.
HEADLINES = {"text": "weighted_f1", "speech": "uar", "face": "accuracy"}
# Of what joins the senses, which `mer card` measures; see `mer_ros.training.joined`.
JOINED = {"dialogue": "weighted_f1", "early_fusion": "weighted_f1", "fusion": "weighted_f1"}
SCORES = {
    "accuracy": "accuracy",
    "weighted_f1": "weighted F1",
    "macro_f1": "macro F1",
    "uar": "unweighted average recall (UAR)",
}
# What a fusion's evaluation tells of many cases, in the manifest's words.
FUSION_TABLES = {
    "subsets": "synthetic_tuples, without the dialogue model",
    "subsets_in_dialogue": "synthetic_tuples, with the dialogue model",
    "ece_if_calibrated": "ece_of_a_calibrated_model_by_chance",
    "short_answers": "short_answers in synthetic_tuples",
    "thresholds": "synthetic_tuples at a least confidence, all three with the dialogue model",
}
WORDS = ("short_answers", "heard")  # of text models, see `mer_ros.evaluation.words`
TIMED_ALONE = "one example, its preparation included"
TIMED = dict.fromkeys(("fusion", "dialogue"), "one decision, fusion and dialogue model, the senses' models left out")
PICTURES = "pictures"


def confusion_picture(name: str) -> str:
    """Where a model's confusion matrix lies in the folder of models."""
    return f"{PICTURES}/{name}-confusion.png"


def curves_picture(name: str) -> str:
    """Where a model's learning curves lie in the folder of models."""
    return f"{PICTURES}/{name}-curves.png"


def summary(task: str, measured: Mapping[str, Any]) -> dict[str, Any]:
    """Of what was measured, that which the manifest tells: the score that a model is judged by comes first.

    Scores of made-up data are called what these are: `kind` of what was measured (synthetic, generated).
    """

    def called(name: str) -> str:
        return f"{kind}_{name}" if kind and not name.startswith("ms_") else name

    kind, first = measured.get("kind", ""), headline(task)
    told = {"split": measured["on"], "n": measured["n"], called(first): measured[first]}
    names = (
        *SCORES,
        "ece",
        "ece_by_chance",
        "alone_uar",
        "alone_ece",
        "sentiment_weighted_f1",
        *(WORDS if task in HEADLINES else ()),
        "orders",
        "weighted_f1_without_the_model",
        "accuracy_without_the_model",
        "intervals",
        "ms_p50",
        "ms_p95",
        "speakers",
    )
    told |= {called(name): measured[name] for name in names if name in measured}
    tables = FUSION_TABLES if task == "fusion" else {}
    return told | {words: measured[name] for name, words in tables.items() if name in measured}


def headline(task: str) -> str:
    """The score by which a model of a task is judged."""
    return (HEADLINES | JOINED)[task]


def card_text(entry: ModelEntry, record: Record, size: int) -> str:
    """The card, Markdown. size: of the file, bytes."""
    lines = [f"# {entry.name}", "", record.about, ""]
    lines += ["## What it takes and gives", ""]
    lines += [f"- input `{name}`: {spec}" for name, spec in entry.inputs.items()]
    lines += [f"- output `{name}`: {spec}" for name, spec in entry.outputs.items()]
    labels = f"Labels: {', '.join(entry.labels)}. " if entry.labels else ""
    lines += ["", f"{labels}File: `{entry.file}`, {size_text(size)}."]
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
    command = "mer card" if entry.task in ("dialogue", "early_fusion") else f"mer evaluate {entry.task}"
    how = "with the exported file" if entry.task == "early_fusion" else "through the stage that runs live"
    kind = measured.get("kind", "")
    yield f"Measured by `{command}` {how}, on: {measured['on']}."
    if kind:
        yield f"These data are {kind}: the figures are no accuracy of anything."
    if "alone" in measured:
        yield "Each speaker's clips came in random order; the model knew how the speaker had sounded in those before."
    yield f"n = {measured['n']:,}; the 95 % intervals are bootstrapped over {by}."
    yield ""
    yield f"| measure{f' ({kind})' if kind else ''} | value | 95 % |"
    yield "|---|---|---|"
    for name, words in SCORES.items():
        low, high = measured["intervals"][name]
        yield f"| {words} | {measured[name]:.3f} | {low:.3f} to {high:.3f} |"
    yield f"| expected calibration error (ECE) | {measured['ece']:.3f} | |"
    if "ece_by_chance" in measured:
        row = f"| ECE of perfectly calibrated answers, by chance | {measured['ece_by_chance']:.3f} | "
        yield f"{row}to {measured['ece_by_chance_95']:.3f} |"
    for name in ("weighted_f1", "accuracy"):
        if (key := f"{name}_without_the_model") in measured:
            yield f"| {SCORES[name]} without the model | {measured[key]:.3f} | |"
    if "alone" in measured:
        low, high = measured["alone"]["intervals"]["uar"]
        yield f"| each clip alone, nothing heard before: UAR | {measured['alone_uar']:.3f} | {low:.3f} to {high:.3f} |"
        yield f"| each clip alone: expected calibration error | {measured['alone_ece']:.3f} | |"
    yield from order_rows(measured.get("orders"))
    if "sentiment" in measured:
        felt = measured["sentiment"]
        yield f"| sentiment (3 classes): weighted F1 | {felt['weighted_f1']:.3f} | |"
        yield f"| sentiment: accuracy | {felt['accuracy']:.3f} | |"
        yield f"| sentiment: expected calibration error | {felt['ece']:.3f} | |"
    yield from word_rows(measured)
    if measured["unavailable"]:
        yield f"| without an answer, counted as the prior's first | {measured['unavailable']} | |"
    yield f"| latency, median | {measured['ms_p50']:.1f} ms | |"
    yield f"| latency, 95 % of all below | {measured['ms_p95']:.1f} ms | |"
    yield ""
    yield f"Latency: processor time of {TIMED.get(entry.task, TIMED_ALONE)}; {measured['machine']}."
    yield ""
    yield "| class | precision | recall | F1 | n |"
    yield "|---|---|---|---|---|"
    for name, c in measured["per_class"].items():
        yield f"| {name} | {c['precision']:.3f} | {c['recall']:.3f} | {c['f1']:.3f} | {c['support']} |"
    yield ""
    yield from robust_table(measured.get("robust", {}), SCORES)
    if entry.task == "fusion":
        yield from _rows_and_tables([(words, measured[n]) for n, words in FUSION_TABLES.items() if n in measured])
        yield ""
    yield f"![Confusion matrix of {entry.name}]({confusion_picture(entry.name)})"


def _of_training(entry: ModelEntry, measured: Mapping[str, Any] | None) -> Iterator[str]:
    """The figures that the training gave, less what was measured since."""
    known = {"split", "n", *(summary(entry.task, measured) if measured is not None else ())}
    rows = [(n, v) for n, v in entry.metrics.items() if n not in known]
    if rows:
        count = "" if measured is not None else f" (n = {entry.metrics['n']:,})"
        yield f"Measured in its training{count}:"
        yield ""
        yield from _rows_and_tables(rows)


def _rows_and_tables(found: list[tuple[str, Any]]) -> Iterator[str]:
    """Single figures in one table, then those of several cases in tables of their own."""
    tables = [(n, v) for n, v in found if _is_table(v)]
    rows = [row for row in found if row not in tables]
    if rows:
        yield "| measure | value |"
        yield "|---|---|"
        yield from (f"| {words} | {value} |" for words, value in flat(rows))
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


def flat(rows: Iterable[tuple[str, Any]], before: str = "") -> Iterator[tuple[str, str]]:
    """Names in words; what is inside of a mapping after a colon."""
    for name, value in rows:
        words = before + str(name).replace("_", " ")
        if isinstance(value, Mapping):
            yield from flat(value.items(), f"{words}: ")
        elif isinstance(value, list | tuple):
            yield words, ", ".join(map(_shown, value))
        else:
            yield words, _shown(value)


def _shown(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def size_text(size: int) -> str:
    """Bytes, in kB or MB."""
    return f"{size / 1e6:.2f} MB" if size >= 1e4 else f"{size / 1e3:.1f} kB"
