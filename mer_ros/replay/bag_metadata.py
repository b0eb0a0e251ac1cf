"""What rosbag2 tells of a bag beside its messages (version 9 of its metadata, as of Jazzy)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

VERSION = 9
_FOREVER = {"sec": 9223372036, "nsec": 854775807}


@dataclass
class BagTopic:
    """A topic of a bag. digest: hash of the type (REP 2016). qos: profiles of the publishers. count: messages."""

    name: str
    type_name: str
    digest: str = ""
    qos: tuple[dict[str, Any], ...] = ()
    count: int = 0


def qos_profile(
    depth: int, *, reliability: str = "reliable", durability: str = "volatile", history: str = "keep_last"
) -> dict[str, Any]:
    """A profile as bags carry it, so that a player can offer what the publisher offered."""
    return {
        "history": history,
        "depth": depth,
        "reliability": reliability,
        "durability": durability,
        "deadline": dict(_FOREVER),
        "lifespan": dict(_FOREVER),
        "liveliness": "automatic",
        "liveliness_lease_duration": dict(_FOREVER),
        "avoid_ros_namespace_conventions": False,
    }


def bag_metadata(file: str, topics: Sequence[BagTopic], start_ns: int, end_ns: int) -> dict[str, Any]:
    """The mapping `rosbag2_bagfile_information` of a bag of one MCAP file."""
    count = sum(topic.count for topic in topics)
    return {
        "version": VERSION,
        "storage_identifier": "mcap",
        **_extent(start_ns, end_ns, count),
        "topics_with_message_count": [_topic(topic) for topic in topics],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [file],
        "files": [{"path": file, **_extent(start_ns, end_ns, count)}],
        "custom_data": None,
        "ros_distro": "unknown",
    }


def _extent(start_ns: int, end_ns: int, count: int) -> dict[str, Any]:
    return {
        "starting_time": {"nanoseconds_since_epoch": start_ns},
        "duration": {"nanoseconds": end_ns - start_ns},
        "message_count": count,
    }


def _topic(topic: BagTopic) -> dict[str, Any]:
    return {
        "topic_metadata": {
            "name": topic.name,
            "type": topic.type_name,
            "serialization_format": "cdr",
            "offered_qos_profiles": list(topic.qos),
            "type_description_hash": topic.digest,
        },
        "message_count": topic.count,
    }
