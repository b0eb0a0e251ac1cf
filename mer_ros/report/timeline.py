"""The dialogue in time, drawn as a score is: rows of some seconds below each other, a lane for each person.

Below the persons' lanes lie those of the senses: what each said alone, and underlined by the weight that it had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mer_ros.report.markup import Markup, tag
from mer_ros.report.run import Spoken
from mer_ros.report.words import clock, feels, percent

WIDTH, GUTTER = 1000, 92  # of a row, and of the lanes' names in it
PLOT = WIDTH - GUTTER - 4
SPANS_S = (5, 10, 15, 20, 30, 60, 120, 300, 600, 1800, 3600)  # that a row may cover
TICKS_S = (1, 2, 5, 10, 30, 60, 300, 600)
MOST_ROWS = 60
MOST_OPEN = 8  # rows; more scroll in a box of their own
AXIS, BAR, LANE, SENSE = 22, 25, 64, 20  # heights: of the times, a bar, a bar with two lines of words, a sense's lane
LEAST_BAR = 3.0
EM = 0.58  # mean width of a character, in sizes of the type; rather too wide than too narrow


@dataclass(frozen=True)
class Item:
    """An utterance on the timeline: its number on the page, and the lane that it lies in."""

    index: int
    spoken: Spoken
    lane: str


def timeline(items: Sequence[Item], duration_s: float, *, senses: Sequence[str], labels: bool = False) -> Markup:
    """Rows of SVG, one element each, that a page can be broken between.

    duration_s: of the recording. senses: names of those that get a lane of their own. labels: whether there is one.
    """
    end_s = max([duration_s, *(item.spoken.end_s for item in items), 1.0])
    span = _span(end_s)
    order = {name: place for place, name in enumerate(dict.fromkeys(item.lane for item in items))}
    rows: dict[int, list[Item]] = {}
    for item in items:
        first = max(0, int(item.spoken.start_s // span))
        for number in range(first, max(first, _last_row(item.spoken.end_s, span)) + 1):
            rows.setdefault(number, []).append(item)
    drawn, before = [], 0
    for number, members in sorted(rows.items()):
        if number > before:
            drawn.append(tag("p", f"nobody spoke from {clock(before * span)} to {clock(number * span)}", class_="gap"))
        lanes = sorted({item.lane for item in members}, key=order.__getitem__)
        drawn.append(tag("div", _row(number, span, members, lanes, senses, labels), class_="row"))
        before = number + 1
    tall = " tall" if len(rows) > MOST_OPEN else ""
    return tag("div", *drawn, class_=f"rows{tall}", tabindex=0, role="region", aria_label="timeline")


def _span(duration_s: float) -> float:
    """Seconds of a row: one that covers a short recording whole, or as many that there are not too many rows."""
    if duration_s <= 30:
        return next(float(span) for span in SPANS_S if span >= duration_s)
    least = next((s for s in SPANS_S if s >= 30 and duration_s / s <= MOST_ROWS), SPANS_S[-1])
    return float(least)


def _last_row(end_s: float, span: float) -> int:
    """Where an utterance ends; one that ends with its row has no part in the next."""
    return int(end_s // span) - (end_s % span == 0)


def _row(
    number: int, span: float, members: Sequence[Item], lanes: Sequence[str], senses: Sequence[str], labels: bool
) -> Markup:
    tops = {name: AXIS + LANE * i for i, name in enumerate(lanes)}
    below = AXIS + LANE * len(lanes)
    extra = [*(["label"] if labels else []), *senses]
    height = below + SENSE * len(extra) + (6 if extra else 0)
    begins = number * span
    names = [_name(name, tops[name] + BAR / 2 + 4, "who") for name in lanes]
    names += [_name(name, below + SENSE * i + 12, "sense") for i, name in enumerate(extra)]
    marks = []
    for place, item in enumerate(members):
        after = next((m.spoken.start_s for m in members[place + 1 :] if m.lane == item.lane), begins + span)
        room = (after - max(item.spoken.start_s, begins)) / span * PLOT - 6
        marks.append(_utterance(item, begins, span, tops[item.lane], below, room, senses, labels))
    return tag(
        "svg",
        _axis(begins, span, height),
        *names,
        *marks,
        viewBox=f"0 0 {WIDTH} {height}",
        role="group",
        aria_label=f"{clock(begins)} to {clock(begins + span)}",
    )


def _axis(begins: float, span: float, height: float) -> Markup:
    step = next((t for t in TICKS_S if span / t <= 12), TICKS_S[-1])
    marks = []
    for i in range(int(span // step) + 1):
        x = GUTTER + i * step / span * PLOT
        anchor = "end" if i * step == span else None
        marks.append(tag("line", x1=x, x2=x, y1=16.0, y2=float(height), class_="tick"))
        marks.append(tag("text", clock(begins + i * step), x=x, y=11.0, class_="time", text_anchor=anchor))
    return tag("g", *marks, aria_hidden="true")


def _name(name: str, y: float, kind: str) -> Markup:
    return tag("text", fitted(name, GUTTER - 10, 12), x=0.0, y=y, class_=kind, aria_hidden="true")


def _utterance(
    item: Item, begins: float, span: float, top: float, below: float, room: float, senses: Sequence[str], labels: bool
) -> Markup:
    """The bar with emotion and words, and what the senses said below it; a link to all that is known of it."""
    it = item.spoken
    left = GUTTER + (max(it.start_s, begins) - begins) / span * PLOT
    right = GUTTER + (min(it.end_s, begins + span) - begins) / span * PLOT
    width = max(LEAST_BAR, right - left - 1.5)
    first = it.start_s >= begins or begins == 0
    lanes = [*(["label"] if labels else []), *senses]
    parts = [
        _box(left, top, width, BAR, "s"),
        _box(left, top, min(width, 4.0), BAR, "c"),
        _named(_fit_name(it.emotion, feels(it), width - 10, 15), left + 9, top + 17, "name"),
    ]
    if first:
        parts += [_named(text, left, top + BAR + 14 + 14 * i, "words") for i, text in enumerate(lines(it.words, room))]
    for i, sense in enumerate(lanes):
        parts.append(_sense(it, sense, left, width, below + SENSE * i))
    if not first:  # the rest of an utterance that began in the row before: seen, but not named twice
        return tag("g", *parts, class_=f"u {it.emotion}", data_i=item.index, aria_hidden="true")
    if lanes:  # also what lies between the lanes is a target
        parts.append(_box(left, below, width, SENSE * len(lanes), "hit"))
    name = f"s{item.index}"  # the line of the list says it all
    return tag("a", *parts, href=f"#u{item.index}", class_=f"u {it.emotion}", data_i=item.index, aria_labelledby=name)


def _sense(it: Spoken, sense: str, left: float, width: float, top: float) -> Markup:
    if sense == "label":
        if it.label is None:
            return Markup("")
        text = _fit_name(it.label, f"{it.label}, missed" if it.wrong else it.label, width - 8, 11)
        return _lane(it.label, text, left, width, top, 1.0 if it.wrong else 0.0)
    say = next((s for s in it.says if s.sense == sense), None)
    if say is None or say.top is None:
        return Markup("")
    name, most = say.top
    return _lane(name, _fit_name(name, f"{name} {percent(most)}", width - 8, 11), left, width, top, say.weight)


def _lane(emotion: str, text: str, left: float, width: float, top: float, weight: float) -> Markup:
    parts = [_box(left, top, width, 17, "s")]
    if weight > 0:
        parts.append(_box(left, top + 14, max(1.0, width * min(1.0, weight)), 3, "c"))
    parts.append(_named(text, left + 5, top + 11.5, "say"))
    return tag("g", *parts, class_=emotion)


def _box(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    """A rectangle; there are tens of thousands of them, so it is written at once."""
    return Markup(f"<rect x={x:.1f} y={y:g} width={width:.1f} height={height:g} class={kind} />")


def _named(text: str, x: float, y: float, kind: str) -> Markup:
    return tag("text", text, x=x, y=float(y), class_=kind) if text else Markup("")


def _fit_name(name: str, whole: str, room: float, size: float) -> str:
    """As much of an emotion's name as there is room for: with its probability, alone, three letters, nothing."""
    return next((text for text in (whole, name, name[:3]) if len(text) * size * EM <= room), "")


def fitted(text: str, room: float, size: float) -> str:
    """Text that was cut to a width; the cut is shown."""
    most = int(room / (size * EM))
    if len(text) <= most:
        return text
    return text[: most - 1].rstrip() + "…" if most > 3 else ""


def lines(text: str, room: float, size: float = 12) -> list[str]:
    """Text in two lines at most, broken between words."""
    most = int(room / (size * EM))
    cut = text.rfind(" ", 0, most + 1)
    if len(text) <= most or cut <= 0:
        return [fitted(text, room, size)]
    return [text[:cut].rstrip(), fitted(text[cut:].lstrip(), room, size)]
