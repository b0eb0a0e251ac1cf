"""Parameter files of ROS 2, read without ROS 2: the same file serves the live graph and the replay."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from mer_ros.errors import OptionError
from mer_ros.settings.parameter import Parameter
from mer_ros.settings.tables import TABLES

SECTION = "ros__parameters"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same in C, ten times as fast
EVERY_NODE = ("use_sim_time", "qos_overrides")  # what every node takes beside its own parameters


class Settings(Mapping[str, Any]):
    """The parameters of one node by their names, all of them; what was not set has its default."""

    def __init__(self, node: str, given: Mapping[str, Any] | None = None) -> None:
        """given: some of them. Raises OptionError for one that the node does not have, or does not take."""
        self._table = {item.name: item for item in TABLES[node]}
        self._values = {name: item.default for name, item in self._table.items()}
        for name, value in (given or {}).items():
            if name not in self._table:
                raise OptionError(f"{node} has no parameter {name}: choose one of {', '.join(self._table)}")
            if problem := _problem(self._table[name], value):
                raise OptionError(f"{node}: {problem}")
            self._values[name] = value

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def group(self, prefix: str) -> dict[str, Any]:
        """The parameters below `prefix.` by their last name."""
        start = prefix + "."
        return {name.removeprefix(start): value for name, value in self.items() if name.startswith(start)}

    def changed(self) -> dict[str, Any]:
        """Those that differ from their default."""
        return {name: value for name, value in self.items() if value != self._table[name].default}


def read_settings(path: Path, given: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Settings]:
    """The parameters of the four nodes as a file sets them, by node; what the file leaves out has its default.

    given: values by node and name that go before the file's. Sections of other nodes are passed over.
    Raises OptionError for a file that cannot be read or holds no parameters of these nodes, and for values that they
    refuse.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise OptionError(f"the parameter file {path} cannot be read ({reason}): give a YAML file") from error
    sections = list(_sections(content, ""))
    if not sections:
        raise OptionError(f"the parameter file {path} sets no {SECTION}: see config/mer.yaml for the layout")
    if not any(fnmatch.fnmatchcase(node, name) for node in TABLES for name, _ in sections):
        named = ", ".join(sorted({name for name, _ in sections}))
        raise OptionError(
            f"the parameter file {path} sets parameters of {named} alone: the nodes are {', '.join(TABLES)}"
        )
    read: dict[str, dict[str, Any]] = {node: {} for node in TABLES}
    for name, values in sections:
        nodes = [node for node in TABLES if fnmatch.fnmatchcase(node, name)]
        for parameter, value in _flat(values, ""):
            if parameter.split(".")[0] in EVERY_NODE:
                continue
            takers = [node for node in nodes if any(item.name == parameter for item in TABLES[node])]
            if nodes and not takers and "*" not in name:
                known = ", ".join(item.name for item in TABLES[nodes[0]])
                raise OptionError(f"{path}: {name} has no parameter {parameter}: choose one of {known}")
            for node in takers:
                read[node][parameter] = value
    try:
        return {node: Settings(node, values | dict((given or {}).get(node, {}))) for node, values in read.items()}
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error


def _sections(content: Any, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each node's part: the last word of its name, which may be a wildcard, and its parameters."""
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


def _problem(item: Parameter, value: Any) -> str:
    """Why a value is not taken: as strict as ROS 2, so that a file that is read here starts the nodes as well."""
    default = item.default
    if isinstance(default, list):
        kind = type(default[0])
        if not isinstance(value, list) or len(value) != len(default) or any(type(v) is not kind for v in value):
            return f"{item.name} is {value!r}; it must be a list of {len(default)} {_NAMES[kind]}"
        return ""
    if type(value) is not type(default):
        return f"{item.name} is {value!r}; it must be {_NAMES_OF_ONE[type(default)]}"
    return item.check(value)


_NAMES = {float: "numbers with a decimal point, such as 1.0"}
_NAMES_OF_ONE = {
    bool: "true or false",
    int: "a whole number",
    float: "a number with a decimal point, such as 1.0: ROS 2 takes no other",
    str: "a text, in quotes",
}
