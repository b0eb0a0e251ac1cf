from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from mer_ros.emotion import EMOTIONS, UNKNOWN, EmotionEstimate, Modality, ModalityEstimate
from mer_ros.view import HEIGHT, WIDTH, ViewState, ascii_only, fits, line, picture, printable, starting

P = np.array([0.02, 0.01, 0.03, 0.62, 0.20, 0.07, 0.05])


def estimate(**changes) -> EmotionEstimate:
    values = {
        "utterance_id": 3,
        "start_ns": 10_000_000_000,
        "end_ns": 13_500_000_000,
        "is_final": True,
        "probabilities": P,
        "sentiment_probabilities": np.array([0.1, 0.2, 0.7]),
        "emotion": "joy",
        "confidence": 0.62,
        "sentiment": "positive",
        "valence": 0.41,
        "arousal": 0.22,
        "modalities": (
            ModalityEstimate(Modality.FACE, P, quality=0.8, weight=0.45),
            ModalityEstimate(Modality.AUDIO, P[::-1].copy(), quality=0.5, weight=0.55),
            ModalityEstimate(Modality.TEXT, None, reason="no words were recognised"),
        ),
        "transcript": "It was the spring of hope, it was the winter of despair.",
        "face_id": 2,
        "turn": 3,
        "previous_emotion": "neutral",
        "latency_ms": {"speech_to_text": 312.4, "audio": 35.0, "face": 21.0, "text": 3.0, "fusion": 1.2},
    }
    return EmotionEstimate(**(values | changes))


def filled(**changes) -> ViewState:
    state = ViewState("sample dialogue", nodes={"fusion": "active", "camera": "active"}, utterances=5)
    for turn in range(1, 6):
        state.add_final(estimate(turn=turn, **changes), 0.85)
    state.live = estimate(is_final=False, emotion="anger", confidence=0.3)
    return state


def draw(state, width=80, height=24, *, plain_bars=False, **options) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, **options)
    console.print(picture(state, plain_bars=plain_bars))
    return console.file.getvalue()


def test_everything_is_on_one_small_screen():
    lines = draw(filled()).rstrip("\n").split("\n")
    assert len(lines) <= 23
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for part in (
        *EMOTIONS,
        "JOY 62%",
        "face-2",
        "spring of hope",
        "positive",
        "+0.41",
        "45%",
        "55%",
        "before: neutral",
    ):
        assert part in text, part
    for part in ("speech_to_text", "312", "850", "no words", "anger 30%", "5 of 5", "sample dialogue"):
        assert part in text, part


@pytest.mark.parametrize("width", [80, 100, 132])
@pytest.mark.parametrize(
    "state",
    [
        ViewState("x"),
        ViewState("x", nodes={"fusion": "unconfigured"}),
        ViewState("x" * 300, nodes={"n" * 200: "active"}, troubles={"camera": "t" * 300}),
        filled(transcript="word " * 400),
        filled(transcript="言葉" * 200, person_id="p" * 100),
        filled(modalities=(), latency_ms={f"stage{k}": float(k) for k in range(40)}),
        filled(probabilities=np.full(7, np.nan), confidence=float("nan"), valence=float("nan")),
    ],
)
def test_it_never_outgrows_the_screen(state, width):
    lines = draw(state, width).rstrip("\n").split("\n")
    assert len(lines) <= 23
    from rich.cells import cell_len

    assert max(map(cell_len, lines)) <= width


def test_the_page_in_the_browser_is_told_of():
    state = filled()
    state.page = "http://127.0.0.1:40000/"
    lines = draw(state).rstrip("\n").split("\n")
    assert "Ctrl-C ends it   http://127.0.0.1:40000/ shows it in the browser" in lines[-1]
    assert len(lines) <= 23


def test_the_bar_is_as_long_as_the_probability():
    joy = next(row for row in draw(filled()).split("\n") if "joy " in row and "█" in row)
    fear = next(row for row in draw(filled()).split("\n") if "fear " in row)
    assert joy.count("█") == 12
    assert fear.count("█") == 0
    plain = draw(filled(), plain_bars=True)
    assert "█" not in plain
    assert next(row for row in plain.split("\n") if "joy " in row and "#" in row).count("#") == 12


def test_without_colour_nothing_is_lost():
    coloured = draw(filled(), force_terminal=True, color_system="truecolor")
    plain = draw(filled(), no_color=True)
    assert "\x1b[" in coloured
    assert "\x1b[3" not in plain
    assert "JOY 62%" in plain


def test_words_cannot_move_the_cursor_or_style_the_screen():
    evil = "\x1b[2J[bold red]x[/]\r\n\x07 y"
    text = draw(filled(transcript=evil, person_id=evil))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold red]x[/]" in text
    assert printable(evil).isprintable()
    assert "\n" not in line(estimate(transcript=evil), 0.5)


def test_a_plain_line_says_it_all():
    text = line(estimate(), 0.853)
    for part in ("turn 3", "face-2", "3.5 s", "joy 62%", "positive", "face joy 62% x0.45", "spring", "0.85 s after"):
        assert part in text, part
    assert "text none (no words were recognised)" in text
    assert "after" not in line(estimate(), float("nan"))


@pytest.mark.parametrize(
    ("changes", "who"),
    [
        ({"person_id": "Ada"}, "Ada"),
        ({}, "face-2"),
        ({"face_id": 0, "voice_id": "voice 1"}, "voice 1"),
        ({"face_id": 0}, "nobody in view"),
    ],
)
def test_who(changes, who):
    assert f", {who}, " in line(estimate(**changes), 0.1)


@pytest.mark.parametrize(
    ("changes", "name"), [({}, "face-2"), ({"person_id": "face-2"}, "face-2"), ({"person_id": "Ada"}, "Ada")]
)
def test_one_person_has_one_name_everywhere(changes, name):
    lines = draw(filled(**changes)).split("\n")
    state = filled(**changes)
    state.live = estimate(is_final=False, **changes)
    now = next(row for row in draw(state).split("\n") if row.startswith("now"))
    assert f" {name} " in now
    assert any("JOY 62%" in row and name in row for row in lines)
    assert sum(f" {name} " in row and "spring" in row for row in lines) >= 4


def test_one_utterance_is_no_plural():
    state = ViewState("x", utterances=1)
    assert "0 of 1 utterance " in draw(state)
    state.utterances = 2
    assert "0 of 2 utterances " in draw(state)


@pytest.mark.parametrize(
    ("width", "height", "room"), [(80, 24, True), (79, 24, False), (80, 22, False), (200, 60, True), (40, 10, False)]
)
def test_where_the_picture_has_no_room(width, height, room):
    assert fits(Console(file=io.StringIO(), width=width, height=height)) is room


def test_the_picture_keeps_to_its_least_size():
    assert len(draw(filled(), WIDTH, HEIGHT).rstrip("\n").split("\n")) <= HEIGHT


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ({}, "starting the nodes ..."),
        ({"a": "active", "b": "inactive", "c": "unknown"}, "starting, 1 of 3 nodes are active: b inactive, c waits"),
        ({"a": "active"}, "starting, 1 of 1 nodes are active"),
    ],
)
def test_starting_tells_how_far_it_is(nodes, said):
    assert starting(nodes) == said


def test_state_is_bounded():
    state = ViewState("x")
    for _ in range(1500):
        state.add_final(estimate(), 0.1)
    assert len(state.finals) == 1000
    assert len(state.waits_s) == 1000


@pytest.mark.parametrize(("encoding", "expected"), [("utf-8", False), ("ascii", True), ("iso-8859-1", True)])
def test_terminals_without_block_characters(encoding, expected):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert ascii_only(Console(file=stream)) is expected


def test_an_emotion_that_is_not_named_is_shown_with_what_it_would_have_been():
    unsure = {"emotion": UNKNOWN, "confidence": 0.38, "sentiment": UNKNOWN}
    assert "unknown (joy 38%), unknown [" in line(estimate(**unsure), 0.5)
    drawn = draw(filled(**unsure))
    assert "UNKNOWN (JOY 38%)" in drawn
    assert "unknown 38%" in drawn


def test_what_a_person_said_until_they_were_forgotten_is_not_shown_whatever_comes_first():
    state = ViewState("x")
    name = "eve\x1b[31m"  # names come from others
    for at, person, face in ((10, "", 3), (20, "ann", 4), (30, name, 3)):
        state.add_final(estimate(person_id=person, face_id=face), 0.1, at)
    state.live = estimate(person_id=name, face_id=3, is_final=False)
    state.forget(name, 50)
    assert ([it.who for it in state.finals], state.live, state.latest) == (["ann"], None, None)
    state.add_final(estimate(person_id=name), 0.1, 45)
    assert state.latest is None
    state.add_final(estimate(person_id=name), 0.1, 55)
    assert ([it.who for it in state.finals], state.answered) == (["ann", name], 5)
    state.forget("", 52)  # is kept for who comes late, as this view may have
    assert ([it.who for it in state.finals], state.latest.who, state.answered) == ([name], name, 5)
