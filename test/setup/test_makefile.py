from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if name not in ("DATA", "CLIPS", "MAKEFLAGS")}
    return subprocess.run(["make", "-s", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, env=bare)


def test_marks_without_data_say_what_to_give_before_anything_is_set_up(tmp_path):
    done = make("marks", f"VENV={tmp_path / 'venv'}")
    assert done.returncode == 2
    assert "make marks DATA=FOLDER" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_no_folder_outside_the_repository_is_taken_for_granted():
    assert "../" not in make("-n", "marks", "DATA=x").stdout
    assert "../" not in (ROOT / "Makefile").read_text()
