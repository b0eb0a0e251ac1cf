"""Parameter files as ROS 2 reads them, read without it: which node gets which values.

The rules are those of rcl_yaml_param_parser: what it refuses ends every node, and what it passes over is lost silently.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from mer_ros.errors import OptionError
from mer_ros.settings.scalars import line_of, scalar_of

SECTION = "ros__parameters"
EVERY_NODE = {"use_sim_time": False, "start_type_description_service": True}  # beside a node's own, with their defaults
QOS = "qos_overrides."  # so begin names that depend on topics
LARGEST = 4 << 20  # bytes; rcl's own limit is far below
DEEPEST = 32

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NAME = re.compile(r"(/([A-Za-z_]\w*|\*\*?))+", re.ASCII)


class Section(NamedTuple):
    """name: of nodes, whole, as "/head/camera"; a word may be * for any one, ** for any number. values: by their names
    with dots."""

    name: str
    values: Mapping[str, Any]

    def is_for(self, node: str) -> bool:
        """Whether the node of that whole name gets these values."""
        words = self.name[1:].split("/")
        pattern = "".join({"*": r"/\w+", "**": r"(/\w+)*"}.get(word, f"/{word}") for word in words)
        return re.fullmatch(pattern, node) is not None


def read_sections(path: Path) -> list[Section]:
    """The parts of a file, in its order. Raises OptionError for a file that ROS 2 would not read."""
    try:
        if not path.is_file():
            raise ValueError("it is no file" if path.exists() else "there is no such file")
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
        sections = list(_sections(_content(path.read_text(encoding="utf-8")), ""))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split()) or "no reason given"
        raise OptionError(
            f"the parameter file {path} cannot be read ({reason}): see config/mer.yaml for the layout"
        ) from error
    if not sections:
        raise OptionError(f"the parameter file {path} sets no {SECTION}: see config/mer.yaml for the layout")
    return sections


def values_of(
    path: Path, sections: Sequence[Section], nodes: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The values that a file gives to nodes, by node and name; sections of other nodes are passed over.

    nodes: whole names, and the defaults of each node's parameters. Raises OptionError for a parameter that a node does
    not have, and for a value of another kind than the default.
    """
    found: dict[str, dict[str, Any]] = {node: {} for node in nodes}
    for section in sections:
        takers = [node for node in nodes if section.is_for(node)]
        for name, value in section.values.items():
            having = [node for node in takers if name in nodes[node] or name in EVERY_NODE]
            if takers and not having and not section.name.endswith("*") and not name.startswith(QOS):
                near = difflib.get_close_matches(name, nodes[takers[0]], 1)
                hint = f"did you mean {near[0]}?" if near else "config/mer.yaml holds all that there are"
                raise OptionError(f"{path}: {section.name[1:]} has no parameter {name}: {hint}")
            for node in having:
                if problem := kind_problem(name, {**EVERY_NODE, **nodes[node]}[name], value):
                    raise OptionError(f"{path}: {section.name[1:]}: {problem}")
                if name in nodes[node]:
                    found[node][name] = value
    return found


def kind_problem(name: str, default: Any, value: Any) -> str:
    """Why a value is not of its default's kind, or an empty text: as strict as ROS 2."""
    if isinstance(default, list):
        kind = type(default[0])
        count = f"{len(default)} " if kind is float else ""  # names may be many or few
        wrong = not isinstance(value, list) or any(type(v) is not kind for v in value)
        if wrong or (count and len(value) != len(default)):
            return f"{name} is {value!r}; it must be a list of {count}{_KINDS[kind]}"
        return ""
    if type(value) is not type(default):
        return f"{name} is {value!r}; it must be {_KINDS_OF_ONE[type(default)]}"
    return ""


_KINDS = {float: "numbers with a decimal point, such as 1.0", str: "texts, in quotes"}
_KINDS_OF_ONE = {
    bool: "true or false",
    int: "a whole number",
    float: "a number with a decimal point, such as 1.0: ROS 2 takes no other",
    str: "a text, in quotes",
}


def _sections(content: Mapping[str, Any], name: str) -> Iterator[Section]:
    for key, value in content.items():
        if not isinstance(value, Mapping):
            raise ValueError(f"{key} holds no {'parameters by their names' if key == SECTION else SECTION}")
        if key != SECTION:
            yield from _sections(value, key if key.startswith("/") and not name else f"{name}/{key}")
        elif not _NAME.fullmatch(name):
            raise ValueError(f"{SECTION} belongs to a node, and {name or 'what has no name'} cannot be one's name")
        else:
            yield Section(name, dict(_flat(value, "")))


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Names with dots, however deep they are nested."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, name + ".")
            continue
        if isinstance(value, list) and (len(kinds := {type(v) for v in value}) > 1 or list in kinds):
            raise ValueError(f"{name} is a list of several kinds")
        yield name, value


def _content(text: str) -> dict[str, Any]:
    """All documents of a file as one. What is there twice is merged, as ROS 2 does."""
    events = yaml.parse(text, Loader=_PARSER)
    found: dict[str, Any] = {}
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent) and event.version not in (None, (1, 1)):
            raise ValueError("it is of a YAML that ROS 2 does not take; leave out %YAML")
        if isinstance(event, yaml.MappingStartEvent):
            _merge(found, _node(events, event, 1))
        elif isinstance(event, yaml.NodeEvent):
            raise ValueError("it is no mapping of nodes to their parameters")
    return found


def _node(events: Iterator[yaml.Event], event: yaml.Event, depth: int) -> Any:
    """What begins with an event; reads on to its end."""
    line = line_of(event)
    if isinstance(event, yaml.AliasEvent):
        raise ValueError(f"line {line} has an alias (*), which ROS 2 does not take")
    if isinstance(event, yaml.ScalarEvent):
        return scalar_of(event)
    if depth > DEEPEST:
        raise ValueError(f"line {line} is nested more than {DEEPEST} deep")
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_node(events, event, depth + 1))
        return items
    found: dict[str, Any] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise ValueError(f"line {line} has a key that is no name")
        if event.value == SECTION in found:
            raise ValueError(f"line {line_of(event)} has {SECTION} for the second time")
        _merge(found, {event.value: _node(events, next(events), depth + 1)})
    return found


def _merge(found: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(found.get(key), dict):
            _merge(found[key], value)
        else:
            found[key] = value
