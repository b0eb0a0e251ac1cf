"""Parameter files for the replay: what they set of the nodes, checked as the nodes would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mer_ros.errors import OptionError
from mer_ros.settings.layout import Section, kind_problem, read_sections, values_of
from mer_ros.settings.parameter import Parameter
from mer_ros.settings.tables import TABLES


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
    known = {f"/{node}": {item.name: item.default for item in table} for node, table in TABLES.items()}
    sections = read_sections(path)
    ours = [Section("/" + _last(section), section.values) for section in sections if not _is_foreign(section)]
    if not any(section.is_for(node) for section in ours for node in known):
        named = ", ".join(sorted({section.name[1:] for section in sections}))
        raise OptionError(
            f"the parameter file {path} sets parameters of {named} alone: the nodes are {', '.join(TABLES)}"
        )
    read = {node[1:]: values for node, values in values_of(path, ours, known).items()}
    try:
        return {node: Settings(node, values | dict((given or {}).get(node, {}))) for node, values in read.items()}
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error


def _last(section: Section) -> str:
    """A replay has no namespace: whatever the file's is, the node's own name counts."""
    last = section.name.rpartition("/")[2]
    return "**" if last == "*" else last


def _is_foreign(section: Section) -> bool:
    """Whether another package's node of the same name is meant, in a namespace of its own."""
    table = TABLES.get(_last(section), ())
    namespace = section.name.rpartition("/")[0]
    return (
        bool(namespace and table) and "*" not in namespace and not {item.name for item in table} & set(section.values)
    )


def _problem(item: Parameter, value: Any) -> str:
    """Why a value is not taken: as strict as ROS 2, so that a file that is read here starts the nodes as well."""
    problem = kind_problem(item.name, item.default, value)
    return problem or ("" if isinstance(value, list) else item.check(value))
