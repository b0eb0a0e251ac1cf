"""The watchdog without a graph: what it says of a callback that does not come back, and when it ends the process."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray

from mer_ros.nodes import watchdog
from mer_ros.nodes.base import PipelineNode
from mer_ros.nodes.health import ERROR, OK
from mer_ros.nodes.watchdog import BUSY_S, HUNG, Watchdog
from mer_ros.settings.tables import CAMERA


@pytest.fixture
def dog():
    said, ended = [], []
    made = Watchdog("camera", said.append, ended.append)
    made.said, made.ended = said, ended
    yield made
    made.close()


@contextmanager
def watching(dog, what):
    """Gives the time at which it began, so that a busy machine's pauses do not count."""
    with dog.watching(what):
        yield dog._at[1]


def test_what_comes_back_in_time_is_nobodys_business(dog):
    with watching(dog, "image") as begun_s:
        dog.look(begun_s + BUSY_S / 2)
    dog.look(time.monotonic() + 3600)
    assert (dog.said, dog.ended, dog.hangs) == ([], [], 0)


def test_a_hang_is_told_as_long_as_it_lasts_and_counted_once(dog):
    with watching(dog, "image") as begun_s:
        for later_s in (4, 5, 6):
            dog.look(begun_s + later_s)
    assert [said.split(":")[0] for said in dog.said] == [f"busy with one image for {n} s" for n in (4, 5, 6)]
    assert (dog.ended, dog.hangs) == ([], 1)
    with watching(dog, "image") as begun_s:
        dog.look(begun_s + 4)
    assert dog.hangs == 2


def test_what_lasts_too_long_ends_the_process_and_it_is_said_before(dog, capsys):
    dog.limit_s = 10.0
    with watching(dog, "utterance") as begun_s:
        dog.look(begun_s + 9)
        assert dog.ended == []
        assert "after 10 s the node is started again" in dog.said[-1]
        dog.look(begun_s + 11)
    assert dog.ended == [HUNG]
    assert "camera hung in utterance for 11 s" in capsys.readouterr().err


def test_the_thread_ends_with_it(dog):
    dog.close()
    assert not any(thread.name == "camera watchdog" for thread in threading.enumerate())


class SlowNode(PipelineNode):
    """A node whose one callback waits until it is let go."""

    table = CAMERA

    def __init__(self) -> None:
        super().__init__("slow")
        self.let_go = threading.Event()

    def _on_sound(self) -> None:
        self.let_go.wait(30)


def test_a_node_that_hangs_says_so_in_the_diagnostics_meanwhile(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    monkeypatch.setattr(watchdog, "BUSY_S", 0.1)
    rclpy.init()
    node = SlowNode()
    try:
        node.trigger_configure()
        node.trigger_activate()
        told = []
        monkeypatch.setattr(node.health._publisher, "publish", told.append)
        hanging = threading.Thread(target=node.guarded(node._on_sound))
        hanging.start()
        until = time.monotonic() + 20
        while not told and time.monotonic() < until:
            time.sleep(0.05)
        node.let_go.set()
        hanging.join()
        message: DiagnosticArray = told[0]
        assert message.status[0].level == ERROR
        assert message.status[0].message.startswith("busy with one sound for ")
        assert {item.key: item.value for item in message.status[0].values}["state"] == "active"
        assert node._whole_condition().level == OK
        assert node._whole_condition().values["hangs"] == 1
    finally:
        node.destroy_node()
        rclpy.shutdown()
