"""Forgetting persons through the nodes, in every state of theirs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import rclpy
from mer_msgs.srv import ForgetPerson
from std_msgs.msg import Empty, String

from mer_ros.nodes.camera import CameraNode
from mer_ros.nodes.fusion import FusionNode


@pytest.fixture(autouse=True)
def ros(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    rclpy.init(args=["--ros-args", "-p", "use_face:=false", "-p", "use_text:=false"])
    yield
    rclpy.try_shutdown()


def forget(node: CameraNode, person: str) -> int:
    return node._forget_person(ForgetPerson.Request(person_id=person), ForgetPerson.Response()).forgotten


def test_a_camera_forgets_in_any_state_and_tells_the_others(monkeypatch) -> None:
    node = CameraNode()
    told: list[str] = []
    monkeypatch.setattr(node._forgotten, "publish", lambda message: told.append(message.data))
    monkeypatch.setattr(node._renumbered, "publish", lambda _: told.append("ids begin anew"))
    assert forget(node, "person-1") == 0  # not configured: it knows nobody, others may
    node.trigger_configure()
    assert told == ["person-1", "ids begin anew"]  # nobody asked to forget everybody
    assert forget(node, "person-7") == 0
    monkeypatch.setattr(node._observer, "forget", lambda person: {"person-1": 1, "": 3}.get(person, 0))
    node.trigger_activate()
    node._annotated.overlay.emotion(SimpleNamespace(face_id=1, is_final=True, transcript=""))
    assert [forget(node, who) for who in ("person-1", "nobody", "")] == [1, 0, 3]
    assert told[2:] == ["person-7", "person-1", "nobody", ""]
    assert not node._annotated.overlay._told  # and is not drawn any more
    node.destroy_node()


def test_a_fusion_forgets_who_is_named_when_it_knows_anybody(monkeypatch) -> None:
    node = FusionNode()
    node._on_forgotten(String(data="person-1"))  # not configured
    node.trigger_configure()
    named: list[str] = []
    monkeypatch.setattr(node._fuser, "forget_person", named.append)
    node._on_forgotten(String(data="person-1"))
    node._on_forgotten(String())
    assert named == ["person-1", ""]
    node._on_renumbered(Empty())  # the camera's process has begun anew
    assert named == ["person-1", "", ""]
    node.destroy_node()
