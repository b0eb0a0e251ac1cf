"""Builds mer_msgs with CMake and installs it into the virtual environment."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bootstrap.progress import Progress

MANIFEST = "mer_msgs_files.txt"


def build(progress: Progress, source: Path, prefix: Path, kept: Path, environ: Mapping[str, str]) -> None:
    """Build `source` and install it into `prefix`; `kept` is a folder that remembers what was installed.

    rosidl's generators do not bear blanks in paths, so the build happens in a temporary folder and sees the
    sources and the prefix through links there.
    """
    with tempfile.TemporaryDirectory(prefix="mer_msgs-") as name:
        work = Path(name)
        (work / "source").symlink_to(source.resolve())
        (work / "prefix").symlink_to(prefix.resolve())
        environ = {key: value.replace(str(prefix), str(work / "prefix")) for key, value in environ.items()}
        python = work / "prefix" / "bin" / "python"
        site = next(prefix.glob("lib/python3.*/site-packages")).relative_to(prefix)
        configure = [
            "cmake",
            *("-S", work / "source", "-B", work / "build"),
            "-DCMAKE_BUILD_TYPE=Release",
            "-DBUILD_TESTING=OFF",
            f"-DCMAKE_INSTALL_PREFIX={work / 'prefix'}",
            f"-DPython3_EXECUTABLE={python}",
            f"-DPYTHON_INSTALL_DIR={site}",
            "-DCMAKE_INSTALL_RPATH=$ORIGIN;$ORIGIN/../../..",
        ]
        progress.run(configure, environ, work)
        progress.run(["cmake", "--build", work / "build", "--parallel", str(os.cpu_count() or 1)], environ, work)
        remove(prefix, kept)
        progress.run(["cmake", "--install", work / "build"], environ, work)
        installed = (work / "build" / "install_manifest.txt").read_text()
        kept.mkdir(parents=True, exist_ok=True)
        (kept / MANIFEST).write_text(installed.replace(str(work / "prefix"), str(prefix)))


def remove(prefix: Path, kept: Path) -> None:
    """Remove what an earlier build installed: a message that is gone from the sources must not stay importable."""
    if (kept / MANIFEST).is_file():
        for line in (kept / MANIFEST).read_text().splitlines():
            path = Path(line)
            if path.is_relative_to(prefix):
                path.unlink(missing_ok=True)
    for folder in prefix.glob("lib/python3.*/site-packages/mer_msgs"):
        shutil.rmtree(folder)
