"""Errors for people: what was wrong, the value, what is accepted, what to do."""

from __future__ import annotations

from collections.abc import Mapping


class MerError(Exception):
    """Root of every error that this package raises on purpose; its text is one sentence for a person."""


class InputError(MerError, ValueError):
    """Data that cannot be used: a wrong shape, type, encoding, rate or value."""


class OptionError(MerError, ValueError):
    """An option or parameter outside of what is accepted."""


class ModelError(MerError):
    """A model file that is missing, altered, or does not keep its contract."""


class OutputError(MerError):
    """A file that cannot be written: a full disk, a folder that is something else's."""


class MissingDependencyError(MerError, ImportError):
    """An optional package or system library that this machine lacks."""


class UsageError(MerError, RuntimeError):
    """A call at a time or in a thread in which it cannot work."""


def check_ranges(options: object, limits: Mapping[str, tuple[float, float]]) -> None:
    """Raise OptionError for the first of these attributes that does not lie from its least to its most value."""
    for name, (least, most) in limits.items():
        value = getattr(options, name)
        if not least <= value <= most:
            raise OptionError(f"{name} is {value}: give a number from {least} to {most}")
