"""Steps: their lines, their log, what a failure shows, and that only what changed is done again."""

from __future__ import annotations

import io
import os
import sys

import pytest
from bootstrap.errors import SetupError
from bootstrap.progress import Progress, diagnose
from bootstrap.stamps import Stamps, digest


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def progress(tmp_path, out) -> Progress:
    return Progress(tmp_path / "setup.log", out)


def python(progress: Progress, code: str) -> None:
    progress.run([sys.executable, "-c", code], os.environ)


def test_a_step_is_one_line_and_what_tools_say_goes_to_the_log(progress, out):
    with progress.step("Packages"):
        python(progress, "print('much talk')")
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().split()[0] == "Packages"
    assert out.getvalue().split()[-1] == "done"
    assert "much talk" in progress.log.read_text()


def test_a_failure_shows_the_last_lines_of_its_own_log(progress, out):
    with progress.step("First"):
        python(progress, "print('of another step')")
    with pytest.raises(SetupError, match=r"Second: .*status 3; the whole log is .*setup\.log"), progress.step("Second"):
        python(progress, "import sys; [print('line', n) for n in range(40)]; sys.exit(3)")
    shown = out.getvalue()
    assert "line 39" in shown
    assert "line 10" not in shown
    assert "of another step" not in shown


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("NewConnectionError: Failed to establish a new connection: [Errno -2]", "cannot be reached"),
        ("[Errno -3] Temporary failure in name resolution", "cannot be reached"),
        ("ERROR: ResolutionImpossible: for help visit", "cannot be reached or lacks a version"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
    ],
)
def test_likely_causes_are_said_in_one_sentence(progress, said, wanted):
    with pytest.raises(SetupError, match=wanted), progress.step("Packages"):
        python(progress, f"import sys; print({said!r}); sys.exit(1)")


def test_an_unknown_cause_is_not_guessed():
    assert diagnose("error: 'Widget' was not declared in this scope") is None


def test_a_stopped_step_leaves_no_process_behind(progress, out, monkeypatch):
    started = []
    real = progress._line

    def stop(state: str, **options) -> None:
        real(state, **options)
        if started and not options:
            raise KeyboardInterrupt

    monkeypatch.setattr(progress, "_line", stop)
    pid_file = progress.log.with_name("pid")
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    def interrupted() -> None:
        with progress.step("Long"):
            started.append(True)
            python(progress, code)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    if pid_file.exists():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid_file.read_text()), 0)
    assert "stopped" in out.getvalue()


def test_a_stamp_holds_until_its_key_changes(tmp_path):
    stamps = Stamps(tmp_path / "stamps")
    assert not stamps.fresh("packages", "a")
    stamps.done("packages", "a")
    assert stamps.fresh("packages", "a")
    assert not stamps.fresh("packages", "b")
    stamps.forget("packages")
    assert not stamps.fresh("packages", "a")


def test_the_key_follows_names_and_contents_only(tmp_path):
    (tmp_path / "msg").mkdir()
    message = tmp_path / "msg" / "A.msg"
    message.write_text("string a\n")
    before = digest("3.11", tmp_path)
    os.utime(message, (1, 1))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    assert digest("3.11", tmp_path) == before
    assert digest("3.12", tmp_path) != before
    message.write_text("string b\n")
    changed = digest("3.11", tmp_path)
    message.rename(message.with_name("B.msg"))
    assert len({before, changed, digest("3.11", tmp_path)}) == 3


def test_neighbouring_parts_do_not_run_together():
    assert digest("ab", "c") != digest("a", "bc")
