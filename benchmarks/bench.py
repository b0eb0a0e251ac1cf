"""Runs every benchmark, one after the other, and writes the table. Exit code 1 when a mark is missed or one fails.

python benchmarks/bench.py [--utterances 200] [--minutes 10] [--clips FOLDER] [--readme]

Run it on a machine that has nothing else to do; it says first how long it takes, nearly all of it real time: the live
graph is listened to. What is compared with and not installed is left out, and said. The soak is apart: `make soak`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import table
from common import RESULTS

FOLDER = Path(__file__).parent


def commands(utterances: int, minutes: float, clips: str) -> list[tuple[float, list[str]]]:
    """About how many minutes each benchmark takes, and its arguments."""
    faces = ["--clips", clips] if clips else []
    spoken, played = ["--utterances", str(utterances), "--write"], ["--minutes", f"{minutes:g}", "--write"]
    return [
        *((0.5 + 0.066 * utterances, ["latency.py", "--only", name, *spoken]) for name in ("own", "outside")),
        (1, ["latency.py", "--only", "plain", *spoken]),
        *((0.6 + minutes, ["load.py", "--only", name, *played]) for name in ("silent", "half", "composed")),
        (1, ["startup.py", "--write"]),
        (2, ["restart.py", "--write"]),
        (0.5, ["short_term_features.py", "--write"]),
        (6 if clips else 1, ["faces.py", *faces, "--write"]),
        (2, ["replay.py", "--write"]),
        (2, ["speech_to_text.py", "--write"]),
        (0.5, ["fusion.py"]),
        *([(10, ["face_detectors.py", *faces])] if clips else []),
    ]


def run(command: Sequence[str]) -> tuple[int, bool]:
    """Run one; return its exit code, and whether it wrote what it was to write."""
    print(f"\n$ python benchmarks/{' '.join(command)}", flush=True)
    before = written()
    code = subprocess.run([sys.executable, str(FOLDER / command[0]), *command[1:]], check=False).returncode
    return code, "--write" not in command or written() != before


def written() -> dict[str, int]:
    """When each result was written."""
    return {path.name: path.stat().st_mtime_ns for path in RESULTS.glob("*.json")}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=200, help="of each course of latency.py")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each course of load.py")
    parser.add_argument("--clips", default="", help="folder of videos with one face each; without it less is measured")
    parser.add_argument("--readme", action="store_true", help="renew the table in the README")
    given = parser.parse_args(arguments)
    wanted = commands(given.utterances, given.minutes, given.clips)
    print(f"takes about {sum(minutes for minutes, _ in wanted):.0f} minutes: see that nothing else runs", flush=True)
    ended = {" ".join(command): run(command) for _, command in wanted}
    if not given.clips:
        print("face_detectors.py is left out: say which folder holds clips: make bench CLIPS=FOLDER")
    print()
    table.main(["--readme"] if given.readme else [])
    for name, (code, wrote) in ended.items():
        if not wrote:
            print(f"{name} did not run to its end (exit code {code}): its rows are those of an earlier run, or missing")
    return int(any(code or not wrote for code, wrote in ended.values()))


if __name__ == "__main__":
    sys.exit(main())
