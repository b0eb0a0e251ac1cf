"""Whole bags of each storage, for tests that change them."""

from __future__ import annotations

import shutil

import pytest
from bags import STORAGES, write_recording
from stored_bags import EVENTS


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    """A whole bag of each storage; copied where a test changes it."""
    folder = tmp_path_factory.mktemp("bags")
    return {storage: write_recording(folder / storage, EVENTS, storage) for storage in STORAGES}


@pytest.fixture
def bag(bags, tmp_path):
    def copied(storage="mcap", name="bag"):
        return shutil.copytree(bags[storage], tmp_path / name)

    return copied
