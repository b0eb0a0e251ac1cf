"""The parameters that a node declares; one table for a node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from mer_ros.errors import OptionError
from mer_ros.settings.parameter import Parameter, table_of

__all__ = ["Parameter", "Parameters", "describe", "table_of"]


def describe(item: Parameter) -> ParameterDescriptor:
    """What `ros2 param describe` shows."""
    descriptor = ParameterDescriptor(name=item.name, description=item.text)
    if item.choices:
        descriptor.additional_constraints = "one of: " + ", ".join(item.choices)
    if item.low is not None and item.high is not None:
        if isinstance(item.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(item.low), to_value=float(item.high))
            ]
        else:
            descriptor.integer_range = [IntegerRange(from_value=int(item.low), to_value=int(item.high), step=1)]
    return descriptor


class Parameters:
    """The declared parameters of a node, read by name or by group."""

    def __init__(self, node: Node, table: Iterable[Parameter]) -> None:
        self._node = node
        self._table = {item.name: item for item in table}
        for item in self._table.values():
            node.declare_parameter(item.name, item.default, describe(item))

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
