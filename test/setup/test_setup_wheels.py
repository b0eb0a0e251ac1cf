"""Which ROS 2 is used, what the wheels need mended, and which pins hold."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from bootstrap import wheels
from bootstrap.constraints import merge, override
from bootstrap.errors import SetupError
from packaging.markers import Marker
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
SOURCED = {"ROS_DISTRO": "humble", "AMENT_PREFIX_PATH": "/opt/ros/humble"}


@pytest.mark.parametrize(
    ("wanted", "environ", "chosen"),
    [
        ("auto", {}, "jazzy"),
        ("kilted", {}, "kilted"),
        ("auto", SOURCED, "system"),
        ("system", SOURCED, "system"),
        ("auto", {"AMENT_PREFIX_PATH": "/x/.venv"}, "jazzy"),  # .venv/setup.sh was sourced, not a ROS 2
    ],
)
def test_a_sourced_ros_comes_before_wheels(wanted, environ, chosen):
    assert wheels.choose(wanted, environ) == chosen


@pytest.mark.parametrize(
    ("wanted", "environ", "said"),
    [
        ("foxy", {}, "make ROS=jazzy"),
        ("system", {}, "No ROS 2 is sourced"),
        ("kilted", SOURCED, "while ROS 2 humble is sourced"),
    ],
)
def test_what_contradicts_itself_is_refused(wanted, environ, said):
    with pytest.raises(SetupError, match=said):
        wheels.choose(wanted, environ)


def test_mending_replaces_the_build_machines_folders_once(tmp_path):
    cmake = tmp_path / "share" / "std_msgs" / "cmake" / "export.cmake"
    cmake.parent.mkdir(parents=True)
    foreign = "/opt/python/cp312-cp312"
    cmake.write_text(
        f'INTERFACE "{foreign}/include/python3.12;{foreign}/lib/python3.12/site-packages/numpy/_core/include;/usr/x"'
    )
    assert wheels.mend(tmp_path, Path("/py inc"), Path(r"/np\1")) == 1
    assert cmake.read_text() == r'INTERFACE "/py inc;/np\1;/usr/x"'
    assert wheels.mend(tmp_path, Path("/py inc"), Path(r"/np\1")) == 0


def test_the_build_environment_leaves_out_what_misleads(tmp_path):
    (tmp_path / "lib" / "python3.12" / "site-packages" / "ros_rcl.libs").mkdir(parents=True)
    environ = wheels.build_environment({"PYTHONPATH": "/x", "PIP_USER": "1", "PATH": "/bin", "LANG": "C"}, tmp_path)
    assert "PYTHONPATH" not in environ
    assert "PIP_USER" not in environ
    assert environ["LANG"] == "C"
    assert environ["PATH"] == f"{tmp_path}/bin:/bin"
    assert environ["LD_LIBRARY_PATH"].endswith("ros_rcl.libs")


def test_pips_cache_is_off_where_it_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    assert wheels.with_cache({"HOME": str(tmp_path / "file")})["PIP_NO_CACHE_DIR"] == "1"
    assert wheels.with_cache({"HOME": str(tmp_path)}) == {"HOME": str(tmp_path)}


def test_the_shell_file_does_what_the_build_environment_does(tmp_path):
    prefix = tmp_path / "a place" / ".venv"
    (prefix / "lib" / "python3.12" / "site-packages" / "ros_rcl.libs").mkdir(parents=True)
    (prefix / "setup.sh").write_text(wheels.shell_setup(prefix))
    said = subprocess.check_output(
        ["sh", "-euc", '. "$1"; echo "$AMENT_PREFIX_PATH|$LD_LIBRARY_PATH|$PATH"', "sh", str(prefix / "setup.sh")],
        env={"PATH": "/usr/bin:/bin"},
        text=True,
    )
    wanted = wheels.build_environment({"PATH": "/usr/bin:/bin"}, prefix)
    assert said.strip() == "|".join(wanted[name] for name in ("AMENT_PREFIX_PATH", "LD_LIBRARY_PATH", "PATH"))


def test_an_override_replaces_every_line_of_its_packages():
    pins = 'numpy==2.2.6\nml-dtypes==0.6.0; python_version < "3.11"\nml-dtypes==0.7; python_version >= "3.11"\nav==1\n'
    assert (
        override(pins, "# why\nnumpy==1.26.4\nml_dtypes==0.5.4\n") == "av==1\n# why\nnumpy==1.26.4\nml_dtypes==0.5.4\n"
    )


@pytest.mark.parametrize(("version", "pinned"), [("1.26.4", "numpy==1.26.4"), ("2.2.6", "numpy==2.2.6")])
def test_the_numpy_of_a_sourced_ros_decides_the_pins(tmp_path, version, pinned):
    (tmp_path / "numpy.py").write_text(f"__version__ = {version!r}")
    assert pinned in merge(REQUIREMENTS, {"PYTHONPATH": str(tmp_path)}).splitlines()


def lines(name: str) -> list[Requirement]:
    text = (REQUIREMENTS / name).read_text().splitlines()
    return [Requirement(bare) for line in text if (bare := re.split(r"(?:^|\s)#", line)[0].strip())]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_every_requirement_has_one_exact_pin_on_each_python(python):
    def applies(marker: Marker | None) -> bool:
        return marker is None or marker.evaluate({"python_version": python})

    pins: dict[str, list[str]] = {}
    for pin in lines("constraints.txt"):
        assert re.fullmatch(r"==[^*]+", str(pin.specifier)), pin
        if applies(pin.marker):
            pins.setdefault(re.sub(r"[-_.]+", "-", pin.name).lower(), []).append(str(pin.specifier)[2:])
    assert all(len(versions) == 1 for versions in pins.values()), pins
    for path in REQUIREMENTS.glob("*.txt"):
        for wanted in lines(path.name):
            name = re.sub(r"[-_.]+", "-", wanted.name).lower()
            if not applies(wanted.marker) or path.name.startswith("constraints") or name.startswith("ros-"):
                continue
            assert name in pins, f"{path.name}: {wanted} has no pin"
            assert wanted.specifier.contains(pins[name][0]), f"{path.name}: {wanted} against {pins[name]}"


def test_the_entry_refuses_an_old_python_without_a_traceback():
    code = (
        "import sys; sys.path.insert(0, 'scripts'); import setup_venv as s;"
        "s.sys = type('S', (), {'version_info': (3, 9, 18), 'argv': ['x'], 'stderr': sys.stderr});"
        "s.other_python = lambda: None; sys.exit(s.main())"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.startswith("Python 3.9 is outside of 3.10 to 3.13")
    assert ended.stderr.count("\n") == 1
