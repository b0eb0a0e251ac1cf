"""Health on /diagnostics, once a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

OK, WARN, ERROR, STALE = (
    DiagnosticStatus.OK,
    DiagnosticStatus.WARN,
    DiagnosticStatus.ERROR,
    DiagnosticStatus.STALE,
)
OURS = "mer_ros"  # hardware_id of this package's diagnostics


@dataclass
class Condition:
    """How a node is: a level, a sentence, and values worth a look."""

    level: bytes = OK
    message: str = "all is well"
    values: Mapping[str, object] = field(default_factory=dict)


class Health:
    """Publishes a node's condition. It runs on steady time, so that a stopped simulation is seen as well."""

    def __init__(self, node: Node, condition: Callable[[], Condition], period_s: float = 1.0) -> None:
        self._node = node
        self._condition = condition
        self.counts: Counter[str] = Counter()
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = node.create_timer(period_s, self.publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def publish(self) -> None:
        """Publish the condition now."""
        self.tell(self._condition())

    def tell(self, condition: Condition) -> None:
        """Publish this condition, with the counts, in place of the node's own."""
        values = {**condition.values, **dict(self.counts)}
        status = DiagnosticStatus(
            level=condition.level,
            name=self._node.get_fully_qualified_name().lstrip("/"),
            message=condition.message,
            hardware_id=OURS,
            values=[KeyValue(key=str(key), value=str(value)) for key, value in sorted(values.items())],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
