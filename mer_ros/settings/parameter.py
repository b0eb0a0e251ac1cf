"""A parameter: a text, a default, and what is accepted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Parameter:
    """One parameter of a node.

    name: dots group it. default: also fixes its type. text: for `ros2 param describe`.
    low, high: accepted range of a number. choices: accepted values of a string; empty means any.
    """

    name: str
    default: Any
    text: str
    low: float | None = None
    high: float | None = None
    choices: Sequence[str] = ()

    def check(self, value: Any) -> str:
        """Return why `value` is not accepted, or an empty text."""
        if self.choices and value not in self.choices:
            return f"{self.name} is '{value}'; choose one of: {', '.join(self.choices)}"
        if self.low is not None and self.high is not None and not self.low <= value <= self.high:
            return f"{self.name} is {value}; it must lie in {self.low}..{self.high}"
        if isinstance(value, float) and not math.isfinite(value):
            return f"{self.name} is {value}; it must be a finite number"
        return ""


def table_of(prefix: str, options: Any, texts: Mapping[str, tuple[Any, ...]]) -> tuple[Parameter, ...]:
    """Return a parameter `prefix.field` for each field of an options dataclass that `texts` names.

    options: an instance with the defaults. texts: field name to (text) or (text, low, high).
    """
    return tuple(Parameter(f"{prefix}.{name}", getattr(options, name), *described) for name, described in texts.items())


class Values(Protocol):
    """The values of a node's parameters, whether a node holds them or a file."""

    def __getitem__(self, name: str) -> Any:
        """The value of that name."""

    def group(self, prefix: str) -> dict[str, Any]:
        """The values below `prefix.` by their last name: the fields of an options dataclass."""
