"""Fixtures for all tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from chromium import browser  # noqa: F401  a fixture
from domains import own_domain_id
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# How long an example takes says more about the machine than about the code.
settings.register_profile("mer", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mer")


# Nodes made in tests must not hear those of other tests, nor of this machine's own graph.
os.environ["ROS_DOMAIN_ID"] = own_domain_id()

# A shell lets what it starts in the background ignore Ctrl-C, and that is handed on to every process of the tests.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
