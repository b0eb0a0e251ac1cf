"""Parameters with a text, a default, and what is accepted; one table for a node."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from mer_ros.errors import OptionError


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

    @property
    def descriptor(self) -> ParameterDescriptor:
        """What `ros2 param describe` shows."""
        descriptor = ParameterDescriptor(name=self.name, description=self.text)
        if self.choices:
            descriptor.additional_constraints = "one of: " + ", ".join(self.choices)
        if self.low is not None and self.high is not None:
            if isinstance(self.default, float):
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=float(self.low), to_value=float(self.high))
                ]
            else:
                descriptor.integer_range = [IntegerRange(from_value=int(self.low), to_value=int(self.high), step=1)]
        return descriptor

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


class Parameters:
    """The declared parameters of a node, read by name or by group."""

    def __init__(self, node: Node, table: Iterable[Parameter]) -> None:
        self._node = node
        self._table = {item.name: item for item in table}
        for item in self._table.values():
            node.declare_parameter(item.name, item.default, item.descriptor)

    def __getitem__(self, name: str) -> Any:
        value = self._node.get_parameter(name).value
        problem = self._table[name].check(value)
        if problem:
            raise OptionError(problem)
        return value

    def group(self, prefix: str) -> dict[str, Any]:
        """Return the parameters below `prefix.` by their last name: the fields of an options dataclass."""
        start = prefix + "."
        return {name.removeprefix(start): self[name] for name in self._table if name.startswith(start)}

    def check(self, name: str, value: Any) -> str:
        """Return why this node does not accept `value`, or an empty text; other parameters are none of ours."""
        item = self._table.get(name)
        return item.check(value) if item else ""
