"""Replay: speed, memory, and whether the same emotions come every time. Exit code 1 when a mark is missed.

python benchmarks/replay.py [--minutes 3] [--cores 0] [--write]

The recording is the sample dialogue as a 640x480 video at 30 Hz with sound, again and again. --write writes
benchmarks/results/replay.json. Run it on a machine that has nothing else to do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from common import Mark, Result, begin, finish, options

from mer_ros.replay.sample import SampleDialogue
from mer_ros.utterance import AudioChunk, Frame

SIZE, RATE_HZ, SOUND_HZ = (640, 480), 30, 16_000
LEAST_SPEED = 10.0
MOST_GROWTH_MB = 150.0  # from the shortest to the whole recording
FIXED = ("emotions.jsonl", "emotions.mcap", "summary.json")
PIECES = "import sys, pathlib; from mer_ros.replay.run import replay_one; from mer_ros.replay.options import *; " + (
    "replay_one(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), "
    "ReplayOptions(chunk_ms=int(sys.argv[3]), read_ahead=sys.argv[4] == '1'))"
)


@dataclass(frozen=True)
class Replay:
    """A replay that was run. wall_s: of the whole command. run: its run.json."""

    folder: Path
    wall_s: float
    run: dict


def write_once(path: Path, events: Iterable[Frame | AudioChunk] | None = None) -> None:
    """Events of the size and rates above, else the sample dialogue, as a video file."""
    events = events or SampleDialogue(size=SIZE, frame_rate_hz=RATE_HZ).events()
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264" if "libx264" in av.codecs_available else "mpeg4", rate=RATE_HZ)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        sound = out.add_stream("aac", rate=SOUND_HZ, layout="mono")
        frames = samples = 0
        for event in events:
            if isinstance(event, Frame):
                picture = av.VideoFrame.from_ndarray(event.image, format="rgb24")
                picture.pts, picture.time_base = frames, Fraction(1, RATE_HZ)
                frames += 1
                out.mux(video.encode(picture))
            else:
                block = av.AudioFrame.from_ndarray(event.samples.reshape(1, -1), format="s16", layout="mono")
                block.sample_rate, block.pts, block.time_base = SOUND_HZ, samples, Fraction(1, SOUND_HZ)
                samples += len(event.samples)
                out.mux(sound.encode(block))
        for stream in (video, sound):
            out.mux(stream.encode(None))


def repeat(once: Path, path: Path, times: int) -> None:
    """The same packets again and again, with later times."""
    with av.open(str(once)) as first, av.open(str(path), "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in first.streams}
        spans = [(p.dts * p.time_base, (p.dts + p.duration) * p.time_base) for p in first.demux() if p.dts is not None]
        length = max(end for _, end in spans) - min(begin for begin, _ in spans)
        for turn in range(times):
            with av.open(str(once)) as source:
                for packet in source.demux():
                    if packet.dts is None:
                        continue
                    later = round(turn * length / packet.time_base)
                    packet.pts, packet.dts = packet.pts + later, packet.dts + later
                    packet.stream = streams[packet.stream_index]
                    out.mux(packet)


def run(command: Sequence[str], folder: Path) -> Replay:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    wall_s = time.perf_counter() - begun
    file = folder / "run.json"
    return Replay(folder, wall_s, json.loads(file.read_text()) if file.is_file() else {})


def replay(path: Path, folder: Path, *more: str) -> Replay:
    return run(["-m", "mer_ros.cli", "replay", str(path), "--output", str(folder), "--quiet", *more], folder)


def in_pieces(path: Path, folder: Path, chunk_ms: int, ahead: bool) -> Replay:
    return run(["-c", PIECES, str(path), str(folder), str(chunk_ms), str(int(ahead))], folder)


def differing(folder: Path, other: Path, names: Sequence[str]) -> list[str]:
    return [name for name in names if (folder / name).read_bytes() != (other / name).read_bytes()]


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="length of the recording (default: %(default)s)")
    given = begin(parser, None)
    with tempfile.TemporaryDirectory(prefix="mer-bench-") as temporary:
        marks, lines = measure(Path(temporary), given.minutes)
    command = f"python benchmarks/replay.py --minutes {given.minutes:g}"
    return finish(Result("replay", "Replay", command, 60, marks, lines), given.write)


def measure(folder: Path, minutes: float) -> tuple[list[Mark], list[str]]:
    once, path = folder / "once.mp4", folder / "talk.mp4"
    write_once(once)
    once_s = SampleDialogue(size=(64, 48)).duration_ns / 1e9
    repeat(once, path, max(2, round(minutes * 60 / once_s)))
    short = replay(once, folder / "short")
    whole = replay(path, folder / "whole")
    length_s, speed = whole.run["recording_s"], whole.run["recording_s"] / whole.wall_s
    growth_mb = whole.run["peak_memory_mb"] - short.run["peak_memory_mb"]
    lines = [
        "| what | measured |",
        "| --- | --- |",
        f"| recording | {length_s:.0f} s, 640x480 at {RATE_HZ} Hz, H.264 and AAC |",
        f"| the whole command, models loaded and report written | {whole.wall_s:.1f} s, **{speed:.1f} x real time** |",
        f"| the replay alone | {whole.run['wall_s']:.1f} s, {whole.run['speed']:.1f} x real time |",
        f"| processor time for a second of recording | {whole.run['cpu_s'] / length_s:.3f} s |",
        f"| peak memory | {whole.run['peak_memory_mb']:.0f} MB; {growth_mb:+.0f} MB over that of {once_s:.0f} s |",
    ]
    pair = folder / "pair"
    pair.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (pair / name).symlink_to(once)
    one_by_one, together = replay(pair, folder / "one"), replay(pair, folder / "two", "--jobs", "2")
    checks = {
        "twice": differing(replay(path, folder / "again").folder, whole.folder, FIXED),
        "one thread": differing(in_pieces(once, folder / "thread", 100, False).folder, short.folder, FIXED),
        "chunks of 5 ms": differing(in_pieces(once, folder / "small", 5, True).folder, short.folder, FIXED[:2]),
        "chunks of 200 ms": differing(in_pieces(once, folder / "large", 200, True).folder, short.folder, FIXED[:2]),
        "--jobs 2": [
            *differing(together.folder, one_by_one.folder, ("emotions.jsonl", "summary.json")),
            *differing(together.folder / "a.mp4", one_by_one.folder / "a.mp4", FIXED),
        ],
    }
    lines += [
        f"| same bytes: {name} | {'yes' if not parts else 'NO: ' + ', '.join(parts)} |"
        for name, parts in checks.items()
    ]
    jobs = 2 * once_s / together.run["wall_s"]
    lines.append(f"| two recordings with --jobs 2, models loaded twice | {jobs:.1f} x real time |")
    marks = [
        Mark("whole replay, 640x480 at 30 Hz with speech: times real time", LEAST_SPEED, speed, at_least=True),
        Mark("replay: memory added by a long recording", MOST_GROWTH_MB, growth_mb, "MB"),
        Mark("replay: runs of one recording that differ", 0, sum(map(bool, checks.values()))),
    ]
    return marks, lines


if __name__ == "__main__":
    sys.exit(main())
