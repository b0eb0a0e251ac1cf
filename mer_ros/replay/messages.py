"""The types of the graph's messages for machines with no ROS: those of Jazzy, and this package's own .msg files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from rosbags.interfaces.typing import Typesdict
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from mer_ros import resources

PACKAGE = "mer_msgs"


@cache
def typestore() -> Typestore:
    """Types that can be serialised and whose definitions can be written into a bag; shared, add nothing to it."""
    return with_types(get_typestore(Stores.ROS2_JAZZY), resources.messages_dir(), PACKAGE)


def with_types(store: Typestore, folder: Path, package: str) -> Typestore:
    """Add the types of all .msg files of a folder, as those of `package`; return the store."""
    for file in sorted(folder.glob("*.msg")):
        store.register(_types(file.read_text(encoding="utf-8"), f"{package}/msg/{file.stem}"))
    return store


@cache
def _types(definition: str, name: str) -> Typesdict:
    return get_types_from_msg(definition, name)  # takes some 10 ms
