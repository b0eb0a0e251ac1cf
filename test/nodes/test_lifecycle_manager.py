"""The lifecycle manager's decisions, tick by tick, on nodes that a test plays."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

import rclpy
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.task import Future

from mer_ros.nodes import lifecycle_manager
from mer_ros.nodes.lifecycle_manager import LifecycleManager, Ward

UNCONFIGURED, INACTIVE, ACTIVE = 1, 2, 3
AFTER = {
    Transition.TRANSITION_CONFIGURE: INACTIVE,
    Transition.TRANSITION_ACTIVATE: ACTIVE,
}


class Played:
    """A lifecycle node that answers at once, or not at all.

    silent: it hears nothing, or its answers are lost. lost: so many of its next answers are lost. asked: transitions.
    """

    def __init__(self, state: int = UNCONFIGURED) -> None:
        self.state = state
        self.there, self.refuses, self.silent = True, False, False
        self.endpoints = frozenset({b"first life"})
        self.lost = 0
        self.asked: list[int] = []

    def service_is_ready(self) -> bool:
        return self.there

    def call_async(self, request) -> Future:
        future = Future()
        if isinstance(request, GetState.Request):
            answer = GetState.Response(current_state=State(id=self.state))
        else:
            self.asked.append(request.transition.id)
            if not self.refuses:
                self.state = AFTER[request.transition.id]
            answer = ChangeState.Response(success=not self.refuses)
        if self.lost:
            self.lost -= 1
        elif not self.silent:
            future.set_result(answer)
        return future


@pytest.fixture
def nodes() -> dict[str, Played]:
    return {name: Played() for name in ("first", "second", "third")}


@pytest.fixture
def make_manager(nodes, monkeypatch):
    made = []
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init(args=["--ros-args", "-p", "nodes:=[first, second, third]"])

    class Manager(LifecycleManager):
        def _ward(self, name: str) -> Ward:
            return Ward(name, nodes[name], nodes[name], lambda: nodes[name].endpoints)

    def make() -> LifecycleManager:
        made.append(Manager())
        return made[-1]

    yield make
    for manager in made:
        manager.destroy_node()
    rclpy.shutdown()


def tick(manager: LifecycleManager, seconds: float) -> None:
    for _ in range(round(seconds / 0.1)):
        manager._tick()


def states(nodes) -> list[int]:
    return [node.state for node in nodes.values()]


def test_nodes_are_brought_up_in_order(nodes, make_manager):
    nodes["first"].there = False
    manager = make_manager()
    tick(manager, 3)
    assert states(nodes) == [UNCONFIGURED] * 3
    nodes["first"].there = True
    tick(manager, 3)
    assert states(nodes) == [ACTIVE] * 3
    assert manager._condition().message == "all nodes are active"


def test_who_answers_at_once_is_not_kept_waiting_for_ticks(nodes, make_manager):
    tick(make_manager(), 0.1)
    assert states(nodes) == [ACTIVE] * 3
    assert all(
        node.asked == [Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE] for node in nodes.values()
    )


def test_a_node_that_refuses_does_not_silence_those_after_it(nodes, make_manager):
    nodes["second"].refuses = True
    manager = make_manager()
    tick(manager, 3)
    assert states(nodes) == [ACTIVE, UNCONFIGURED, ACTIVE]
    assert manager._condition().message == "not active: second (refuses, see its log)"
    tries = len(nodes["second"].asked)
    tick(manager, 30)
    assert tries < len(nodes["second"].asked) <= tries + 6  # more and more seldom
    nodes["second"].refuses = False
    tick(manager, 31)
    assert states(nodes) == [ACTIVE] * 3
    assert manager._condition().message == "all nodes are active"


def test_a_node_that_never_comes_is_waited_for_some_seconds(nodes, make_manager):
    nodes["first"].there = False
    manager = make_manager()
    tick(manager, lifecycle_manager._TURN_TICKS * 0.1 + 3)
    assert states(nodes) == [UNCONFIGURED, ACTIVE, ACTIVE]
    assert "first" in manager._condition().message
    nodes["first"].there = True
    tick(manager, 3)
    assert states(nodes) == [ACTIVE] * 3


def test_a_node_that_somebody_deactivated_is_left_so_even_by_a_fresh_manager(nodes, make_manager):
    manager = make_manager()
    tick(manager, 3)
    nodes["second"].state = INACTIVE
    tick(manager, 5)
    assert states(nodes) == [ACTIVE, INACTIVE, ACTIVE]
    nodes["third"].state = UNCONFIGURED  # came back after a crash, while there was no manager
    fresh = make_manager()
    tick(fresh, 5)
    assert states(nodes) == [ACTIVE, INACTIVE, ACTIVE]
    assert "second" in fresh._condition().message


def test_a_node_that_came_back_after_a_crash_is_brought_up_again(nodes, make_manager):
    manager = make_manager()
    tick(manager, 3)
    nodes["second"].there = False
    tick(manager, 3)
    nodes["second"].there, nodes["second"].state, nodes["second"].endpoints = True, UNCONFIGURED, frozenset({b"second"})
    tick(manager, 3)
    assert states(nodes) == [ACTIVE] * 3
    assert manager.health.counts["brought_up_again"] == 1


def test_a_node_that_has_brought_itself_up_again_is_told_and_asked_for_nothing(nodes, make_manager):
    manager, second = make_manager(), nodes["second"]
    tick(manager, 3)
    asked = list(second.asked)
    second.endpoints |= {b"second life"}
    tick(manager, 3)
    assert second.asked == asked
    assert manager.health.counts["brought_up_again"] == 1
    assert manager._condition().message == "all nodes are active"


def test_what_was_cleaned_up_by_hand_is_left_so_until_it_is_up_again_or_made_anew(nodes, make_manager):
    manager, second = make_manager(), nodes["second"]
    tick(manager, 3)
    for state in (INACTIVE, UNCONFIGURED, INACTIVE, UNCONFIGURED):
        second.state = state
        tick(manager, 5)
        assert second.state == state
        assert manager._condition().message == "not active: second (brought down by hand)"
    second.state = ACTIVE  # by hand as well
    tick(manager, 3)
    assert manager._condition().message == "all nodes are active"
    second.state = UNCONFIGURED  # at once from active to here, before the manager looks
    tick(manager, 5)
    assert second.state == UNCONFIGURED
    second.endpoints |= {b"second life"}  # those of a process that was killed are known for a while
    tick(manager, 3)
    assert states(nodes) == [ACTIVE] * 3
    assert manager.health.counts["brought_up_again"] == 1


@pytest.mark.filterwarnings("error")  # rclpy makes a warning of what a done callback raises
@pytest.mark.parametrize("state", [UNCONFIGURED, ACTIVE])
def test_a_node_that_hangs_is_given_up_without_a_fault_and_asked_again(nodes, make_manager, state):
    nodes["second"].state, nodes["second"].silent = state, True
    manager = make_manager()
    tick(manager, 9)
    assert manager._condition().values["second"] == "unknown"
    nodes["second"].silent = False
    tick(manager, 9)
    assert states(nodes) == [ACTIVE] * 3


CONFIGURE, ACTIVATE = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("heard", [1, 2, 3, 4])
def test_after_a_lost_answer_the_state_tells_how_to_go_on(nodes, make_manager, heard):
    """A node is asked four times: state, configure, state, activate, and then watched; any answer may be lost."""
    manager = make_manager()
    second = nodes["second"]
    answer, calls = second.call_async, []

    def call(request) -> Future:
        calls.append(request)
        second.lost = int(len(calls) == heard)
        return answer(request)

    second.call_async = call
    tick(manager, 9)
    assert states(nodes) == [ACTIVE] * 3
    assert second.asked == [CONFIGURE, ACTIVATE]  # what was done is not asked for twice
    assert manager.health.counts["unanswered_requests"] == 1
    assert manager.health.counts["refused_transitions"] == manager.health.counts["faults"] == 0
    assert manager._condition().message == "all nodes are active"


def test_a_node_whose_refusals_are_lost_is_asked_again_and_does_not_silence_those_after_it(nodes, make_manager):
    nodes["second"].refuses, answer = True, nodes["second"].call_async

    def call(request) -> Future:
        nodes["second"].lost = int(isinstance(request, ChangeState.Request))
        return answer(request)

    nodes["second"].call_async = call
    manager = make_manager()
    tick(manager, lifecycle_manager._TURN_TICKS * 0.1 + 3)
    assert states(nodes) == [ACTIVE, UNCONFIGURED, ACTIVE]
    nodes["second"].refuses = False
    tick(manager, 15)  # its consent is lost as well
    assert states(nodes) == [ACTIVE] * 3


def test_a_fresh_node_is_asked_at_once_whoever_does_not_answer(nodes, make_manager):
    """One that was killed seems to be there for a while: what it is asked gets no answer."""
    manager = make_manager()
    tick(manager, 1)
    assert states(nodes) == [ACTIVE] * 3
    second = nodes["second"]
    second.silent = True
    tick(manager, 10)  # the manager waits for the answer of one who is gone
    unanswered = manager.health.counts["unanswered_requests"]
    second.silent, second.state, second.endpoints = False, UNCONFIGURED, second.endpoints | {b"second life"}
    tick(manager, 0.3)
    assert states(nodes) == [ACTIVE] * 3
    assert manager.health.counts["unanswered_requests"] == unanswered  # what the dead one was asked is not lost


def test_a_node_that_is_found_only_after_it_was_asked_is_no_fresh_one(nodes, make_manager):
    first = nodes["first"]
    first.endpoints, first.silent = frozenset(), True
    manager = make_manager()
    tick(manager, 0.1)
    request = manager._wards[0].asked
    first.endpoints = frozenset({b"first life"})
    tick(manager, 0.2)
    assert manager._wards[0].asked is request
    first.endpoints |= {b"second life"}
    tick(manager, 0.1)
    assert manager._wards[0].asked is not request
    assert manager.health.counts["unanswered_requests"] == 0


def test_the_state_of_a_node_that_is_slow_to_answer_is_waited_for_ever_longer(nodes, make_manager):
    nodes["first"].silent = True
    manager = make_manager()
    tick(manager, 20)
    assert manager.health.counts["unanswered_requests"] in (5, 6)  # after 0.5, 1, 2, 4, 5 and 5 s
