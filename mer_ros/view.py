"""The live view of a terminal: who feels what, why, and how fast. 80 columns by 23 lines; colour is a courtesy.

Pure: it turns a `ViewState` into a picture (`picture`) or an estimate into one line (`line`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mer_ros.emotion import EMOTIONS, UNKNOWN, EmotionEstimate, Modality
from mer_ros.fusion.names import Names, Request
from mer_ros.terminal import printable

COLOURS = {
    "anger": "red",
    "disgust": "green",
    "fear": "magenta",
    "joy": "yellow",
    "neutral": "white",
    "sadness": "blue",
    "surprise": "cyan",
}
WIDTH, HEIGHT = 80, 23  # the least that the picture needs
TURNS = 4  # of the dialogue that are shown
BAR = 20
STAGES = 6
MOST_FINALS, MOST_REQUESTS = 1000, 64
LINES = 9  # inside of the two upper panels


@dataclass
class ViewState:
    """What is known so far.

    title: what is played or listened to. nodes: each node's state, as the lifecycle manager tells it.
    troubles: what nodes complain of. latest: the last final estimate. live: the last interim one.
    after_s: from the end of that utterance to the arrival of its emotion. finals: all final ones, oldest first.
    waits_s: their `after_s`. utterances: how many have ended. over: nothing more will come. running_s: since
    the start. page: the address of the page in the browser, if there is one. forgotten: how many final ones are no
    longer kept, as their person is to be forgotten.
    """

    title: str
    nodes: dict[str, str] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    latest: EmotionEstimate | None = None
    live: EmotionEstimate | None = None
    after_s: float = float("nan")
    finals: list[EmotionEstimate] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    utterances: int = 0
    speaking: bool = False
    over: bool = False
    running_s: float = 0.0
    page: str = ""
    forgotten: int = 0
    _names: Names = field(default_factory=Names)
    _told_ns: list[int] = field(default_factory=list)  # when each of the final ones was published
    _requests: deque[Request] = field(default_factory=lambda: deque(maxlen=MOST_REQUESTS))

    @property
    def answered(self) -> int:
        """How many final estimates came, as far as they are counted."""
        return len(self.finals) + self.forgotten

    def forget(self, person_id: str, told_ns: int = 0) -> None:
        """Forget what a person said until `told_ns`, under any of their names; what all said for an empty id."""
        names = self._names.forget(person_id)
        request = Request(frozenset(names if person_id else ()), told_ns)
        self._requests.append(request)
        kept = [(it, at) for it, at in zip(self.finals, self._told_ns, strict=True) if not request.means(it.who, at)]
        self.forgotten += len(self.finals) - len(kept)
        self.finals, self._told_ns = [it for it, _ in kept], [at for _, at in kept]
        if self.latest is not None and not any(it is self.latest for it in self.finals):
            self.latest = None
        if self.live is not None and request.means(self.live.who, told_ns):
            self.live = None

    def add_final(self, estimate: EmotionEstimate, after_s: float, told_ns: int = 0) -> None:
        """Take a final estimate in, that was published at `told_ns`; the list is bounded.

        What was told before a request to forget who said it is only counted, even if it comes after that.
        """
        self._names.learn(estimate.face_id, estimate.person_id)
        self.live = None
        self.waits_s = [*self.waits_s[1 - MOST_FINALS :], after_s]
        if any(request.means(estimate.who, told_ns) for request in self._requests):
            self.forgotten += 1
            return
        self.latest, self.after_s = estimate, after_s
        self.finals = [*self.finals[1 - MOST_FINALS :], estimate]
        self._told_ns = [*self._told_ns[1 - MOST_FINALS :], told_ns]


def picture(state: ViewState, *, plain_bars: bool = False) -> RenderableType:
    """Everything at a glance. plain_bars: only ASCII in the bars."""
    upper = Table.grid(expand=True)
    upper.add_column(width=44)
    upper.add_column(ratio=1)
    upper.add_row(
        Panel(_emotion(state, plain_bars), title="emotion", height=LINES + 4, padding=(0, 1)),
        Panel(_reasons(state), title="why", height=LINES + 4, padding=(0, 1)),
    )
    dialogue = Panel(_dialogue(state), title="dialogue", height=TURNS + 2, padding=(0, 1))
    return Group(_head(state), _now(state), upper, dialogue, _foot(state))


def starting(nodes: dict[str, str]) -> str:
    """One line on how far the graph has come up."""
    if not nodes:
        return "starting the nodes ..."
    told = {"unknown": "waits"}
    up = sum(label == "active" for label in nodes.values())
    rest = ", ".join(f"{name} {told.get(label, label)}" for name, label in nodes.items() if label != "active")
    return f"starting, {up} of {len(nodes)} nodes are active" + (f": {rest}" if rest else "")


def line(estimate: EmotionEstimate, after_s: float) -> str:
    """One plain line for a final estimate."""
    seconds = (estimate.end_ns - estimate.start_ns) / 1e9
    says = ", ".join(
        f"{m.modality.value} {_top(m.probabilities)} x{m.weight:.2f}"
        if m.probabilities is not None
        else f"{m.modality.value} none ({printable(m.reason)})"
        for m in estimate.modalities
    )
    late = "" if np.isnan(after_s) else f", {after_s:.2f} s after the end"
    return (
        f"turn {estimate.turn}, {who(estimate)}, {seconds:.1f} s: {feels(estimate)}, "
        f'{estimate.sentiment} [{says}] "{printable(estimate.transcript)}"{late}'
    )


def feels(estimate: EmotionEstimate) -> str:
    """The emotion and its probability; of an unknown one, what it would have been."""
    if estimate.emotion != UNKNOWN:
        return f"{estimate.emotion} {estimate.confidence:.0%}"
    return f"{UNKNOWN} ({EMOTIONS[int(np.argmax(estimate.probabilities))]} {estimate.confidence:.0%})"


def who(estimate: EmotionEstimate) -> str:
    """The best name there is for the one who speaks."""
    return printable(estimate.who) or "nobody in view"


def fits(console: Console) -> bool:
    """Whether the picture has room on this terminal; where it has not, plain lines are the better view."""
    return console.width >= WIDTH and console.height >= HEIGHT


def ascii_only(console: Console) -> bool:
    """Whether this terminal's encoding has no block characters."""
    return not console.encoding.lower().startswith("utf")


def _top(probabilities: np.ndarray | None) -> str:
    if probabilities is None:
        return ""
    best = int(np.argmax(probabilities))
    return f"{EMOTIONS[best]} {probabilities[best]:.0%}"


def _row(left: Text, right: Text) -> Table:
    row = Table.grid(expand=True)
    row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    row.add_column(justify="right", no_wrap=True)
    row.add_row(left, right)
    return row


def _head(state: ViewState) -> RenderableType:
    minutes, seconds = divmod(int(state.running_s), 60)
    noun = "utterance" if state.utterances == 1 else "utterances"
    right = f"{state.answered} of {state.utterances} {noun}   {minutes:02d}:{seconds:02d}"
    return _row(Text.assemble(("mer", "bold"), "  ", printable(state.title)), Text(right))


def _now(state: ViewState) -> RenderableType:
    if state.nodes and any(label != "active" for label in state.nodes.values()):
        return Text(starting(state.nodes), style="dim", no_wrap=True, overflow="ellipsis")
    if not state.nodes:
        return Text(starting({}), style="dim")
    text = Text("now  ", style="dim", no_wrap=True, overflow="ellipsis")
    text.append("speaking   " if state.speaking else "silence    ", style="bold" if state.speaking else "dim")
    if state.live is None:
        return text.append("listening" if state.speaking else "nobody in view", style="dim")
    text.append(f"{who(state.live) if state.live.face_id else 'no face'}   ")
    text.append(feels(state.live), style=COLOURS.get(state.live.emotion, ""))
    return text.append(" (so far)" if state.live.utterance_id else " (face alone)", style="dim")


def _emotion(state: ViewState, plain_bars: bool) -> RenderableType:
    it = state.latest
    if it is None:
        return Text("waiting for the first utterance to end", style="dim")
    colour = COLOURS.get(it.emotion, "")
    label = Text(no_wrap=True, overflow="ellipsis")
    label.append(feels(it).upper(), style=f"bold {colour}")
    label.append(f"   {who(it)}")
    if it.shifted:
        label.append(f", before: {it.previous_emotion}", style="dim")
    words = Text(f'"{printable(it.transcript)}"' if it.transcript else "(no words)", style="italic")
    words.truncate(76, overflow="ellipsis")
    rows = Table.grid(padding=(0, 1))
    rows.add_column(width=8)
    rows.add_column(width=BAR)
    rows.add_column(justify="right", width=4)
    for name, value in zip(EMOTIONS, it.probabilities, strict=True):
        style = f"bold {COLOURS[name]}" if name == it.emotion else COLOURS[name]
        rows.add_row(Text(name, style=style), Text(_bar(float(value), plain_bars), style=style), f"{value:.0%}")
    feeling = f"{it.sentiment}  valence {it.valence:+.2f}  arousal {it.arousal:+.2f}"
    return Group(label, words, rows, Text(feeling, no_wrap=True, overflow="ellipsis"))


def _bar(value: float, plain: bool) -> str:
    value = min(1.0, max(0.0, value)) if np.isfinite(value) else 0.0
    if plain:
        return "#" * round(value * BAR)
    eighths = round(value * BAR * 8)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def _reasons(state: ViewState) -> RenderableType:
    it = state.latest
    if it is None:
        return Text("each sense, what it says, its weight", style="dim")
    senses = Table.grid(padding=(0, 1), expand=True)
    senses.add_column(width=5)
    senses.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    senses.add_column(justify="right", width=6)
    senses.add_row(*(Text(word, style="dim") for word in ("sense", "says", "weight")))
    for modality in Modality:
        found = next((m for m in it.modalities if m.modality == modality), None)
        if found is not None and found.probabilities is not None:
            top = _top(found.probabilities)
            senses.add_row(modality.value, Text(top, style=COLOURS.get(top.split()[0], "")), f"{found.weight:.0%}")
        else:
            senses.add_row(modality.value, Text(printable(found.reason) if found else "-", style="dim"), "-")
    times = Table.grid(padding=(0, 1), expand=True)
    times.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    times.add_column(justify="right")
    stages = {name: spent for name, spent in it.latency_ms.items() if name != "since_end"}  # it is said below
    slowest = sorted(stages.items(), key=lambda item: -item[1])[: STAGES - 1]
    times.add_row(Text("stage", style="dim"), Text("ms", style="dim"))
    for stage, spent in ((s, ms) for s, ms in stages.items() if (s, ms) in slowest):
        times.add_row(printable(stage), f"{spent:.0f}")
    if not np.isnan(state.after_s):
        times.add_row(Text("after end of speech", style="bold"), Text(f"{state.after_s * 1000:.0f}", style="bold"))
    return Group(senses, times)


def _dialogue(state: ViewState) -> RenderableType:
    rows = Table.grid(padding=(0, 1), expand=True)
    rows.add_column(width=3, justify="right")
    rows.add_column(width=10, no_wrap=True, overflow="ellipsis")
    rows.add_column(width=13, no_wrap=True)
    rows.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for it in state.finals[-TURNS:]:
        label = Text(f"{it.emotion} {it.confidence:.0%}", style=COLOURS.get(it.emotion, ""))
        rows.add_row(str(it.turn), who(it), label, Text(printable(it.transcript)))
    return rows


def _foot(state: ViewState) -> RenderableType:
    if state.troubles:
        name, trouble = next(iter(state.troubles.items()))
        return Text(f"{name}: {printable(trouble)}", style="bold red", no_wrap=True, overflow="ellipsis")
    page = f"   {state.page} shows it in the browser" if state.page else ""
    return Text("" if state.over else f"Ctrl-C ends it{page}", style="dim")
