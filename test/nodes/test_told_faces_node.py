"""The camera node with faces that another node tracks, without a graph: subscriptions come and go with the ids."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

import message_standins as standins
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn

from mer_ros.nodes import camera, told
from mer_ros.nodes.conversions.vision import image_message

S = 1_000_000_000
START = 1_700_000_000 * S
TYPES = {
    "hri_msgs/msg/IdsList": standins.IDS_LIST,
    "hri_msgs/msg/NormalizedRegionOfInterest2D": standins.NORMALIZED_REGION,
}
IMAGE = np.random.default_rng(1).integers(0, 256, (120, 160, 3)).astype(np.uint8)


@pytest.fixture
def made(monkeypatch):
    """Make an active camera node where these types are installed; `node.topics` takes what comes, by topic."""
    nodes = []

    def make(types, *arguments):
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
        monkeypatch.setattr(told, "found_type", types.get)
        rclpy.init(args=["--ros-args", "-p", "faces_from:=humans", "-p", "detector:=none", *arguments])
        node = camera.CameraNode()
        nodes.append(node)
        node.topics, node.windows = {}, []
        create, destroy = node.create_subscription, node.destroy_subscription

        def subscribe(kind, topic, callback, profile, **how):
            if not topic.startswith("/humans"):
                return create(kind, topic, callback, profile, **how)
            assert topic not in node.topics
            node.topics[topic] = callback
            return topic

        def unsubscribe(subscription):
            if isinstance(subscription, str):
                del node.topics[subscription]
            else:
                destroy(subscription)

        if node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            monkeypatch.setattr(node, "create_subscription", subscribe)
            monkeypatch.setattr(node, "destroy_subscription", unsubscribe)
            for publisher in (node._window, node._glance):  # final and interim ones
                monkeypatch.setattr(publisher, "publish", node.windows.append)
            node.trigger_activate()
        return node

    yield make
    for node in nodes:
        monkeypatch.undo()
        node.destroy_node()
    rclpy.try_shutdown()


def track(node, *names):
    node.topics["/humans/faces/tracked"](standins.IDS_LIST(ids=list(names)))


def tell(node, name, stamp_ns, left=0.25):
    edges = {"xmin": left, "ymin": 0.25, "xmax": left + 0.25, "ymax": 0.75}
    region = standins.NORMALIZED_REGION(header=standins.stamped(stamp_ns), **edges, c=0.9)
    node.topics[f"/humans/faces/{name}/roi"](region)


def see(node, stamp_ns):
    node.guarded(node._on_image)(image_message(IMAGE, stamp_ns))


def test_faces_that_are_tracked_elsewhere_are_seen_here(made):
    node = made(TYPES)
    track(node, "ada", "ben")
    for n in range(30):
        stamp_ns = START + n * S // 20
        tell(node, "ada", stamp_ns)
        tell(node, "ben", stamp_ns, left=0.6)
        see(node, stamp_ns)
    assert {window.track_id for window in node.windows} == {1, 2}
    box = node.windows[-1].samples[-1].box
    assert (box.y_offset, box.width, box.height) == (30, 40, 60)
    counts = node.condition().values
    assert counts["frames_with_told_faces"] == counts["detections_run"] > 0


def test_without_a_face_near_in_time_nothing_is_found_and_that_is_counted(made):
    node = made(TYPES)
    track(node, "ada")
    for n in range(30):
        tell(node, "ada", START - 5 * S)
        see(node, START + n * S // 20)
    assert not any(window.track_id for window in node.windows)
    assert node.condition().values["frames_without_told_faces"] > 0


def test_subscriptions_come_and_go_with_the_ids(made):
    node = made(TYPES, "-p", "told.max_faces:=4")
    track(node, *(f"id{n}" for n in range(100)))
    assert sorted(node.topics) == sorted(["/humans/faces/tracked", *(f"/humans/faces/id{n}/roi" for n in range(4))])
    track(node, "id3", "id7")
    assert sorted(node.topics) == ["/humans/faces/id3/roi", "/humans/faces/id7/roi", "/humans/faces/tracked"]
    node.trigger_deactivate()
    assert not any(topic.endswith("/roi") for topic in node.topics)


def test_ids_that_are_no_part_of_a_topic_are_counted(made):
    node = made(TYPES)
    track(node, "23bd5", "a b", "", "ada/roi", "x" * 65, "ada")
    assert [topic for topic in node.topics if topic.endswith("/roi")] == ["/humans/faces/ada/roi"]
    assert node.condition().values["told_ids_refused"] == 5


def test_a_region_that_cannot_be_is_counted_and_the_next_one_taken(made):
    node = made(TYPES)
    track(node, "ada")
    node.topics["/humans/faces/ada/roi"](standins.NORMALIZED_REGION())
    assert node.health.counts["refused"] == 1
    for n in range(30):
        tell(node, "ada", START + n * S // 20)
        see(node, START + n * S // 20)
    assert any(window.track_id for window in node.windows)


def test_frames_that_wait_at_the_end_are_seen(made):
    node = made(TYPES)
    track(node, "ada")
    tell(node, "ada", START)
    see(node, START + 1)
    assert "frames" not in node.condition().values
    node.trigger_deactivate()
    assert (node._eye.counts["frames"], node._told.counts["frames_with_told_faces"]) == (1, 1)


def test_without_hri_msgs_a_sentence_says_what_is_missing(made):
    node = made({})
    assert "hri_msgs is not installed" in node.health._condition().message
