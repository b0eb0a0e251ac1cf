from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mer_ros.demo import private_network

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import os, sys
from pathlib import Path
from mer_ros.terminal import kept_clean
print("before")
with kept_clean(Path(sys.argv[1])) as terminal:
    os.write(1, b"noise of a library\\n")
    os.write(2, b"more noise\\n")
    print("noise of python")
    terminal.write("the view\\n")
    terminal.flush()
print("after")
print("error", file=sys.stderr)
"""


def test_noise_goes_to_the_log_and_nothing_else_does(tmp_path):
    log = tmp_path / "log"
    out = subprocess.run(
        [sys.executable, "-c", CODE, str(log)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert out.stdout == "before\nthe view\nafter\n"
    assert out.stderr == "error\n"
    assert sorted(log.read_text().split("\n")[:-1]) == ["more noise", "noise of a library", "noise of python"]


def test_a_closed_output_stays_closed(tmp_path):
    log = tmp_path / "log"
    line = f'{sys.executable} -c "$CODE" {log} >&-'
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CODE": CODE.replace('print("before")', "")}
    out = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment, timeout=60)
    assert (out.returncode, out.stdout, out.stderr) == (0, "", "error\n")
    assert "the view" not in log.read_text()
    assert "noise of a library" in log.read_text()


def test_a_demo_keeps_to_itself():
    environment: dict[str, str] = {}
    private_network(environment)
    assert 1 <= int(environment["ROS_DOMAIN_ID"]) <= 101
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"


def test_a_domain_of_the_users_own_is_kept():
    environment = {"ROS_DOMAIN_ID": "42"}
    private_network(environment)
    assert environment == {"ROS_DOMAIN_ID": "42"}
