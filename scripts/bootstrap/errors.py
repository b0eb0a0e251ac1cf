"""What stops a set-up."""

from __future__ import annotations


class SetupError(Exception):
    """One sentence: what is wrong, and the command that mends it."""
