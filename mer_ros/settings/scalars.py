"""Single values of parameter files, as ROS 2 understands them (rcl_yaml_param_parser): not quite YAML's own way."""

from __future__ import annotations

import math
import re

import yaml

_TRUE = frozenset(("Y", "y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"))
_FALSE = frozenset(("N", "n", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"))
_WHOLE = re.compile(r"[+-]?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")  # as C's strtol of any base
_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|\.?(inf(inity)?|nan))", re.IGNORECASE | re.ASCII)
_HEXADECIMAL = re.compile(r"[+-]?0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)([pP][+-]?\d+)?", re.ASCII)
_TEXT = "tag:yaml.org,2002:str"


def line_of(event: yaml.Event) -> int:
    """The line that an event begins in, from 1 on."""
    assert event.start_mark is not None  # of parsed ones
    return event.start_mark.line + 1


def scalar_of(event: yaml.ScalarEvent) -> bool | int | float | str:
    """What is in quotes is a text. Raises ValueError where there is nothing."""
    text = str(event.value)
    if event.style in ("'", '"') or event.tag == _TEXT:
        return text
    if not text:
        raise ValueError(f"line {line_of(event)} has no value")
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _WHOLE.fullmatch(text):
        whole = int(text, 0) if not re.fullmatch(r"[+-]?0[0-7]+", text) else int(text, 8)
        if -(1 << 63) <= whole < 1 << 63:
            return whole
    if _NUMBER.fullmatch(text):
        number = float(text.replace(".inf", "inf").replace(".Inf", "inf").replace(".INF", "inf").replace(".n", "n"))
        return number if math.isfinite(number) or text[-1] in "fFyYnN" else text
    if _HEXADECIMAL.fullmatch(text):
        return float.fromhex(text)
    return text
