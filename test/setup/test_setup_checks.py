"""What a machine lacks is said in one sentence that holds the command that mends it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bootstrap import checks
from bootstrap.errors import SetupError


def only(*programs: str):
    return lambda name: f"/usr/bin/{name}" if name in programs else None


@pytest.mark.parametrize(
    ("manager", "lack", "wanted"),
    [
        ("apt-get", "compiler", "sudo apt-get install g++"),
        ("apt-get", "venv", r"sudo apt-get install python3\.\d+-venv"),
        ("dnf", "compiler", r"sudo dnf install gcc-c\+\+"),
        ("pacman", "headers", "sudo pacman -S python"),
        ("none known", "compiler", "sudo apt-get install"),
    ],
)
def test_the_remedy_is_for_this_machines_package_manager(manager, lack, wanted):
    assert re.match(wanted, checks.remedy(lack, only(manager)))


def test_a_missing_compiler_is_named_with_its_remedy():
    with pytest.raises(SetupError, match=r"no compiler.*: sudo apt-get install g\+\+$"):
        checks.check_compiler({}, only("apt-get", "cc"))


def test_a_compiler_named_by_the_environment_must_exist():
    with pytest.raises(SetupError, match="icpc"):
        checks.check_compiler({"CXX": "icpc -O2"}, only("g++", "cc"))


@pytest.mark.parametrize("names", [("g++", "gcc"), ("clang++", "clang"), ("c++", "cc")])
def test_any_usual_compiler_will_do(names):
    checks.check_compiler({}, only(*names))


@pytest.mark.parametrize(("system", "machine"), [("linux", "aarch64"), ("darwin", "arm64"), ("darwin", "x86_64")])
def test_machines_without_wheels_are_told_to_install_ros(system, machine):
    with pytest.raises(SetupError, match="install ROS 2 Jazzy, source it"):
        checks.check_platform(system, machine)


def test_x86_linux_has_wheels():
    checks.check_platform("linux", "x86_64")


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_that_cannot_make_environments_is_refused(missing):
    with pytest.raises(SetupError, match=r"cannot make virtual environments.*python3\.\d+-venv"):
        checks.check_venv_module(only("apt-get"), lambda name: None if name == missing else object())


def test_missing_headers_are_named(tmp_path):
    with pytest.raises(SetupError, match=r"Python\.h.*python3\.\d+-dev"):
        checks.check_headers(str(tmp_path), only("apt-get"))
    (tmp_path / "Python.h").touch()
    checks.check_headers(str(tmp_path))


def test_too_little_room_says_how_much_there_is_and_is_needed(tmp_path):
    with pytest.raises(SetupError, match=r"has 1\.5 GiB free and the set-up needs 3.*VENV="):
        checks.check_disk(tmp_path, 3, lambda _: int(1.5 * checks.GIB))
    checks.check_disk(tmp_path, 3, lambda _: 4 * checks.GIB)


@pytest.mark.parametrize("path", ["/home/a:b/.venv", "/home/a;b/.venv"])
def test_paths_that_search_paths_cannot_hold_are_refused(path):
    with pytest.raises(SetupError, match="search paths"):
        checks.check_path(Path(path))


def test_blanks_in_paths_are_fine():
    checks.check_path(Path("/home/a b/.venv"))


def test_a_sourced_ros_of_another_python_is_refused(tmp_path):
    (tmp_path / "rclpy.py").write_text("raise ImportError('built for another Python')")
    with pytest.raises(SetupError, match=r"jazzy.*built for another Python.*make PYTHON="):
        checks.check_sourced({"PYTHONPATH": str(tmp_path), "ROS_DISTRO": "jazzy"})
    (tmp_path / "rclpy.py").write_text("")
    checks.check_sourced({"PYTHONPATH": str(tmp_path), "ROS_DISTRO": "jazzy"})
