"""The list of all that was said: one line each, and all that is known of it below when it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mer_ros.emotion import EMOTIONS
from mer_ros.report.markup import Markup, join, tag
from mer_ros.report.palette import heat
from mer_ros.report.run import Run, Say, Spoken
from mer_ros.report.words import clock, count, feels, milliseconds, percent, signed

ANY = "all"
SHADED = [tag("td", cent, class_=heat(cent / 100)) for cent in range(101)]
HEAD = tag("thead", tag("tr", tag("th"), *(tag("th", name) for name in EMOTIONS), tag("th", "weight")))


def utterances(spoken: Sequence[Spoken], *, recordings: bool) -> Markup:
    """recordings: whether to say of each in which recording it was."""
    return tag("ol", *(_utterance(i, s, recordings) for i, s in enumerate(spoken)), class_="said", id="said")


def filters(run: Run, shown: int) -> Markup:
    """Controls that narrow the list and the timeline down; they need the script, and come with it."""
    told = [name for name in (*EMOTIONS, "unknown") if any(s.emotion == name for s in run.spoken)]
    controls = []
    if len(run.recordings) > 1:
        controls.append(_choice("recording", "Recording", run.recordings))
    controls += [_choice("who", "Person", run.people), _choice("emotion", "Emotion", told)]
    controls.append(
        join(tag("label", "Words", for_="f-words"), tag("input", id="f-words", type="search", autocomplete="off"))
    )
    if any(s.label for s in run.spoken):
        box = tag("input", id="f-wrong", type="checkbox")
        controls.append(tag("label", box, " only wrong ones", class_="check"))
    controls.append(tag("button", "Show all", type="reset"))
    parts = [tag("div", control) for control in controls]
    status = tag("p", count(shown, "utterance"), role="status", id="status")
    return tag(
        "form", *parts, status, class_="filters", role="search", aria_label="Filter the utterances", id="filters"
    )


def chip(it: Spoken) -> Markup:
    """The emotion with its probability, in its colour."""
    return tag("span", feels(it), class_=f"chip {it.emotion}")


def data(spoken: Sequence[Spoken]) -> dict[str, Any]:
    """What the page knows of each, with all digits.

    Probabilities are in the order of `emotions`, latencies in that of `stages`; of a sense: weight, probabilities.
    """
    stages = list(dict.fromkeys(stage for s in spoken for stage in s.latency_ms))
    told = [
        {
            "recording": s.recording,
            "utterance": s.utterance,
            "start_s": s.start_s,
            "end_s": s.end_s,
            "who": s.who,
            "emotion": s.emotion,
            "confidence": s.confidence,
            "probabilities": s.probabilities,
            "words": s.words,
            "says": {y.sense: [y.weight, y.probabilities] for y in s.says if y.probabilities is not None},
            "latency_ms": [s.latency_ms.get(stage) for stage in stages],
        }
        | ({"label": s.label, "wrong": s.wrong, "labelled": s.labelled} if s.label else {})
        for s in spoken
    ]
    return {"emotions": EMOTIONS, "stages": stages, "utterances": told}


def _choice(key: str, name: str, options: Sequence[str]) -> Markup:
    told = [tag("option", ANY, value=""), *(tag("option", option, value=option) for option in options)]
    return join(tag("label", name, for_=f"f-{key}"), tag("select", *told, id=f"f-{key}"))


def _utterance(index: int, it: Spoken, recordings: bool) -> Markup:
    label = None
    if it.label is not None:
        label = tag("span", it.labelled, class_="wrong" if it.wrong else "ok")
    line = [
        tag("span", clock(it.start_s), class_="at"),
        tag("span", it.who, tag("small", it.recording) if recordings else None, class_="who"),
        chip(it),
        tag("span", it.words or "(no words)", class_="words" if it.words else "words none"),
        label,
    ]
    more = tag("div", *_more(it, recordings), class_="more", id=f"u{index}")
    return tag("li", tag("details", tag("summary", *line, id=f"s{index}"), more), data_i=index)


def _more(it: Spoken, recordings: bool) -> list[Markup]:
    between = f"{clock(it.start_s, 1)} to {clock(it.end_s, 1)}"
    told = [f"{it.recording}, {between}" if recordings else between, f"turn {it.turn}", f"sentiment {it.sentiment}"]
    affect = (("valence", it.valence), ("arousal", it.arousal))
    told += [f"{name} {signed(value, 2)}" for name, value in affect if value is not None]
    picture = None
    if it.thumbnail:
        picture = tag("img", src=f"data:image/jpeg;base64,{it.thumbnail}", alt=f"face of {it.who}", class_="face")
    rows = [_row("together", it.probabilities, None)]
    rows += [_said(say) for say in it.says]
    grid = tag("table", HEAD, *rows, class_="grid", aria_label="per cent")
    spent = " · ".join(f"{stage} {milliseconds(ms)}" for stage, ms in it.latency_ms.items())
    parts = [picture, tag("p", " · ".join(told)), tag("div", grid, class_="wide")]
    return [join(*parts), tag("p", spent, class_="spent") if spent else Markup("")]


def _said(say: Say) -> Markup:
    if say.probabilities is None:
        return tag("tr", tag("th", say.sense), tag("td", say.reason, colspan=len(EMOTIONS) + 1, class_="none"))
    return _row(say.sense, say.probabilities, say.weight)


def _row(name: str, probabilities: Sequence[float], weight: float | None) -> Markup:
    cells = Markup("".join(SHADED[min(100, max(0, round(p * 100)))] for p in probabilities))
    return tag("tr", tag("th", name), cells, tag("td", percent(weight) if weight is not None else ""))
