"""What all lifecycle nodes share: parameters, health, guarded callbacks, transitions."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, ClassVar

from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

from mer_ros.errors import MerError
from mer_ros.memory import give_back
from mer_ros.nodes import arguments, qos
from mer_ros.nodes.guard import Guard
from mer_ros.nodes.health import ERROR, OK, STALE, WARN, Condition, Health
from mer_ros.nodes.parameters import Parameter, Parameters
from mer_ros.nodes.watchdog import Watchdog


class PipelineNode(LifecycleNode):
    """A lifecycle node around stages of the pipeline.

    Declare parameters in `table`; make stages and publishers in `build`; subscribe with `listen` in `start`;
    publish what is left in `stop`. Parameters are read when the node is configured.
    """

    table: ClassVar[tuple[Parameter, ...]] = ()

    def __init__(self, name: str) -> None:
        super().__init__(name, cli_args=arguments.own())
        self.parameters = Parameters(self, self.table)
        self.health = Health(self, self._whole_condition)
        self._watchdog = Watchdog(name, self._tell_hang)
        self.guarded = Guard(self, self.health, self._watchdog)
        self.add_on_set_parameters_callback(self._may_set)
        # rclpy ends the process when a transition is asked for that the state has not (ros2/rclpy issue 1209).
        self._change_state = self._service_change_state.callback
        self._service_change_state.callback = self._on_change_state
        self._label = "unconfigured"
        self._failure = ""
        self._speaking: list[Any] = []
        self._listening: list[Subscription] = []
        self._ticking: list[Any] = []
        if self.parameters["autostart"]:
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._autostart = self.create_timer(0.0, self._bring_up, clock=steady)  # once it is made and spun

    def build(self) -> None:
        """Make stages and publishers from the parameters; raise MerError for what cannot be had."""

    def start(self) -> None:
        """Subscribe, with `listen` and `tick`."""

    def stop(self) -> None:
        """Publish what is left. Subscriptions are gone already."""

    def drop(self) -> None:
        """Let go of what `build` made."""

    def condition(self) -> Condition:
        """Return how this node is while it is active."""
        return Condition()

    @property
    def is_overloaded(self) -> bool:
        """Return whether this node hardly keeps up: then it leaves out what is interim."""
        return self.guarded.busy.is_high

    def now_ns(self) -> int:
        """Return the node's clock: ROS time, which a simulation may drive."""
        return int(self.get_clock().now().nanoseconds)

    def listen(self, kind: Any, topic: str, callback: Callable[..., None], profile: QoSProfile) -> None:
        """Subscribe until the node is deactivated. What comes is counted as `received_<topic>`."""
        guarded, counts, count = self.guarded(callback), self.health.counts, f"received_{topic}"

        def counted(message: Any) -> None:
            counts[count] += 1
            guarded(message)

        overridable = qos.overridable()
        self._listening.append(
            self.create_subscription(kind, topic, counted, profile, qos_overriding_options=overridable)
        )

    def tick(self, period_s: float, callback: Callable[[], None]) -> None:
        """Call back until the node is deactivated, at a period of simulated time, or of steady time without any.

        A timer of ROS time that is not simulated stands still when the system's clock is set back.
        """
        simulated = self.get_parameter("use_sim_time").value
        clock = self.get_clock() if simulated else Clock(clock_type=ClockType.STEADY_TIME)
        self._ticking.append(self.create_timer(period_s, self.guarded(callback), clock=clock))

    def speak(self, kind: Any, topic: str, profile: QoSProfile, part: str | None = None) -> Any:
        """Return a publisher that is silent unless the node is active; `part` names one of several of a topic."""
        overridable = qos.overridable(part)
        publisher = self.create_lifecycle_publisher(kind, topic, profile, qos_overriding_options=overridable)
        self._speaking.append(publisher)
        return publisher

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Build; a failure leaves the node unconfigured and says why."""
        self._watchdog.limit_s = self.parameters["hang_limit_s"]
        if not self._attempt(self.build):
            self._release()
            return TransitionCallbackReturn.FAILURE
        give_back()  # what opening models took
        self._label = "inactive"
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start to listen."""
        super().on_activate(state)  # publishers first, so that nothing heard is swallowed
        if not self._attempt(self.start):
            self._silence()
            super().on_deactivate(state)
            return TransitionCallbackReturn.FAILURE
        self._label = "active"
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop to listen, and publish what is left."""
        self._silence()
        self.guarded(self.stop)()
        self._label = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of everything but the parameters."""
        self._release()
        self._label = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End from any state."""
        self._silence()
        if self._label == "active":
            self.guarded(self.stop)()
        self._release()
        self._label = "finalized"
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to the beginning after a fault in a transition."""
        self._silence()
        self._release()
        self._label = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """End the watchdog first."""
        self._watchdog.close()
        super().destroy_node()

    def _bring_up(self) -> None:
        self.destroy_timer(self._autostart)
        done = TransitionCallbackReturn.SUCCESS
        if self.trigger_configure() == done and self.trigger_activate() == done:
            self.get_logger().info("active by itself")

    def _tell_hang(self, sentence: str) -> None:
        # From the watchdog's thread: what the stages count may be in the making.
        self.health.tell(Condition(ERROR, sentence, {"state": self._label}))

    def _attempt(self, action: Callable[[], None]) -> bool:
        """Return whether `action` went well; why not is shown in the diagnostics, and logged once while it stays so."""
        before, self._failure = self._failure, ""
        try:
            action()
        except MerError as error:
            self._failure = said = str(error)
        except Exception as error:
            self._failure, said = f"{type(error).__name__}: {error}", traceback.format_exc()
        else:
            return True
        if self._failure != before:
            self.get_logger().error(said)
        return False

    def _on_change_state(self, request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
        open_to = {(identity, label) for identity, label, *_ in self._state_machine.available_transitions}
        wanted = request.transition
        if not any(wanted.id == identity or wanted.label == label for identity, label in open_to):
            self.get_logger().warning(
                f"no transition {wanted.label or wanted.id} from state {self._label}; there are: "
                + ", ".join(sorted(label for _, label in open_to))
            )
            response.success = False
            return response
        answer: ChangeState.Response = self._change_state(request, response)
        return answer

    def _silence(self) -> None:
        for subscription in self._listening:
            self.destroy_subscription(subscription)
        for timer in self._ticking:
            self.destroy_timer(timer)
        self._listening, self._ticking = [], []

    def _release(self) -> None:
        self.drop()
        for publisher in self._speaking:
            self.destroy_lifecycle_publisher(publisher)
        self._speaking = []

    def _may_set(self, parameters: list[Any]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name not in {item.name for item in self.table}:
                continue
            if self._label != "unconfigured":
                reason = f"{parameter.name} is read when the node is configured: clean the node up first"
                return SetParametersResult(successful=False, reason=reason)
            problem = self.parameters.check(parameter.name, parameter.value)
            if problem:
                return SetParametersResult(successful=False, reason=problem)
        return SetParametersResult(successful=True)

    def _whole_condition(self) -> Condition:
        if self._failure:
            return Condition(ERROR, self._failure, {"state": self._label})
        if self._label != "active":
            return Condition(STALE, f"not active: {self._label}", {"state": self._label})
        condition = self.condition()
        if self.health.counts["faults"] and condition.level == OK:
            condition = Condition(WARN, "faults happened, see the log", condition.values)
        more = {"busy_percent": round(100 * self.guarded.busy.share), "state": self._label}
        if self._watchdog.hangs:
            more["hangs"] = self._watchdog.hangs
        return Condition(condition.level, condition.message, {**condition.values, **more})
