from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mer_ros import __version__, cli
from mer_ros.errors import MissingDependencyError, ModelError

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT) + os.pathsep + os.environ.get("PYTHONPATH", "")}


def mer(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mer_ros.cli", *arguments],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=60,
        **options,
    )


def test_help_names_every_command_and_teaches():
    out = mer("--help")
    assert out.returncode == 0
    for name in cli.COMMANDS:
        assert f"    {name} " in out.stdout
    assert "examples:" in out.stdout
    assert "mer demo --camera 0" in out.stdout
    assert mer().stdout == out.stdout


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_help_of_every_command(name):
    out = mer(name, "--help")
    assert out.returncode == 0, out.stderr
    assert f"usage: mer {name}" in out.stdout
    assert len(out.stdout.split("\n")) > 5


def test_help_is_quick_and_needs_nothing():
    code = (
        "import sys; from mer_ros.cli import main; main(['--help']);"
        "heavy = ('numpy', 'rclpy', 'torch', 'onnxruntime', 'cv2', 'rich', 'av');"
        "found = [m for m in heavy if m in sys.modules]; assert not found, found"
    )
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
        times.append(time.perf_counter() - begin)
        assert out.returncode == 0, out.stderr
    # the interpreter itself, which may start twice for ROS 2 wheels, counts in a busy machine's time
    bare = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import argparse"], check=True, timeout=60)
    assert min(times) < 0.5 + 3 * (time.perf_counter() - bare)


def test_version():
    assert mer("--version").stdout == f"mer {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["dmeo"], "did you mean 'mer demo'?"),
        (["modles"], "did you mean 'mer models'?"),
        (["xyzzy"], "choose one of: demo, run"),
        (["demo", "--fiel", "x"], "did you mean --file? see 'mer demo --help'"),
        (["demo", "--file", "/no/such/file.mp4"], "there is no file /no/such/file.mp4"),
        (["demo", "--file", "a.mp4", "--camera", "0"], "not allowed with"),
        (["demo", "--duration", "-3"], "--duration is -3"),
        (["demo", "--device", "abacus"], "abacus"),
        (["demo", "--models", "/no/such/folder"], "/no/such/folder"),
        (["run", "--device", "abacus"], "abacus"),
    ],
)
def test_errors_are_one_sentence_and_exit_code_2(arguments, part):
    out = mer(*arguments)
    assert out.returncode == 2
    assert out.stdout == ""
    assert out.stderr.startswith("error: ")
    assert out.stderr.count("\n") == 1
    assert part in out.stderr


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (ModelError("the model x is\n altered"), 2, "error: the model x is altered\n"),
        (MissingDependencyError("no y"), 2, "error: no y\n"),
        (ModuleNotFoundError("No module named 'torch'", name="torch.nn"), 2, "package torch: run `pip install torch`"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_a_command_raises(raised, code, said, monkeypatch, capsys):
    def fail(_):
        raise raised

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main(["demo"]) == code
    captured = capsys.readouterr().err
    assert said in captured
    assert "Traceback" not in captured


def test_a_fault_of_ours_is_not_hidden(monkeypatch):
    def fail(_):
        raise ModuleNotFoundError("No module named 'mer_ros.nope'", name="mer_ros.nope")

    monkeypatch.setattr(cli, "_run", fail)
    with pytest.raises(ModuleNotFoundError):
        cli.main([])


def test_a_reader_that_goes_away_is_no_fault():
    code = f"{sys.executable} -m mer_ros.cli --help | head -n 1"
    out = subprocess.run(
        ["bash", "-o", "pipefail", "-c", code], capture_output=True, text=True, env=ENVIRONMENT, timeout=60
    )
    assert out.stdout.startswith("usage: mer")
    assert out.stderr == ""


def test_exit_code_of_a_handler_is_passed_on(monkeypatch):
    def add(subparsers):
        subparsers.add_parser("run").set_defaults(handler=lambda arguments: 7)

    import mer_ros.run

    monkeypatch.setattr(mer_ros.run, "add_run_parser", add)
    assert cli.main(["run"]) == 7


def test_interrupt_before_anything_runs():
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; from mer_ros import cli; cli._run = lambda a: print('up', flush=True)"
         " or time.sleep(30); raise SystemExit(cli.main([]))"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )  # fmt: skip
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors == ""
