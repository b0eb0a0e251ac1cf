#!/usr/bin/env python3
"""Makes the virtual environment: Python packages, ROS 2 wheels where no ROS 2 is sourced, mer_msgs, mer_ros.

Run by `make`; `python3 scripts/setup_venv.py --help` lists the options. Standard library only.
This first file keeps to what any Python reads, 2.7 too, because it is what tells an old one that it is too old.
"""

import os
import subprocess
import sys

OLDEST, NEWEST = (3, 10), (3, 13)
PROBE = "import sys; sys.stdout.write('%d.%d' % sys.version_info[:2])"


def supported(version):
    """Whether the wheels exist for this (major, minor)."""
    return OLDEST <= version <= NEWEST


def other_python():
    """The path of another Python on this machine that will do, or None."""
    for minor in (12, 11, 13, 10):
        name = "python3.%d" % minor  # noqa: UP031
        try:
            with open(os.devnull, "w") as nowhere:
                said = subprocess.check_output([name, "-c", PROBE], stderr=nowhere)
        except (OSError, subprocess.CalledProcessError):  # absent, or a shim with nothing behind it
            continue
        if said.decode() == "3.%d" % minor:  # noqa: UP031
            return name
    return None


def main():
    """Go on with a Python that will do, or say which one is needed."""
    if supported(sys.version_info[:2]):
        from bootstrap.main import main as bootstrap

        return bootstrap()
    name = other_python()
    if name and not os.environ.get("MER_SETUP_PYTHON"):
        os.environ["MER_SETUP_PYTHON"] = name  # once only, whatever that Python turns out to be
        os.execvp(name, [name] + sys.argv)  # noqa: RUF005
    sys.stderr.write(
        "Python %d.%d is outside of 3.10 to 3.13, which the ROS 2 wheels are built for: "  # noqa: UP031
        "install one of those and name it: make PYTHON=/path/to/python3.12\n" % sys.version_info[:2]
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
