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
        (["run", "--play", __file__], f"{__file__}"),
        (["run", "--models", "launch"], "there is no manifest.yaml in launch"),
        (["run", "--no-fusion", "--models", "launch"], "there is no manifest.yaml in launch"),
        (["run", "--play", "launch"], "launch is no file: give the path of a sound or video file, or of a bag"),
        (["run", "--play", "~/no such talk.mp4"], "/no such talk.mp4', which is no file"),
        (["record", "--topics", "audio", "two words"], "--topics is 'two words'"),
        (["record", "--namespace", "/1st"], "--namespace is '1st'"),
    ],
)
def test_errors_are_one_sentence_and_exit_code_2(arguments, part):
    out = mer(*arguments, cwd=ROOT)
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


def shell(line: str) -> subprocess.CompletedProcess[str]:
    line = line.replace("mer ", f"{sys.executable} -m mer_ros.cli ", 1)
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, env=ENVIRONMENT, timeout=60
    )


@pytest.mark.parametrize("line", ["mer --help | head -n 1", "mer models | head -n 1", "mer models | true"])
def test_a_reader_that_goes_away_is_no_fault(line):
    out = shell(line)
    assert out.returncode == 0
    assert out.stderr == ""
    assert out.stdout.count("\n") == (0 if "true" in line else 1)


def test_a_pipe_that_was_closed_before_the_first_word_is_no_fault(monkeypatch):
    def fail(_):
        try:
            raise BrokenPipeError
        except BrokenPipeError:  # as rich's console does
            raise SystemExit(1)  # noqa: B904

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main(["models"]) == 0


@pytest.mark.parametrize("line", ["mer models >&-", "mer --help >&-", "mer models check >&- 2>&-", "mer models 2>&-"])
def test_closed_streams_are_no_fault(line):
    out = shell(line)
    assert (out.returncode, out.stderr) == (0, "")
    assert ("text-glove" in out.stdout) is (">&-" not in line.replace("2>&-", ""))


def test_an_error_with_a_closed_output_is_still_told():
    out = shell("mer dmeo >&-")
    assert out.returncode == 2
    assert out.stderr == "error: there is no command 'dmeo'; did you mean 'mer demo'?\n"
    assert (shell("mer dmeo 2>&-").stdout, shell("mer dmeo 2>&-").returncode) == ("", 2)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("line", ["mer models > /dev/full", "mer --help > /dev/full", "mer models check > /dev/full"])
def test_a_full_disk_is_one_sentence(line):
    out = shell(line)
    assert out.returncode == 2
    assert out.stderr.startswith("error: the output cannot be written: No space left on device")
    assert out.stderr.count("\n") == 1


@pytest.mark.parametrize("fault", [PermissionError(13, "Permission denied"), OSError(9, "Bad file descriptor", "x")])
def test_other_faults_of_the_system_are_not_hidden(monkeypatch, fault):
    def fail(_):
        raise fault

    monkeypatch.setattr(cli, "_run", fail)
    with pytest.raises(type(fault)):
        cli.main([])


def test_every_command_looks_for_models_in_the_same_place(tmp_path):
    for name in cli.NEED_MODELS:
        words = [name, "text"] if name == "evaluate" else [name]
        out = mer(*words, "--help", cwd=tmp_path)
        assert f"(default: {ROOT / 'models'})" in " ".join(out.stdout.split()), name


def test_help_is_true_about_what_models_lists():
    out = mer("--help").stdout
    assert "mer models show NAME" in out
    card = mer("models", "show", "text-glove-lstm").stdout
    assert "MELD train" in card


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
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a run in the background ignores it
    )  # fmt: skip
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors == ""


def test_a_path_that_cannot_be_used_is_one_sentence(monkeypatch, capsys, tmp_path):
    """Also where a command has not looked at it before."""

    def opened(arguments):
        tmp_path.read_bytes()

    monkeypatch.setattr(cli, "_run", opened)
    assert cli.main(["heard"]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path} cannot be used: Is a directory; give another path\n"
