"""The ROS 2 wheels: which ones, what they need mended, and the environment to build against them."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bootstrap.errors import SetupError

DISTROS = ("jazzy", "kilted")
# The machine that built the wheels left its own include folders in their CMake files.
FOREIGN_NUMPY = re.compile(r"/opt/python/cp\d+-cp\d+t?/lib/python[\d.]+/site-packages/numpy/_?core/include")
FOREIGN_PYTHON = re.compile(r"/opt/python/cp\d+-cp\d+t?/include/python[\d.]+t?")
# What a shell, another virtual environment or a user's pip settings may leave behind.
MISLEADING = (
    "AMENT_PREFIX_PATH",
    "CMAKE_PREFIX_PATH",
    "COLCON_PREFIX_PATH",
    "PIP_PREFIX",
    "PIP_TARGET",
    "PIP_USER",
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
)


def choose(wanted: str, environ: Mapping[str, str]) -> str:
    """`system` where a ROS 2 is sourced, otherwise the wheels of a distribution.

    Raises SetupError where what is asked for contradicts what is sourced.
    """
    sourced = environ.get("ROS_DISTRO") if environ.get("AMENT_PREFIX_PATH") else None
    if wanted not in ("auto", "system", *DISTROS):
        raise SetupError(f"ROS={wanted} is not known: make ROS=jazzy (or kilted, system, auto)")
    if wanted == "system" and not sourced:
        raise SetupError("No ROS 2 is sourced: . /opt/ros/jazzy/setup.sh (or leave out ROS=system to use wheels)")
    if wanted in DISTROS and sourced:
        raise SetupError(
            f"ROS={wanted} asks for wheels while ROS 2 {sourced} is sourced: use a shell that has not sourced it, "
            "or leave out ROS="
        )
    if wanted != "auto":
        return wanted
    return "system" if sourced else "jazzy"


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would lead Python, pip or CMake out of the virtual environment."""
    return {name: value for name, value in environ.items() if name not in MISLEADING}


def with_bin(environ: Mapping[str, str], prefix: Path) -> dict[str, str]:
    """The environment with the virtual environment's programs first."""
    return {**environ, "PATH": f"{prefix / 'bin'}:{environ.get('PATH', '/usr/bin:/bin')}"}


def with_cache(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment, with pip's cache off where it cannot be written: pip does not get by without on its own."""
    home = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "/")) / ".cache"
    cache = Path(environ.get("PIP_CACHE_DIR") or Path(home) / "pip")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            return dict(environ)
    except OSError:
        return {**environ, "PIP_NO_CACHE_DIR": "1"}


def libraries(prefix: Path) -> list[Path]:
    """The folders of shared libraries; some wheels bring theirs in a folder of their own."""
    return [prefix / "lib", *sorted(prefix.glob("lib/python3.*/site-packages/ros_*.libs"))]


def build_environment(environ: Mapping[str, str], prefix: Path) -> dict[str, str]:
    """The environment in which CMake finds the wheels' packages and the linker their libraries."""
    return {
        **with_bin(clean(environ), prefix),
        "AMENT_PREFIX_PATH": str(prefix),
        "CMAKE_PREFIX_PATH": str(prefix),
        "LD_LIBRARY_PATH": ":".join(map(str, libraries(prefix))),
        "_ROS_WHEELS_BOOTSTRAP_COMPLETE": "1",  # the path is set: Python need not start twice
    }


SHELL_SETUP = """\
# Sourced by a shell (sh, bash, zsh) it makes colcon and CMake work against this virtual environment:
#   . .venv/setup.sh && colcon build
export VIRTUAL_ENV={prefix}
export PATH="$VIRTUAL_ENV/bin:$PATH"
export AMENT_PREFIX_PATH="$VIRTUAL_ENV${{AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}}"
export CMAKE_PREFIX_PATH="$VIRTUAL_ENV${{CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}}"
for folder in "$VIRTUAL_ENV"/lib/python3.*/site-packages/ros_*.libs "$VIRTUAL_ENV/lib"; do
  [ ! -d "$folder" ] || export LD_LIBRARY_PATH="$folder${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
done
unset folder
"""


def shell_setup(prefix: Path) -> str:
    """A file for shells that does what `build_environment` does."""
    return SHELL_SETUP.format(prefix=shlex.quote(str(prefix)))


def mend(prefix: Path, python_include: Path, numpy_include: Path) -> int:
    """Replace the build machine's include folders by this machine's; returns how many files changed."""
    changed = 0
    for path in sorted((prefix / "share").rglob("*.cmake")):
        text = path.read_text(errors="surrogateescape")
        mended = FOREIGN_NUMPY.sub(lambda _: str(numpy_include), text)
        mended = FOREIGN_PYTHON.sub(lambda _: str(python_include), mended)
        if mended != text:
            path.write_text(mended, errors="surrogateescape")
            changed += 1
    return changed
