"""The benchmarks' own logic: marks, results as files, the table; no benchmark is run."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def bench():
    """The modules, by name."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import bench
        import common
        import table

        yield {"bench": bench, "common": common, "table": table}
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize(
    ("asked", "measured", "at_least", "verdict"),
    [
        (120.0, 119.0, False, "met"),
        (120.0, 120.0, False, "met"),
        (120.0, 150.0, False, "**missed** by 30 ms (25%)"),
        (0.0, 3.0, False, "**missed** by 3 ms"),
        (20.0, 20.0, True, "met"),
        (20.0, 15.0, True, "**missed** by 5 ms (25%)"),
        (20.0, math.nan, True, "**missed**: not measured"),
        (20.0, math.nan, False, "**missed**: not measured"),
    ],
)
def test_a_mark_is_met_or_says_by_how_much_it_is_missed(bench, asked, measured, at_least, verdict):
    mark = bench["common"].Mark("what", asked, measured, "ms", at_least)
    assert mark.verdict == verdict
    assert mark.met is (verdict == "met")


@pytest.mark.parametrize(
    ("value", "text"), [(0.1234, "0.123"), (2.345, "2.35"), (23.45, "23.4"), (234.5, "234"), (5.0, "5"), (0.0, "0")]
)
def test_numbers_have_the_digits_that_matter(bench, value, text):
    assert bench["common"].number(value) == text


def test_percentiles_of_nothing_are_not_a_number_so_that_no_mark_is_met_by_them(bench):
    assert bench["common"].percentile([1.0, 2.0, 3.0], 50) == 2.0
    assert math.isnan(bench["common"].percentile([], 95))


def result(bench, name: str, order: int, measured: float):
    common = bench["common"]
    mark = common.Mark(f"mark of {name}", 10.0, measured, "ms", note="3 runs")
    return common.Result(
        name, name.title(), f"python {name}.py", order, [mark], ["more"], "2026-01-02", {"cpu": "X"}, ""
    )


def test_a_result_is_read_as_it_was_written(bench, tmp_path):
    written = result(bench, "one", 1, 9.0)
    assert bench["common"].Result.read(written.write(tmp_path)) == written


def test_the_table_has_all_marks_in_order_and_all_machines(bench, tmp_path, monkeypatch, capsys):
    result(bench, "late", 2, 12.0).write(tmp_path)
    result(bench, "early", 1, 9.0).write(tmp_path)
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- benchmarks: begin -->\nold\n<!-- benchmarks: end -->\nafter\n")
    monkeypatch.setattr(bench["table"], "RESULTS", tmp_path)
    monkeypatch.setattr(bench["table"], "README", readme)
    assert bench["table"].main(["--readme"]) == 1  # one is missed
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| mark")]
    assert rows == [
        "| mark of early | at most 10 ms | 9 ms | met; 3 runs |",
        "| mark of late | at most 10 ms | 12 ms | **missed** by 2 ms (20%); 3 runs |",
    ]
    page, shown = (tmp_path / "table.md").read_text(), readme.read_text()
    assert all(row in page and row in shown for row in rows)
    assert "## Early" in page
    assert shown.startswith("before\n")
    assert shown.endswith("\nafter\n")
    assert "old" not in shown
    assert "2026-01-02, cpu X" in shown


def test_without_results_or_marks_in_the_readme_it_says_so(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(bench["table"], "RESULTS", tmp_path)
    assert bench["table"].main([]) == 2
    with pytest.raises(ValueError, match="lacks"):
        bench["table"].shown("no marks", "text")


def test_the_readme_shows_the_results_that_are_there(bench):
    found = bench["table"].results()
    readme = (BENCHMARKS.parent / "README.md").read_text()
    if not found:
        pytest.skip("no benchmark has been run with --write yet")
    assert bench["table"].shown(readme, bench["table"].summary(found)) == readme, "run benchmarks/table.py --readme"


def test_every_benchmark_that_is_run_is_there_and_one_that_wrote_nothing_is_told(bench, monkeypatch, capsys):
    for minutes, command in bench["bench"].commands(6, 0.5, "clips"):
        assert minutes > 0
        help_text = subprocess.run([sys.executable, BENCHMARKS / command[0], "--help"], capture_output=True, text=True)
        assert all(word in help_text.stdout for word in command[1:] if word.startswith("--")), command
    monkeypatch.setattr(bench["bench"], "commands", lambda *_: [(2.0, ["missing.py", "--write"])])
    monkeypatch.setattr(bench["bench"].table, "main", lambda _: 0)
    assert bench["bench"].main([]) == 1
    said = capsys.readouterr().out
    assert "takes about 2 minutes" in said
    assert "missing.py --write did not run to its end" in said


def test_of_marks_of_one_name_the_worst_is_shown_with_where_it_was_pinned(bench):
    common = bench["common"]

    def measured(value: float, name: str, conditions: str = ""):
        marks = [common.Mark("lost", 0, value), common.Mark("received", 99, 100 - value, "%", at_least=True)]
        return common.Result(name, name, "command", 1, marks, [], "2026-01-02", {"cpu": "X"}, conditions)

    shown = bench["table"].summary([measured(0, "one"), measured(2, "two", "pinned to core 1, beside others")])
    assert "| lost | at most 0 | 2 | **missed** by 2; pinned to core 1 |" in shown
    assert "| received | at least 99 % | 98 % | **missed** by 1 % (1%); pinned to core 1 |" in shown
    assert bench["table"].PINNED in " ".join(shown.split())
    assert shown.count("Measured 2026-01-02, cpu X.") == 1
    assert bench["table"].PINNED not in bench["table"].summary([measured(0, "one")])
    unmeasured = measured(math.nan, "three")
    assert "not measured" in bench["table"].summary([measured(2, "two"), unmeasured])


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores are told to Linux")
def test_with_cores_everything_runs_on_these_and_the_result_says_so(tmp_path):
    """The program begins again, so that the threads that libraries have started are bound as well."""
    core = max(os.sched_getaffinity(0))
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys, os; sys.path.insert(0, {str(BENCHMARKS)!r})\n"
        "import numpy, common\n"
        "given = common.begin(common.options('x'), None)\n"
        "print([os.sched_getaffinity(int(task)) for task in os.listdir('/proc/self/task')])\n"
        "print(common.Result('a', 'a', 'a', 1, []).conditions, given.write)\n"
    )
    run = subprocess.run([sys.executable, script, "--cores", str(core), "--write"], capture_output=True, text=True)
    tasks, said = run.stdout.splitlines()
    assert set(tasks.strip("[]").split(", ")) == {str({core})}, run.stderr
    assert said == ("" if os.cpu_count() == 1 else f"pinned to core {core}, beside other measurements") + " True"
    run = subprocess.run([sys.executable, script, "--cores", "4096"], capture_output=True, text=True)
    assert run.returncode == 2
    assert "--cores is 4096: give some of" in run.stderr
