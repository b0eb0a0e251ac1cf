"""Colours that can be read, markup and words."""

from __future__ import annotations

import json

import pytest
from read_page import EVIL

from mer_ros.report.charts import spread
from mer_ros.report.markup import join, number, script_json, tag
from mer_ros.report.palette import DARK, DARK_ACCENT, DARK_PAGE, HEAT_MOST, LIGHT, LIGHT_ACCENT, LIGHT_PAGE
from mer_ros.report.timeline import lines
from mer_ros.report.words import clock


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def over(colour: str, below: str, opacity: float) -> str:
    mixed = (round(int(colour[i : i + 2], 16) * opacity + int(below[i : i + 2], 16) * (1 - opacity)) for i in (1, 3, 5))
    return "#" + "".join(f"{value:02x}" for value in mixed)


@pytest.mark.parametrize(
    ("emotions", "page", "accent"), [(LIGHT, LIGHT_PAGE, LIGHT_ACCENT), (DARK, DARK_PAGE, DARK_ACCENT)]
)
def test_contrasts(emotions, page, accent):
    for strong, soft in emotions.values():
        assert contrast(page["ink"], soft) >= 4.5
        assert contrast(strong, soft) >= 3
        assert contrast(strong, page["paper"]) >= 3
    for behind in (page["paper"], page["panel"]):
        assert min(contrast(page[name], behind) for name in ("ink", "muted")) >= 4.5
    assert contrast(accent, page["paper"]) >= 4.5
    assert contrast(emotions["anger"][0], page["panel"]) >= 4.5  # what was told wrongly is written in it
    assert contrast(page["ink"], over(accent, page["paper"], HEAT_MOST)) >= 4.5


def test_markup():
    assert tag("p", "a<b", tag("b", "&"), None, ["x", 1]) == "<p>a&lt;b<b>&amp;</b>x1</p>"
    assert tag("input", value='"', hidden=True, min=None) == '<input value="&quot;" hidden>'
    assert tag("a", href="javascript:alert(1) ") == '<a href="javascript:alert(1) "></a>'
    assert tag("rect", x=1.0, y=-0.001) == "<rect x=1 y=0 />"
    assert join("<", tag("br")) == "&lt;<br>"
    assert number(2.346) == "2.35"
    assert json.loads(script_json({"a": EVIL})) == {"a": EVIL}
    assert not set(script_json({"a": EVIL})) & set("<>&\u2028")


def test_words_and_times():
    assert [clock(t) for t in (0, 59.4, 59.6, 3661)] == ["0:00", "0:59", "1:00", "1:01:01"]
    assert clock(69.96, 1) == "1:10.0"
    assert lines("one two three", 8 * 12 * 0.58) == ["one two", "three"]
    assert lines("word " * 9, 10 * 12 * 0.58) == ["word word", "word word…"]
    assert spread([3.0]).p95 == 3.0
