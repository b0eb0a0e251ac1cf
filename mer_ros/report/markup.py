"""HTML and SVG as strings that cannot be broken out of: what is not markup already is escaped."""

from __future__ import annotations

import json
from html import escape
from typing import Any

VOID = {"meta", "input", "img", "br", "col"}
SHAPES = {"rect", "line", "circle", "path", "polyline", "use"}
OPEN_ENDED = {"td", "th", "tr", "li", "option"}  # HTML closes them by itself, and there are thousands of them


class Markup(str):
    """Text that is markup, and goes into the page as it is."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element. Children that are no `Markup` are escaped, and None is left out.

    Attributes: `class_` is class, `_` stands for `-`; True is the bare name, None and False leave it out; numbers
    are written with two digits at most.
    """
    told = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    if name in SHAPES:
        return Markup(f"<{name}{told} />")
    if name in VOID:
        return Markup(f"<{name}{told}>")
    content = join(*children)
    return Markup(f"<{name}{told}>{content}" if name in OPEN_ENDED else f"<{name}{told}>{content}</{name}>")


def join(*children: object) -> Markup:
    """Siblings without an element around them; lists are taken apart."""
    return Markup("".join(_child(child) for child in children))


def printable(text: str) -> str:
    """Text without control characters, marks that turn its direction round, or halves of characters."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def script_json(content: object) -> Markup:
    """JSON that may stand inside of a script element: no `<`, `>`, `&`, and ASCII alone."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _child(child: Any) -> str:
    if child is None or child is False:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, list | tuple):
        return "".join(_child(item) for item in child)
    return escape(printable(str(child)), quote=False)


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-") if key != "viewBox" else key
    if value is True:
        return f" {name}"
    text = number(value) if isinstance(value, float) else escape(printable(str(value)))
    plain = text.replace("-", "").replace(".", "").replace("#", "").isalnum() and text.isascii()
    return f" {name}={text}" if plain else f' {name}="{text}"'


def number(value: float) -> str:
    """Two digits after the point at most."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
