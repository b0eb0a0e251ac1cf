"""Brings lifecycle nodes up in order, and up again when one comes back after a crash.

It asks each node for its state, and for the next transition towards `active`; nothing else. An answer may be lost, as
a server drops it that has not found the reader of its client in time: after some seconds without one the state is
looked at, and tells how to go on; at once when a fresh node of that name has come, as one that was killed seems to be
there for a while. A node that refuses a transition is tried again more and more seldom, and those after it are brought
up meanwhile. Only what this manager has configured itself, and has not seen active since, is
activated: a node that was deactivated by somebody else is left alone, also by a manager that has been started again.
An unconfigured node is brought up, as that is what a node may be after a crash; but not if it is the same that was
seen active: then somebody has cleaned it up. A node is the same while its endpoints are: one that is made anew, in a
new process or in an old one, has others. A manager that has been started again cannot know that, and brings it up.
A node that `mer run` or the launch file has started again does not wait for all that: it brings itself up.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from mer_ros.nodes import arguments
from mer_ros.nodes.guard import Guard
from mer_ros.nodes.health import OK, WARN, Condition, Health
from mer_ros.nodes.parameters import Parameter, Parameters
from mer_ros.nodes.process import spin

_PERIOD_S = 0.1
_ANSWER_TICKS = 50  # a request without an answer for so long is given up
_STATE_TICKS = 5  # likewise one for the state, twice as long each time: it may have come before the node could take it
_FIRST_PAUSE, _LONGEST_PAUSE = 10, 300  # ticks between tries to configure a node that refuses
_TURN_TICKS = 150  # those after a node wait for it so long at most


@dataclass
class Ward:
    """A node in our care.

    turn: ticks that those after it have waited for it. passed: they wait no longer.
    ours: we have asked it to configure itself, and not seen it active since. refused: our last request.
    endpoints: identifies the nodes of this name; of one that was killed for a while as well. known: those of them that
    were there when it was seen up. left: it is as somebody else wants it.
    there: those of them that were there when it was asked. patience: ticks that its state is waited for.
    """

    name: str
    get_state: Any
    change_state: Any
    endpoints: Callable[[], frozenset[bytes]]
    state: int = State.PRIMARY_STATE_UNKNOWN
    asked: Any = None  # the request under way
    asked_ticks: int = 0
    changing: bool = False  # it is one for a transition
    brought_up: bool = False
    ours: bool = False
    refused: bool = False
    known: frozenset[bytes] = frozenset()
    left: bool = False
    there: frozenset[bytes] = frozenset()
    patience: int = _STATE_TICKS
    passed: bool = False
    turn: int = 0
    pause: int = _FIRST_PAUSE
    wait: int = 0

    @property
    def why(self) -> str:
        """What is said of a node that is not active, behind its name."""
        return " (brought down by hand)" if self.left else " (refuses, see its log)" if self.refused else ""


class LifecycleManager(Node):
    """One request at a time for each node; a node is brought up when all before it are active, or refuse to be."""

    table = (
        Parameter("nodes", [""], "lifecycle nodes to bring up, in this order, in the manager's own namespace"),
        Parameter("check_period_s", 1.0, "how often the state of an active node is looked at", 0.1, 60.0),
    )

    def __init__(self) -> None:
        super().__init__("lifecycle_manager", cli_args=arguments.own())
        parameters = Parameters(self, self.table)
        self._check_ticks = max(1, round(parameters["check_period_s"] / _PERIOD_S))
        self._wards = [self._ward(name) for name in parameters["nodes"] if name]
        self.health = Health(self, self._condition)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self.create_timer(_PERIOD_S, Guard(self, self.health)(self._tick), clock=steady)

    def _ward(self, name: str) -> Ward:
        return Ward(
            name,
            self.create_client(GetState, f"{name}/get_state"),
            self.create_client(ChangeState, f"{name}/change_state"),
            lambda: self._endpoints(f"{name}/transition_event"),
        )

    def _endpoints(self, topic: str) -> frozenset[bytes]:
        return frozenset(bytes(info.endpoint_gid) for info in self.get_publishers_info_by_topic(topic))

    def _tick(self) -> None:
        for ward in self._wards:
            self._care(ward)
            if not ward.passed:
                ward.turn += 1
                if ward.turn <= _TURN_TICKS:
                    return  # those after it wait
                ward.passed = True
                self.get_logger().warning(f"{ward.name} does not come up; those after it no longer wait for it")

    def _go_on(self) -> None:
        """Take the next step at once: ticks would add half a second to the start of each node."""
        for ward in self._wards:
            if ward.asked is None and not ward.wait and not ward.brought_up:
                self._care(ward)
            if not ward.passed:
                return

    def _care(self, ward: Ward) -> None:
        if ward.asked is not None:
            ward.asked_ticks += 1
            patience = _ANSWER_TICKS if ward.changing else ward.patience
            there = ward.endpoints()
            is_fresh = bool(ward.there) and not there <= ward.there
            ward.there = ward.there or there  # a node that runs may be found only after it was asked
            if ward.asked_ticks > patience or is_fresh:
                given_up, ward.asked, ward.state = ward.asked, None, State.PRIMARY_STATE_UNKNOWN
                given_up.cancel()  # calls back at once
                ward.patience = _STATE_TICKS if is_fresh else min(2 * ward.patience, _ANSWER_TICKS)
                self.health.counts["unanswered_requests"] += not is_fresh
            return
        if ward.wait > 0:
            ward.wait -= 1
            return
        if not (ward.get_state.service_is_ready() and ward.change_state.service_is_ready()):
            ward.state = State.PRIMARY_STATE_UNKNOWN
            return
        if ward.state == State.PRIMARY_STATE_UNCONFIGURED and not ward.left:
            self._change(ward, Transition.TRANSITION_CONFIGURE)
        elif ward.state == State.PRIMARY_STATE_INACTIVE and ward.ours:
            self._change(ward, Transition.TRANSITION_ACTIVATE)
        else:
            ward.changing = False
            self._ask(ward, ward.get_state.call_async(GetState.Request()), self._on_state)

    def _change(self, ward: Ward, transition: int) -> None:
        ward.brought_up, ward.ours, ward.changing = False, True, True
        request = ChangeState.Request(transition=Transition(id=transition))
        self._ask(ward, ward.change_state.call_async(request), self._on_change)

    def _ask(self, ward: Ward, future: Any, answer: Any) -> None:
        ward.asked, ward.asked_ticks, ward.there = future, 0, ward.endpoints()

        def answered(done: Any) -> None:
            if ward.asked is done:
                ward.asked, before, ward.patience = None, ward.state, _STATE_TICKS
                answer(ward, done.result())
                if ward.state != before:
                    self._go_on()

        future.add_done_callback(answered)

    def _on_state(self, ward: Ward, response: GetState.Response) -> None:
        ward.state = response.current_state.id
        if ward.state == State.PRIMARY_STATE_ACTIVE:
            if ward.brought_up and not ward.left and ward.known and not ward.endpoints() <= ward.known:
                self._came_back(ward, "is active again")
            if not ward.brought_up or ward.left:
                ward.brought_up, ward.pause, ward.ours, ward.left = True, _FIRST_PAUSE, False, False
                ward.passed, ward.refused = True, False
                self.get_logger().info(f"{ward.name} is active")
            ward.known, ward.wait = ward.endpoints(), self._check_ticks
        elif self._is_wanted_so(ward):
            if not ward.left:
                self.get_logger().warning(f"{ward.name} was found {_label(ward.state)} and is left so")
            ward.left, ward.passed, ward.wait = True, True, self._check_ticks
        elif ward.state == State.PRIMARY_STATE_UNCONFIGURED:
            ward.left = False
            if ward.brought_up:
                self._came_back(ward, "is brought up again")

    def _came_back(self, ward: Ward, how: str) -> None:
        self.get_logger().warning(f"{ward.name} came back and {how}")
        self.health.counts["brought_up_again"] += 1

    def _is_wanted_so(self, ward: Ward) -> bool:
        """Whether somebody else has brought the node to the state that it is in."""
        if ward.state == State.PRIMARY_STATE_UNCONFIGURED:
            there = ward.endpoints()
            return ward.brought_up and bool(there) and there <= ward.known
        if ward.state == State.PRIMARY_STATE_INACTIVE and not ward.ours:
            ward.brought_up, ward.known = True, ward.endpoints()
            return True
        return ward.state == State.PRIMARY_STATE_FINALIZED

    def _on_change(self, ward: Ward, response: ChangeState.Response) -> None:
        ward.state = State.PRIMARY_STATE_UNKNOWN  # look before the next step
        if not response.success:
            if not ward.refused:  # why, its own log says
                self.get_logger().info(f"{ward.name} refuses a transition; it is asked again more and more seldom")
            self.health.counts["refused_transitions"] += 1
            ward.refused = ward.passed = True
            ward.wait, ward.pause = ward.pause, min(ward.pause * 2, _LONGEST_PAUSE)

    def _condition(self) -> Condition:
        waiting = [ward.name + ward.why for ward in self._wards if ward.state != State.PRIMARY_STATE_ACTIVE]
        values = {ward.name: _label(ward.state) for ward in self._wards}
        if waiting:
            return Condition(WARN, f"not active: {', '.join(waiting)}", values)
        return Condition(OK, "all nodes are active", values)


def _label(state: int) -> str:
    return {1: "unconfigured", 2: "inactive", 3: "active", 4: "finalized"}.get(state, "unknown")


def main() -> int:
    """Run the node; return the exit code of the process."""
    return spin(LifecycleManager)


if __name__ == "__main__":
    sys.exit(main())
