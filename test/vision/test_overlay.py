"""The overlay: what is drawn, where, and that nothing that it is told can spoil the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.emotion import EMOTIONS, EmotionEstimate
from mer_ros.errors import InputError, OptionError
from mer_ros.report import palette
from mer_ros.utterance import Box, Frame, Transcript
from mer_ros.vision.canvas import Canvas, drawable
from mer_ros.vision.overlay import MAX_TOLD, Overlay, OverlayOptions, ShownFace

S = 1_000_000_000
NOW = 100 * S
P = np.array([0.02, 0.01, 0.03, 0.62, 0.20, 0.07, 0.05])
COLOURS = palette.channels(palette.DARK)
GREY = 120
HOSTILE = ["", "x" * 5_000, "\x00\x1b[2J\n\r\t", "言葉 🤖 \u202eabc", "%s {} \\n", "a\u0301" * 300, " ", "\ud800"]


def told(face: int = 1, **changes) -> EmotionEstimate:
    values = {
        "utterance_id": 0,
        "start_ns": NOW - S,
        "end_ns": NOW,
        "is_final": False,
        "probabilities": P,
        "sentiment_probabilities": np.array([0.1, 0.2, 0.7]),
        "emotion": "joy",
        "confidence": 0.62,
        "sentiment": "positive",
        "valence": 0.4,
        "arousal": 0.2,
        "modalities": (),
        "face_id": face,
    }
    return EmotionEstimate(**(values | changes))


def ground(width=640, height=480, stamp_ns=NOW) -> Frame:
    image = np.full((height, width, 3), GREY, np.uint8)
    image.setflags(write=False)  # as that of a message is
    return Frame(stamp_ns, image)


def face(track=1, x=240, y=120, side=150, name="person-1") -> ShownFace:
    return ShownFace(track, Box(x, y, side, side), name)


def changed(overlay: Overlay, faces, frame: Frame | None = None) -> np.ndarray:
    """Where the picture differs from the ground: bool [height, width]."""
    frame = frame or ground()
    picture = overlay.draw(frame, faces)
    assert picture.shape == frame.image.shape
    assert picture.dtype == np.uint8
    return (picture != GREY).any(axis=2)


def within(mask: np.ndarray, x: int, y: int, width: int, height: int) -> np.ndarray:
    return mask[max(0, y) : y + height, max(0, x) : x + width]


def test_with_nobody_in_view_and_nothing_said_the_picture_is_the_frame():
    frame = ground()
    picture = Overlay(COLOURS).draw(frame, [])
    assert np.array_equal(picture, frame.image)
    assert not np.shares_memory(picture, frame.image)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (1920, 1080)])
def test_a_face_gets_a_box_and_its_name_and_nothing_else_is_touched(width, height):
    side = height // 3
    one = face(x=width // 2, y=height // 3, side=side)
    mask = changed(Overlay(COLOURS), [one], ground(width, height))
    box = one.box
    edge = round(8 * height / 480)
    assert within(mask, box.x, box.y - 1, box.width, 3).all()
    assert not within(mask, box.x + edge, box.y + edge, box.width - 2 * edge, box.height - 2 * edge).any()
    above = within(mask, box.x, box.y - 2 * edge, round(60 * height / 480), 2 * edge)
    assert above.mean() > 0.5
    mask[box.y - 3 * edge : box.y + box.height + edge, box.x - edge : box.x + box.width + edge] = False
    assert not mask.any()


def test_an_emotion_colours_the_box_and_is_written_with_bars_of_its_probabilities():
    overlay = Overlay(COLOURS)
    overlay.emotion(told())
    picture = overlay.draw(ground(), [face()])
    assert tuple(picture[120, 300]) == COLOURS["joy"]
    beside = picture[100:260, 398:640].reshape(-1, 3)
    lengths = {name: int((beside == np.array(COLOURS[name])).all(axis=1).sum()) for name in EMOTIONS}
    assert lengths["joy"] > lengths["neutral"] > lengths["sadness"] > 0
    assert lengths["joy"] == pytest.approx(lengths["neutral"] * 0.62 / 0.20, rel=0.15)


def test_who_speaks_has_a_mark_and_a_stronger_box_for_as_long_as_that_is_told():
    def drawn(at_ns: int, **changes) -> np.ndarray:
        overlay = Overlay(COLOURS)
        overlay.emotion(told(**changes))
        return changed(overlay, [face()], ground(stamp_ns=at_ns))

    silent = drawn(NOW)
    speaking = drawn(NOW, utterance_id=3)
    inner = slice(123, 124), slice(260, 380)
    assert not silent[inner].any()
    assert speaking[inner].all()
    assert not drawn(NOW + 2 * S, utterance_id=3)[inner].any()
    assert not drawn(NOW, utterance_id=3, is_final=True)[inner].any()


def test_last_words_stand_along_the_lower_edge_and_go_after_a_while():
    overlay = Overlay(COLOURS, OverlayOptions(keep_s=2.0))
    overlay.transcript(Transcript(4, NOW - S, NOW, "It was the best of times", is_final=False))
    mask = changed(overlay, [])
    assert mask[-10:].mean() > 0.8
    assert not mask[:-30].any()
    assert not changed(overlay, [], ground(stamp_ns=NOW + 3 * S)).any()
    two_lines = Overlay(COLOURS)
    two_lines.transcript(Transcript(4, NOW - S, NOW, "it was the worst of times " * 30, is_final=False))
    assert 20 < changed(two_lines, []).any(axis=1).sum() < 50


def test_a_final_emotion_keeps_its_words_and_older_words_do_not_come_back():
    overlay = Overlay(COLOURS)
    overlay.emotion(told(utterance_id=2, is_final=True, transcript="no matter"))
    new = overlay.draw(ground(), [])
    overlay.transcript(Transcript(1, NOW - 3 * S, NOW - 2 * S, "try again", is_final=True))
    assert np.array_equal(overlay.draw(ground(), []), new)
    overlay.transcript(Transcript(3, NOW, NOW + S, "fail better", is_final=False))
    assert not np.array_equal(overlay.draw(ground(), []), new)


def test_what_was_told_of_a_person_goes_on_with_their_next_track_and_goes_after_a_while():
    overlay = Overlay(COLOURS)
    overlay.emotion(told(face=1, person_id="person-1"))
    again = [face(track=9)]
    assert tuple(overlay.draw(ground(), again)[120, 300]) == COLOURS["joy"]
    for stamp_ns in (NOW + 7 * S, NOW - 7 * S):  # grown old; or the clock has jumped back
        assert tuple(overlay.draw(ground(stamp_ns=stamp_ns), again)[120, 300]) == COLOURS["unknown"]
    assert tuple(overlay.draw(ground(), [face(track=9, name="person-2")])[120, 300]) == COLOURS["unknown"]


def test_bars_cover_no_face_no_name_and_no_words():
    overlay = Overlay(COLOURS)
    faces = [face(track=i + 1, x=40 + 200 * i, y=60, side=160, name=f"person-{i + 1}") for i in range(3)]
    for one in faces:
        overlay.emotion(told(face=one.track_id))
    overlay.transcript(Transcript(4, NOW - S, NOW, "words", is_final=False))
    bare = Overlay(COLOURS).draw(ground(), faces)
    full = overlay.draw(ground(), faces)
    for one in faces:
        inner = (slice(one.box.y + 8, one.box.y + 152), slice(one.box.x + 8, one.box.x + 152))
        assert np.array_equal(full[inner], bare[inner])
    below = full[230:440]
    assert (below == np.array(COLOURS["joy"])).all(axis=2).sum() > 3 * 100


def test_bars_stay_on_their_side_while_there_is_room():
    overlay = Overlay(COLOURS)
    overlay.emotion(told())
    joy = np.array(COLOURS["joy"])

    def middle(x: int) -> float:
        """Where the bar of joy is, against the middle of the face."""
        picture = overlay.draw(ground(), [face(x=x)])[130:290]
        picture[:, x - 4 : x + 154] = 0
        return float(np.argwhere((picture == joy).all(axis=2))[:, 1].mean()) - (x + 75)

    assert middle(240) > 0
    assert middle(400) < 0  # no room on the right any more
    assert middle(240) < 0
    assert middle(20) > 0  # none on the left


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("size", [(640, 480), (1920, 1080), (96, 64), (1, 1), (3, 400), (1000, 20)])
def test_names_and_words_of_any_kind_never_leave_the_picture(text, size):
    width, height = size
    whole = np.full((height + 80, width + 80, 3), GREY, np.uint8)
    part = whole[40:-40, 40:-40]
    overlay = Overlay(COLOURS)
    name = text or "face-1"
    overlay.emotion(told(person_id=text, utterance_id=2, transcript=text, emotion="joy"))
    overlay.emotion(told(face=2, person_id=text, is_final=True, transcript=text, emotion=text))
    side = max(1, min(width, height) // 2)
    faces = [face(1, 0, 0, side, name), face(2, width - side, height - side, side, name)]
    picture = overlay.draw(Frame(NOW, part), faces)
    assert picture.shape == part.shape
    assert (whole == GREY).all()  # neither the frame nor what lies around it


@pytest.mark.parametrize("broken", [np.full(7, np.nan), np.array([np.inf, -1, 2, 0, 0, 0, 0]), np.zeros(0), np.ones(9)])
def test_numbers_that_are_none_draw_no_bar(broken):
    overlay = Overlay(COLOURS)
    overlay.emotion(told(probabilities=broken, confidence=float("nan"), emotion="no such emotion"))
    picture = overlay.draw(ground(), [face()])
    assert tuple(picture[120, 300]) == COLOURS["unknown"]


@settings(max_examples=30)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.lists(st.tuples(*[st.integers(-50, 400)] * 2, st.integers(0, 400)), max_size=6),
    st.text(max_size=40),
)
def test_any_picture_any_boxes(width, height, boxes, name):
    overlay = Overlay(COLOURS)
    faces = [face(number + 1, x, y, side, name) for number, (x, y, side) in enumerate(boxes)]
    for one in faces:
        overlay.emotion(told(face=one.track_id, utterance_id=1))
    assert overlay.draw(ground(width, height), faces).shape == (height, width, 3)


def test_what_is_remembered_is_bounded_and_can_be_forgotten():
    overlay = Overlay(COLOURS)
    for number in range(1, 10 * MAX_TOLD):
        overlay.emotion(told(face=number))
    assert len(overlay._told) == MAX_TOLD
    overlay.transcript(Transcript(4, NOW - S, NOW, "words", is_final=False))
    overlay.forget()
    assert not overlay._told
    assert not changed(overlay, []).any()


def test_the_rate_holds_at_any_frame_rate_and_after_jumps():
    overlay = Overlay(COLOURS, OverlayOptions(max_rate_hz=10.0))
    stamps = [NOW + k * S // 30 for k in range(300)]
    assert sum(overlay.due(stamp) for stamp in stamps) == pytest.approx(100, abs=2)
    assert overlay.due(NOW - 50 * S)  # the clock went back
    assert not overlay.due(NOW - 50 * S + S // 20)
    assert overlay.due(NOW + 500 * S)


def test_compressed_it_is_the_same_picture():
    overlay = Overlay(COLOURS, OverlayOptions(jpeg_quality=95))
    overlay.emotion(told())
    picture = overlay.draw(ground(), [face()])
    again = cv2.cvtColor(cv2.imdecode(np.frombuffer(overlay.jpeg(picture), np.uint8), cv2.IMREAD_COLOR), 4)
    assert np.abs(again.astype(int) - picture).mean() < 2.0


def test_a_picture_that_no_jpeg_can_hold_is_refused():
    with pytest.raises(InputError, match="cannot be a JPEG"):
        Overlay(COLOURS).jpeg(np.zeros((1, 70_000, 3), np.uint8))


@pytest.mark.parametrize("wrong", [{"max_rate_hz": 0.0}, {"keep_s": float("nan")}, {"jpeg_quality": 101}])
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        OverlayOptions(**wrong)


def test_text_in_letters_that_can_be_drawn():
    assert drawable("naïve “Ärger”… – ok") == 'naive "Arger"... - ok'
    assert drawable("言葉\n\x1b") == "?? ?"
    assert len(drawable("x" * 10_000)) <= 400


def test_long_text_is_shortened_to_its_width_and_of_many_lines_the_last_are_kept():
    canvas = Canvas(np.zeros((480, 640, 3), np.uint8))
    short = canvas.shortened("a name that is much too long for this", 120)
    assert short.endswith("...")
    assert canvas.text_width(short) <= 120
    assert canvas.shortened("abc", 2) == ""
    lines = canvas.last_lines("one two three " * 40 + "end", 200, 2)
    assert len(lines) == 2
    assert lines[0].startswith("...")
    assert lines[1].endswith("end")
    assert all(canvas.text_width(line) <= 200 for line in lines)


@pytest.mark.parametrize("value", [0, 255])
def test_letters_stand_out_on_any_ground(value):
    """WCAG's contrast of the letters against their plate, on black and on white."""
    canvas = Canvas(np.full((480, 640, 3), value, np.uint8))
    canvas.plate(Box(10, 10, 200, 15))
    plate = int(canvas.image[12, 200, 0])
    canvas.text(14, 10, "surprise 62%")
    letters = canvas.image[10:25, 14:100].max()

    def luminance(grey: int) -> float:
        c = grey / 255
        return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4

    assert (luminance(int(letters)) + 0.05) / (luminance(plate) + 0.05) > 7
