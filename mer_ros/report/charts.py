"""Pictures of numbers: shares, calibration, latencies. All of them SVG that also stands in a table nearby."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mer_ros.report.markup import Markup, tag
from mer_ros.report.words import milliseconds, percent

SIDE, LEFT, FOOT = 260, 44, 40  # of the calibration's square, and the room for its axes
ROW, NAME, TAIL = 30, 130, 36  # of a stage's row
BOXES = 700
LEAST_MS = 0.1  # what is shorter is drawn as long


@dataclass(frozen=True)
class Spread:
    """The distribution of a stage's latencies, in milliseconds: percentiles."""

    n: int
    p5: float
    p25: float
    p50: float
    p75: float
    p95: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Percentiles of one value or more."""
    marks = (float(p) for p in np.percentile(np.asarray(values, np.float64), (5, 25, 50, 75, 95, 100)))
    return Spread(len(values), *marks)


def shares(parts: Mapping[str, float], whole: str) -> Markup:
    """One bar of many colours. parts: amount by emotion. whole: what the bar is, for who does not see it."""
    total = sum(parts.values()) or 1.0
    drawn, x = [], 0.0
    for name, amount in parts.items():
        width = 1000 * amount / total
        drawn.append(tag("rect", x=x, y=0.0, width=max(0.0, width - 2), height=16.0, class_=f"{name} s edge"))
        x += width
    told = ", ".join(f"{name} {percent(amount / total)}" for name, amount in parts.items())
    return tag(
        "svg",
        *drawn,
        viewBox="0 0 1000 16",
        preserveAspectRatio="none",
        class_="shares",
        role="img",
        aria_label=f"{whole}: {told}",
    )


def small_bar(share: float | None) -> Markup:
    """A bar beside a number of a table, which it repeats."""
    width = 60 * min(1.0, max(0.0, share or 0.0))
    bar = tag("rect", width=width, height=6.0, rx=1.0, class_="bar")
    return tag("svg", tag("rect", width=60.0, height=6.0, rx=1.0, class_="track"), bar, viewBox="0 0 60 6",
               class_="small", aria_hidden="true")  # fmt: skip


def calibration(bins: Sequence[Mapping[str, Any]]) -> Markup:
    """How often what was told with a confidence was right; the area of a dot is the share of utterances."""
    used = [b for b in bins if b.get("n") and b.get("confidence") is not None and b.get("accuracy") is not None]
    most = max((b["n"] for b in used), default=1)
    marks = [
        tag("rect", x=LEFT, y=8.0, width=SIDE, height=SIDE, class_="frame"),
        tag("line", x1=LEFT, y1=8.0 + SIDE, x2=LEFT + SIDE, y2=8.0, class_="ideal"),
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        marks.append(tag("text", percent(share), x=LEFT + share * SIDE, y=SIDE + 26.0, class_="tickx"))
        marks.append(tag("text", percent(share), x=LEFT - 6.0, y=12.0 + SIDE * (1 - share), class_="ticky"))
    points = [(LEFT + b["confidence"] * SIDE, 8 + SIDE * (1 - b["accuracy"])) for b in used]
    if len(points) > 1:
        marks.append(tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), class_="curve"))
    for (x, y), b in zip(points, used, strict=True):
        marks.append(tag("circle", cx=x, cy=y, r=max(2.5, 11 * math.sqrt(b["n"] / most)), class_="dot"))
    marks.append(tag("text", "confidence", x=LEFT + SIDE / 2, y=SIDE + 44.0, class_="tickx strong"))
    told = "; ".join(f"of {b['n']} told with {percent(b['confidence'])}, {percent(b['accuracy'])} right" for b in used)
    return tag(
        "svg",
        *marks,
        viewBox=f"0 0 {LEFT + SIDE + 20} {SIDE + 8 + FOOT}",
        class_="calibration",
        role="img",
        aria_label=f"Calibration: {told or 'nothing to tell'}",
    )


def boxes(stages: Mapping[str, Sequence[tuple[str, Spread]]]) -> Markup:
    """Box plots on a scale of logarithms. stages: name to one spread or two, each with the name of its run."""
    spreads = [s for told in stages.values() for _, s in told]
    low = 10 ** math.floor(math.log10(max(LEAST_MS, min(s.p5 for s in spreads))))
    high = max(10 ** math.ceil(math.log10(max(low * 10, max(s.most for s in spreads)))), low * 10)
    scale = (BOXES - NAME - TAIL) / math.log10(high / low)

    def at(value: float) -> float:
        return NAME + math.log10(max(low, value) / low) * scale

    rows = sum(len(told) for told in stages.values())
    height = 22 + ROW * rows
    marks: list[Markup] = []
    power = low
    while power <= high * 1.001:
        marks.append(tag("line", x1=at(power), x2=at(power), y1=16.0, y2=float(height), class_="tick"))
        marks.append(tag("text", f"{power:,g} ms", x=at(power), y=11.0, class_="tickx"))
        power *= 10
    y = 22.0
    for stage, told in stages.items():
        for place, (run, s) in enumerate(told):
            name = f"{stage}, {run}" if run else stage
            marks.append(tag("text", name, x=0.0, y=y + 15, class_="stage"))
            side = "b" if place else "a"
            marks.append(tag("line", x1=at(s.p5), x2=at(s.p95), y1=y + 11, y2=y + 11, class_="whisker"))
            marks.append(tag("circle", cx=at(s.most), cy=y + 11, r=2.5, class_="most"))
            box = max(2.0, at(s.p75) - at(s.p25))
            marks.append(tag("rect", x=at(s.p25), y=y + 3, width=box, height=16.0, rx=2.0, class_=f"box {side}"))
            marks.append(tag("line", x1=at(s.p50), x2=at(s.p50), y1=y + 3, y2=y + 19, class_="median"))
            y += ROW
    label = "; ".join(
        f"{stage}{' of ' + run if run else ''}: median {milliseconds(s.p50)}, 95 % below {milliseconds(s.p95)}"
        for stage, told in stages.items()
        for run, s in told
    )
    return tag("svg", *marks, viewBox=f"0 0 {BOXES} {height}", class_="boxes", role="img", aria_label=label)
