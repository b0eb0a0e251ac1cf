"""The layout of ROS 2 parameter files, read without ROS 2: which node gets which values."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mer_ros.errors import OptionError

SECTION = "ros__parameters"
EVERY_NODE = ("use_sim_time", "qos_overrides", "start_type_description_service")  # beside a node's own parameters

Section = tuple[str, Mapping[str, Any]]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the same in C, ten times as fast
    """Reads 1e3 as a number, as ROS 2 does; YAML 1.1 wants 1.0e+3."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_sections(path: Path) -> list[Section]:
    """The parts of a file: the last word of a node's name, which may be a wildcard, and values by their dotted names.

    Raises OptionError for a file that cannot be read or holds no parameters.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise OptionError(f"the parameter file {path} cannot be read ({reason}): give a YAML file") from error
    sections: list[Section] = [(name, dict(_flat(values, ""))) for name, values in _sections(content, "")]
    if not sections:
        raise OptionError(f"the parameter file {path} sets no {SECTION}: see config/mer.yaml for the layout")
    return sections


def values_of(
    path: Path, sections: Sequence[Section], known: Mapping[str, Collection[str]]
) -> dict[str, dict[str, Any]]:
    """The values that sections of a file give to nodes, by node and name; sections of other nodes are passed over.

    known: the names of each node's parameters. Raises OptionError for a parameter that a node does not have, and for
    a file that is for other nodes alone.
    """
    if not any(fnmatch.fnmatchcase(node, name) for node in known for name, _ in sections):
        named = ", ".join(sorted({name for name, _ in sections}))
        raise OptionError(
            f"the parameter file {path} sets parameters of {named} alone: the nodes are {', '.join(known)}"
        )
    found: dict[str, dict[str, Any]] = {node: {} for node in known}
    for name, values in sections:
        nodes = [node for node in known if fnmatch.fnmatchcase(node, name)]
        for parameter, value in values.items():
            if parameter.split(".")[0] in EVERY_NODE:
                continue
            takers = [node for node in nodes if parameter in known[node]]
            if nodes and not takers and "*" not in name:
                near = difflib.get_close_matches(parameter, known[nodes[0]], 1)
                hint = f"did you mean {near[0]}?" if near else "config/mer.yaml holds all that there are"
                raise OptionError(f"{path}: {name} has no parameter {parameter}: {hint}")
            for node in takers:
                found[node][parameter] = value
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


def _sections(content: Any, name: str) -> Iterator[Section]:
    if not isinstance(content, Mapping):
        return
    for key, value in content.items():
        if key == SECTION and isinstance(value, Mapping):
            yield name.rstrip("/").rpartition("/")[2] or "*", value
        else:
            yield from _sections(value, f"{name}/{str(key).strip('/')}")


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Names with dots, however deep they are nested."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, name + ".")
        else:
            yield name, value
