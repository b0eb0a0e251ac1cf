"""Colours: a strong and a soft one for each emotion, for light and for dark.

Text stands on the soft ones; the strong ones are edges. Tests hold the contrasts of WCAG 2.2: 4.5 for text, 3 for
what is no text.
"""

from __future__ import annotations

import math

from mer_ros.emotion import EMOTIONS, UNKNOWN

# name: (strong, soft)
LIGHT = {
    "anger": ("#c0392f", "#f8dad6"),
    "disgust": ("#4e7f22", "#deeccd"),
    "fear": ("#8250b0", "#e9def5"),
    "joy": ("#a87200", "#fbe7b2"),
    "neutral": ("#6f7680", "#e6e8eb"),
    "sadness": ("#2c6cb4", "#d6e5f7"),
    "surprise": ("#0b8080", "#cfecea"),
    UNKNOWN: ("#6f7680", "#f5f5f6"),
}
DARK = {
    "anger": ("#f0857c", "#5c2a26"),
    "disgust": ("#9ccb6b", "#344c1e"),
    "fear": ("#c6a0ea", "#47345f"),
    "joy": ("#f0c14b", "#584511"),
    "neutral": ("#a9b0ba", "#3b4048"),
    "sadness": ("#84b4f0", "#234267"),
    "surprise": ("#5fd0cd", "#154b4c"),
    UNKNOWN: ("#a9b0ba", "#24272c"),
}
# paper: behind all; panel: behind what is lifted; muted: text of less weight; rule: lines that only divide
LIGHT_PAGE = {"paper": "#ffffff", "panel": "#f7f7f8", "ink": "#1b1d21", "muted": "#5a606a", "rule": "#e1e3e6"}
DARK_PAGE = {"paper": "#15171b", "panel": "#1d2025", "ink": "#e8eaed", "muted": "#a2a9b3", "rule": "#33373e"}
LIGHT_ACCENT, DARK_ACCENT = "#2c6cb4", "#84b4f0"
HEAT_STEPS = 10
HEAT_MOST = 0.5  # opacity of the accent behind a probability of 1: text on it keeps its contrast


def style() -> str:
    """CSS: the colours as custom properties, a class for each emotion, and steps of shading (`q0` .. `q10`)."""
    classes = "".join(f".{name}{{--c:var(--{name});--s:var(--{name}-soft)}}" for name in LIGHT)
    heat = "".join(
        f".q{step}{{background:rgb(var(--heat)/{HEAT_MOST * step / HEAT_STEPS:.3f})}}"
        for step in range(1, HEAT_STEPS + 1)
    )
    columns = "".join(f".grid th:nth-child({i + 2}){{--c:var(--{name})}}" for i, name in enumerate(EMOTIONS))
    light, dark = _properties(LIGHT, LIGHT_PAGE, LIGHT_ACCENT), _properties(DARK, DARK_PAGE, DARK_ACCENT)
    return (
        f":root{{color-scheme:light;{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{color-scheme:dark;{dark}}}}}{classes}{columns}{heat}"
    )


def heat(share: float | None) -> str | None:
    """The class that shades a share, 0..1; None where there is nothing to shade."""
    step = math.floor((share or 0.0) * HEAT_STEPS + 1e-9)
    return f"q{min(HEAT_STEPS, step)}" if step > 0 else None


def _properties(emotions: dict[str, tuple[str, str]], page: dict[str, str], accent: str) -> str:
    told = [f"--{name}:{strong};--{name}-soft:{soft}" for name, (strong, soft) in emotions.items()]
    told += [f"--{name}:{colour}" for name, colour in page.items()]
    red, green, blue = (int(accent[i : i + 2], 16) for i in (1, 3, 5))
    return ";".join([*told, f"--accent:{accent}", f"--heat:{red} {green} {blue}"])


def channels(emotions: dict[str, tuple[str, str]]) -> dict[str, tuple[int, int, int]]:
    """The strong colours as red, green and blue, 0..255."""
    return {name: (int(c[1:3], 16), int(c[3:5], 16), int(c[5:7], 16)) for name, (c, _) in emotions.items()}
