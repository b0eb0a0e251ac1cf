"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with test clips and corpora, which is not part of the repository."""
    folder = Path(os.environ.get("MER_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no folder with clips and corpora: set MER_SHARED (looked at {folder.name} beside the checkout)")
    return folder


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The shipped models."""
    return ROOT / "models"
