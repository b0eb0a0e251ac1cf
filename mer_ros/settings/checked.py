"""A parameter file, checked before a graph is started with it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from mer_ros import resources
from mer_ros.errors import OptionError
from mer_ros.settings.layout import read_sections, values_of

MANAGER = "lifecycle_manager"  # the one node that may be called otherwise


def check_parameters(path: Path, namespace: str, started: Collection[str], manager: str = MANAGER) -> None:
    """Raise OptionError for a file that sets nothing here, or what a node does not have, or a value of another kind.

    rcl passes over what a node does not have, and ends every node with a long story over a file that it cannot read.
    The shipped file knows all names and kinds; what lies outside a range the nodes refuse themselves.
    started: the names of the graph's nodes. manager: what its lifecycle manager is called.
    """
    place = "/".join(("", *filter(None, namespace.split("/")), ""))
    shipped = {section.name.rpartition("/")[2]: section.values for section in read_sections(shipped_parameters())}
    shipped[manager] = shipped.pop(MANAGER)
    sections = read_sections(path)
    if not any(section.is_for(place + name) for section in sections for name in shipped):
        told = ", ".join(sorted({section.name for section in sections}))
        names = ", ".join(place + name for name in shipped)
        raise OptionError(f"the parameter file {path} sets parameters of {told} alone: the nodes are {names}")
    values_of(path, sections, {place + name: shipped[name] for name in started})


def shipped_parameters() -> Path:
    """The file of this package: every parameter of every node, with its default."""
    return resources.config_dir() / "mer.yaml"
