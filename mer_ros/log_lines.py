"""The output of several nodes in one process, told apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# As ROS 2 writes it: [INFO] [1700000000.123456789] [head.camera]: text
_LINE = re.compile(rb"\[[A-Z]+\] \[[\d.]+\] \[(?:[\w.]*\.)?(\w+)\]: ")


def by_node(lines: Iterable[bytes], names: Iterable[str], otherwise: str) -> Iterator[tuple[str, bytes]]:
    """Give each line with the name of its node; a line without one belongs to the node that spoke before it.

    names: of the nodes. otherwise: what lines before the first node's, and those of other names, belong to.
    """
    known, speaking = set(names), otherwise
    for line in lines:
        if found := _LINE.match(line):
            name = found[1].decode()
            speaking = name if name in known else otherwise
        yield speaking, line
