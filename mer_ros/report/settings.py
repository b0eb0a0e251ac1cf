"""What a run was made with: settings that are not the defaults, models, versions, counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mer_ros.report.markup import Markup, tag
from mer_ros.report.run import Run
from mer_ros.report.tables import table
from mer_ros.report.words import count
from mer_ros.settings.tables import TABLES


def flat(content: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, keys joined by dots."""
    if not isinstance(content, Mapping):
        return {prefix: content}
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def defaults() -> dict[str, Any]:
    """Every parameter with its default: `node.name`."""
    return {f"{node}.{item.name}": item.default for node, items in TABLES.items() for item in items}


def changed(run: Run) -> list[tuple[str, Any, Any]]:
    """Settings that are not as they come: name, what was used, the default (None where there is none)."""
    usual = defaults()
    used = flat(run.summary.get("settings") or {})
    return [(key, value, usual.get(key)) for key, value in sorted(used.items()) if usual.get(key) != value]


def settings(run: Run) -> Markup:
    """A table of them, or a sentence."""
    rows = [
        [tag("code", key), shown(value), "" if usual is None else shown(usual)] for key, value, usual in changed(run)
    ]
    if not rows:
        return tag("p", "All settings are the defaults.", class_="note")
    return table("Settings that differ from the defaults", ["parameter", "used", "default"], rows)


def models(run: Run) -> list[dict[str, str]]:
    """Name, task and sha256 of each model, from the summary."""
    told = run.summary.get("models") or {}
    listed = told if isinstance(told, list) else []
    entries = told.items() if isinstance(told, Mapping) else ((None, item) for item in listed)
    found = []
    for key, item in entries:
        content = item if isinstance(item, Mapping) else {"sha256": item}
        found.append(
            {
                "name": str(content.get("name", key) or ""),
                "task": str(content.get("task", key if "name" in content else "") or ""),
                "sha256": str(content.get("sha256", "") or ""),
            }
        )
    return found


def model_table(run: Run) -> Markup:
    """Names and sums of the models' files."""
    rows = [
        [m["name"], tag("td", m["task"], class_="t"), tag("td", tag("code", m["sha256"]), class_="t")]
        for m in models(run)
    ]
    if not rows:
        return tag("p", "The summary names no models.", class_="note")
    return table("Models", ["name", "task", "sha256 of the file"], rows)


def recordings(run: Run) -> Markup | None:
    """A table of a run's recordings, when the summary tells of several."""
    told = run.summary.get("recordings")
    items = [item for item in told if isinstance(item, Mapping)] if isinstance(told, list) else []
    names = [
        name for name in ("duration_s", "speech_s", "frames", "utterances", "problem") if any(name in i for i in items)
    ]
    rows = [[str(item.get("recording", "")), *(shown(item.get(name, "")) for name in names)] for item in items]
    return table("Recordings", ["recording", *(name.replace("_s", ", s") for name in names)], rows) if rows else None


def counts(content: Mapping[str, Any], caption: str) -> Markup | None:
    """A table of what was counted, or None."""
    rows = [[tag("code", key), shown(value)] for key, value in flat(content).items() if value not in (None, "", {}, [])]
    return table(caption, ["", "value"], rows) if rows else None


def warnings(run: Run) -> Markup | None:
    """What went wrong, each a sentence; the same one is told once."""
    told = run.summary.get("warnings") or []
    texts = [told] if isinstance(told, str) else [str(text) for text in flat_list(told)]
    if not texts:
        return None
    times = {text: texts.count(text) for text in dict.fromkeys(texts)}
    lines = [tag("li", text, f" ({count(n, 'time')})" if n > 1 else "") for text, n in times.items()]
    return tag("ul", *lines, class_="warnings", aria_label="Warnings")


def flat_list(content: Any) -> list[Any]:
    """Lists in lists or mappings as one list."""
    if isinstance(content, Mapping):
        return [item for value in content.values() for item in flat_list(value)]
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [item for value in content for item in flat_list(value)]
    return [content]


def shown(value: Any) -> str:
    """A value of JSON as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) else str(value)
