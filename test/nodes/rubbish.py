"""Messages that no node should have been sent: any value in any field, or good messages with some fields spoilt.

All chance comes from a `random.Random`, which may be Hypothesis's own, so that what fails is made small.
"""

from __future__ import annotations

import importlib
import math
import re
from array import array
from random import Random
from typing import Any

import numpy as np

INTEGERS = {
    "uint8": (0, 2**8 - 1, "B"),
    "char": (0, 2**8 - 1, "B"),
    "int8": (-(2**7), 2**7 - 1, "b"),
    "uint16": (0, 2**16 - 1, "H"),
    "int16": (-(2**15), 2**15 - 1, "h"),
    "uint32": (0, 2**32 - 1, "I"),
    "int32": (-(2**31), 2**31 - 1, "i"),
    "uint64": (0, 2**64 - 1, "Q"),
    "int64": (-(2**63), 2**63 - 1, "q"),
}
FLOATS = {"float": ("f", 3.4e38), "double": ("d", 1.7e308)}
STRINGS = (
    "",
    " ",
    "\0",
    "a" * 20_000,
    "\U0010ffff",
    "\u202e",
    "\x1b[2J",
    "../../etc/passwd",
    "rgb8",
    "16UC1",
    "jpeg",
    "nan",
)
SIZES = (0, 0, 1, 2, 3, 7, 96, 4096, 65_537)
_SEQUENCE = re.compile(r"sequence<(?P<kind>[\w/]+)(<\d+>)?(, (?P<most>\d+))?>")
_ARRAY = re.compile(r"(?P<kind>[\w/]+)\[(?P<size>\d+)\]")


def rubbish(kind: Any, random: Random) -> Any:
    """Return a message of that type with any value in every field."""
    message = kind()
    for name, type_name in kind.get_fields_and_field_types().items():
        setattr(message, name, value(type_name, random))
    return message


def spoilt(message: Any, random: Random) -> Any:
    """Return the message, which must be of the caller's own, with one to three of its fields changed."""
    for _ in range(random.randint(1, 3)):
        owner = message
        while True:
            fields = list(owner.get_fields_and_field_types().items())
            name, type_name = random.choice(fields)
            inner = getattr(owner, name)
            if hasattr(inner, "get_fields_and_field_types") and random.random() < 0.7:
                owner = inner
                continue
            messages = isinstance(inner, list) and inner and hasattr(inner[0], "get_fields_and_field_types")
            if messages and random.random() < 0.7:
                owner = random.choice(inner)
                continue
            break
        setattr(owner, name, value(type_name, random))
    return message


def value(type_name: str, random: Random) -> Any:
    """Return any value of a type as ROS 2 names it."""
    if found := _SEQUENCE.fullmatch(type_name):
        most = int(found["most"]) if found["most"] else max(SIZES)
        return _many(found["kind"], min(most, random.choice(SIZES)), random)
    if found := _ARRAY.fullmatch(type_name):
        values = _many(found["kind"], int(found["size"]), random)
        return np.array(values, dtype=np.dtype(values.typecode)) if isinstance(values, array) else values
    if type_name == "octet":
        return bytes([random.randint(0, 255)])
    if type_name in INTEGERS:
        low, high, _ = INTEGERS[type_name]
        edges = (low, high, 0, 1, 2, high // 2, random.randint(low, high), random.randint(0, 255) % (high + 1))
        return random.choice(edges)
    if type_name in FLOATS:
        most = FLOATS[type_name][1]
        return random.choice((0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, most, -most, random.random()))
    if type_name == "boolean":
        return random.random() < 0.5
    if type_name.startswith("string"):
        return random.choice(STRINGS)
    package, _, name = type_name.partition("/")
    return rubbish(getattr(importlib.import_module(f"{package}.msg"), name), random)


def _many(kind: str, count: int, random: Random) -> Any:
    if kind in INTEGERS:
        code = INTEGERS[kind][2]
        values = array(code)
        if random.random() < 0.3:  # all alike, at an edge
            return array(code, [value(kind, random)]) * count
        values.frombytes(random.randbytes(min(count, 997) * values.itemsize))
        return (values * (count // 997 + 1))[:count] if count > 997 else values
    if kind in FLOATS:
        few = array(FLOATS[kind][0], [value(kind, random) for _ in range(min(count, 7))])
        return (few * (count // max(len(few), 1) + 1))[:count]
    return [value(kind, random) for _ in range(min(count, 7))]
