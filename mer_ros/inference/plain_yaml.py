"""YAML of files that anybody may have written: without what makes a reader slow, or end in the middle."""

from __future__ import annotations

from typing import Any

import yaml

DEEPEST = 32
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same in C: each model that is opened reads a manifest


def load_plain(text: str | bytes) -> Any:
    """What a file holds. Raises yaml.YAMLError, also for what is nested more than DEEPEST deep, and for aliases inside
    of what aliases stand for: so a file cannot stand for one that is larger than it by orders, or hold itself.
    """
    anchored: list[bool] = []  # of the collections that are open
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent) and any(anchored):
            raise yaml.YAMLError(f"it has the alias *{event.anchor} inside of what has a name; write it out")
        if isinstance(event, yaml.CollectionStartEvent):
            anchored.append(event.anchor is not None)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchored.pop()
        if len(anchored) > DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {DEEPEST} deep")
    return yaml.load(text, Loader=_LOADER)
