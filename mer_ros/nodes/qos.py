"""Quality of service of each topic, by name. All can be overridden by parameters."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions


def images(reliability: str = "best_effort", depth: int = 5) -> QoSProfile:
    """Sensor data: the newest frames count, a lost one is no harm."""
    return _profile(depth, reliability)


def audio() -> QoSProfile:
    """No chunk may be lost, also when the machine is busy with others: ten seconds at 50 chunks a second."""
    return _profile(512)


def events() -> QoSProfile:
    """Utterances, transcripts and final windows: all of them, in order.

    An utterance is told in five pieces a second: this keeps those of the 20 s after which a host is given up.
    """
    return _profile(128)


def glances() -> QoSProfile:
    """Interim windows: only the newest of each face count; after a gap they must not keep the final ones waiting."""
    return _profile(16)


def emotions() -> QoSProfile:
    """Final emotions: who comes late still gets the last ones."""
    return _profile(8, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def interim() -> QoSProfile:
    """Interim emotions: only the newest of each person counts; those of all come at once."""
    return _profile(64, "best_effort")


def humans() -> QoSProfile:
    """What REP-155 asks for: listeners there take a publisher's defaults, reliable with a short queue."""
    return _profile(10)


def told() -> QoSProfile:
    """What other packages publish: best effort takes it from publishers of either kind."""
    return _profile(10, "best_effort")


def latched() -> QoSProfile:
    """The last word of something that seldom changes, also for who comes late."""
    return _profile(1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def forgotten() -> QoSProfile:
    """Who is to be forgotten: nobody may be missed, not even by a node that starts later."""
    return _profile(32, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def overridable(part: str | None = None) -> QoSOverridingOptions:
    """Let `qos_overrides.<topic>.<publisher|subscription>[_<part>].<policy>` parameters change a profile."""
    return QoSOverridingOptions.with_default_policies(entity_id=part)


def _profile(
    depth: int,
    reliability: str = "reliable",
    durability: DurabilityPolicy = DurabilityPolicy.VOLATILE,
) -> QoSProfile:
    policy = ReliabilityPolicy.RELIABLE if reliability == "reliable" else ReliabilityPolicy.BEST_EFFORT
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=policy, durability=durability)
