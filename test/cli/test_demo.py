"""`mer demo` as a person runs it: the whole graph over DDS, on two turns of the sample and small models."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="the demo needs ROS 2")
pytest.importorskip("mer_msgs.msg", reason="the demo needs mer_msgs, built")
av = pytest.importorskip("av")

from mer_ros.replay.sample import SampleDialogue  # noqa: E402
from mer_ros.utterance import Frame  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
END_NS = 9_400_000_000  # between the second and the third turn
pytestmark = [pytest.mark.graph, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A video of two turns, small models and parameters without a dialogue model."""
    from model_files import add_model

    folder = tmp_path_factory.mktemp("demo")
    for task in ("text", "speech", "face"):
        add_model(folder, task)
    settings = (ROOT / "config" / "mer.yaml").read_text()
    assert "use_dialogue: true" in settings
    (folder / "mer.yaml").write_text(settings.replace("use_dialogue: true", "use_dialogue: false"))
    with av.open(str(folder / "two turns.mkv"), "w") as out:
        video = out.add_stream("mpeg4", rate=15)
        video.width, video.height, video.bit_rate, video.pix_fmt = 640, 480, 4_000_000, "yuv420p"
        sound = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for event in SampleDialogue().events():
            if event.stamp_ns > END_NS:
                break
            if isinstance(event, Frame):
                frame = av.VideoFrame.from_ndarray(event.image, format="rgb24")
                frame.pts, frame.time_base = round(event.stamp_ns * 15 / 1e9), Fraction(1, 15)
                out.mux(video.encode(frame))
            else:
                block = av.AudioFrame.from_ndarray(event.samples.T.copy(), format="s16", layout="mono")
                block.sample_rate, block.time_base = 16_000, Fraction(1, 16_000)
                block.pts = event.stamp_ns * 16_000 // 10**9
                out.mux(sound.encode(block))
        out.mux(video.encode(None))
    return folder


def command(folder: Path, *more: str) -> list[str]:
    options = [
        "--file",
        str(folder / "two turns.mkv"),
        "--models",
        str(folder),
        "--params-file",
        str(folder / "mer.yaml"),
    ]
    return [sys.executable, "-m", "mer_ros.cli", "demo", *options, *more]


ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "ROS_DOMAIN_ID"} | {"PYTHONPATH": str(ROOT)}


def test_one_line_for_each_utterance(folder, tmp_path):
    out = subprocess.run(
        command(folder, "--log-dir", str(tmp_path / "log")),
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=150,
    )
    assert out.returncode == 0, out.stdout + out.stderr
    assert out.stderr == ""
    turns = [line for line in out.stdout.split("\n") if line.startswith("turn ")]
    assert [line.split(",")[0] for line in turns] == ["turn 1", "turn 2"]
    assert "best of times" in turns[0]
    assert all("face-" in line and "audio" in line for line in turns)
    assert "2 of 2 utterances got an emotion" in out.stdout
    assert (tmp_path / "log" / "fusion.log").stat().st_size > 0


def test_the_live_view_on_a_terminal(folder):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(folder),
        stdout=theirs,
        stderr=theirs,
        env={**ENVIRONMENT, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux tells so that the other end is closed
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert process.wait(timeout=60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())
    for part in ("starting", "best of times", "after end of speech", "sadness", "2 of 2 utterances got an emotion"):
        assert part in text, part
    assert "Traceback" not in text
    assert "[INFO]" not in text


def test_ctrl_c_ends_every_process(folder, tmp_path):
    process = subprocess.Popen(
        command(folder, "--log-dir", str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    end = time.monotonic() + 60
    while not (tmp_path / "file_player.log").exists() and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=40)
    assert process.returncode == 1
    assert errors == "error: it was stopped before the first emotion came\n"
    left = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True)
    assert left.stdout == ""


def test_a_file_that_cannot_be_decoded_is_named(folder, tmp_path):
    file = tmp_path / "empty.wav"
    file.write_bytes(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\0\0\0\0")
    out = subprocess.run(
        command(folder, "--file", str(file)), capture_output=True, text=True, env=ENVIRONMENT, timeout=100
    )
    assert out.returncode == 1
    assert out.stderr.startswith(f"error: file_player cannot go on: nothing in {file} can be decoded")
    assert out.stderr.count("\n") == 1


def test_wrong_parameters_are_named(folder, tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text("/**/camera:\n  ros__parameters:\n    observer.window_frames: 100000\n")
    out = subprocess.run(
        command(folder, "--params-file", str(file)), capture_output=True, text=True, env=ENVIRONMENT, timeout=100
    )
    assert out.returncode == 1
    assert "error: camera cannot go on: " in out.stderr
    assert "window_frames" in out.stderr


def test_a_graph_that_cannot_come_up_says_why_at_once(folder, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    for file in folder.iterdir():
        (models / file.name).write_bytes(file.read_bytes() if file.name == "manifest.yaml" else b"rubbish")
    begin = time.monotonic()
    out = subprocess.run(
        command(folder, "--models", str(models)), capture_output=True, text=True, env=ENVIRONMENT, timeout=100
    )
    assert out.returncode == 1
    assert out.stderr.count("\n") == 1
    assert "fusion: " in out.stderr
    assert str(models) in out.stderr
    assert "the logs are in" in out.stderr
    assert time.monotonic() - begin < 60


def test_a_model_without_its_file_is_named_before_anything_starts(folder, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    (models / "manifest.yaml").write_text((folder / "manifest.yaml").read_text())  # and none of its files
    out = subprocess.run(
        command(folder, "--models", str(models)), capture_output=True, text=True, env=ENVIRONMENT, timeout=100
    )
    assert (out.returncode, out.stdout) == (2, "")
    assert f".onnx in {models}, the model for " in out.stderr
    assert out.stderr.count("\n") == 1
