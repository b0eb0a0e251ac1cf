"""The frame of a page: everything inline, nothing from elsewhere, and the browser is told to hold us to that."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Any

from mer_ros.errors import OutputError
from mer_ros.files import write_whole
from mer_ros.report import palette
from mer_ros.report.markup import Markup, script_json, tag


def page(title: str, content: Markup, data: dict[str, Any]) -> str:
    """A whole HTML document. data: goes into it as JSON, for the script and for who wants to read it."""
    room = files("mer_ros.report")
    style = palette.style() + (room / "page.css").read_text(encoding="utf-8")
    script = (room / "page.js").read_text(encoding="utf-8")
    # What stands here can run and show; what came in with a transcript cannot, nor fetch anything.
    # Styles in attributes: the card is placed by the script, through the object model, which needs no permission.
    policy = (
        f"default-src 'none'; style-src '{_sum(style)}'; script-src '{_sum(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=Markup(policy)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    block = tag("script", script_json(data), type="application/json", id="data")
    card = tag("div", id="card", role="tooltip", hidden=True)
    body = tag("body", content, card, block, tag("script", Markup(script)))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def section(name: str, title: str, *children: object) -> Markup:
    """A part of the page with its heading."""
    return tag("section", tag("h2", title, id=name), *children, aria_labelledby=name)


def write(path: Path, text: str) -> Path:
    """Put a page in its place at once: whoever reads it sees the old one or the new one, and never half of it.

    A pipe or a device is written to. Raises OutputError.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path} cannot be written, as {path.parent} is no folder: make it, or write elsewhere")
    try:
        write_whole(path, text)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}): make room, or write elsewhere"
        ) from error
    return path


def _sum(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
