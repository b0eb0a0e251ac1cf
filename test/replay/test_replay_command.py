"""`mer replay` as a user calls it: what it says, and its exit codes."""

from __future__ import annotations

import json
import re
import wave
from pathlib import Path

import pytest
from bags import write_recording
from replayed import SECOND, CheapLoaded, Made, merged, pictures, spoken_wav, tones

from mer_ros import cli
from mer_ros.errors import InputError
from mer_ros.replay import run
from mer_ros.replay.tail import SoundEnd, with_ends
from mer_ros.utterance import AudioChunk, Frame


@pytest.fixture(autouse=True)
def cheap(monkeypatch, tmp_path):
    loaded = CheapLoaded()
    monkeypatch.setattr(run, "loaded_for", lambda settings: loaded)
    monkeypatch.chdir(tmp_path)


def mer(capsys, *arguments: str) -> tuple[int, str, str]:
    code = cli.main(["replay", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_sound_file_goes_to_a_folder_of_its_name(capsys, tmp_path):
    spoken_wav(tmp_path / "talk.wav")
    code, out, err = mer(capsys, "talk.wav", "--json")
    assert (code, err.count("error")) == (0, 0)
    summary = json.loads(out.splitlines()[-1])
    assert summary["utterances"] >= 1
    assert "report: replays/talk/report.html" in out
    assert re.search(r"\d+ utterances? in 6\.2 s of recording, replayed in .* x real time", out)
    assert {"emotions.jsonl", "emotions.mcap", "summary.json", "run.json", "report.html"} <= {
        p.name for p in Path("replays/talk").iterdir()
    }
    assert "talk.wav: 0:06, sound alone: faces are left out" in err


def test_a_home_that_the_shell_leaves_is_found(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    spoken_wav(tmp_path / "home/talk.wav")
    assert mer(capsys, "~/talk.wav", "--quiet", "--output=~/here") == (0, "", "")
    assert Path("home/here/summary.json").is_file()


def test_names_do_not_reach_the_terminal_as_commands(capsys, tmp_path):
    spoken_wav(tmp_path / "talk\x1b[31m.wav")
    code, out, err = mer(capsys, "talk\x1b[31m.wav", "--json")
    assert code == 0
    assert "talk [31m.wav" in err
    assert "\x1b" not in out.rpartition("\n{")[0] + err
    code, _, err = mer(capsys, "gone\x1b[31m.wav")
    assert (code, "\x1b" in err) == (2, False)


def test_the_runs_of_other_recordings_are_not_overwritten(capsys, tmp_path):
    for name in ("talk.wav", "there/talk.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        spoken_wav(tmp_path / name, 0, 3)
    (tmp_path / "talk.snd").write_bytes((tmp_path / "talk.wav").read_bytes())
    for _ in range(2):
        for name in ("talk.wav", "talk.snd", "there/talk.wav", "there"):
            assert mer(capsys, name, "--quiet") == (0, "", "")
    told = {p.name: json.loads((p / "run.json").read_text())["input"] for p in Path("replays").iterdir()}
    here = str(tmp_path)
    assert told == {
        "talk": f"{here}/talk.wav",
        "talk.snd": f"{here}/talk.snd",
        "talk.wav": f"{here}/there/talk.wav",
        "there": f"{here}/there",
    }
    assert here not in Path("replays/talk/report.html").read_text()


def test_quiet_says_nothing(capsys, tmp_path):
    spoken_wav(tmp_path / "talk.wav")
    assert mer(capsys, "talk.wav", "--quiet", "--output", "here") == (0, "", "")
    assert Path("here/summary.json").is_file()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.mp4", None, "absent.mp4"),
        ("empty.mp4", b"", "empty.mp4"),
        ("notes.txt", b"hello", "notes.txt"),
        ("old.bag", b"#ROSBAG V2.0\n", "ROS 1"),
        ("folder/", None, "folder"),
    ],
)
def test_what_is_no_recording_is_refused_in_a_sentence(capsys, tmp_path, name, content, said):
    if name.endswith("/"):
        (tmp_path / name).mkdir()
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    code, out, err = mer(capsys, name)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert said in err
    assert len(err.splitlines()) == 1
    assert not Path("replays").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--jobs", "0"], "--jobs is 0"),
        (["--models", "nowhere"], "models is 'nowhere'"),
        (["--params-file", "nowhere.yaml"], "nowhere.yaml"),
        (["--recogniser", "outside"], "recogniser"),
        (["--ouptut", "x"], "did you mean --output?"),
    ],
)
def test_wrong_options_are_refused(capsys, tmp_path, arguments, said):
    spoken_wav(tmp_path / "talk.wav", 0, 0.5)
    code, _, err = mer(capsys, "talk.wav", *arguments)
    assert code == 2
    assert said in err


def test_a_recording_that_breaks_off_is_told_and_kept(capsys, monkeypatch, tmp_path):
    (tmp_path / "talk.mcap").write_bytes(b"")
    broken = Made([*merged(tones([(1.0, 2.0)], 4.0), pictures(4.0)), InputError("it is cut off")], "talk.mcap")
    monkeypatch.setattr(run, "open_source", lambda path, options: broken)
    code, out, err = mer(capsys, "talk.mcap")
    assert code == 2
    assert "1 utterance" in out
    assert "error: it is cut off; what was computed is in replays/talk" in err
    assert (out + err).count("it is cut off") == 1
    assert len(Path("replays/talk/emotions.jsonl").read_text().splitlines()) == 1


def test_a_bad_recording_of_several_is_told_once(capsys, tmp_path):
    (tmp_path / "all").mkdir()
    spoken_wav(tmp_path / "all/a.wav", 0, 3)
    (tmp_path / "all/b.mp4").write_bytes(b"no video")
    with wave.open(str(tmp_path / "all/c.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    code, out, err = mer(capsys, "all")
    assert code == 2
    assert (out + err).count("b.mp4 is no sound or video file") == 1
    assert (out + err).count("a.wav holds no video") == 1
    assert (out + err).count("nothing in all/c.wav can be decoded") == 1
    assert "a.wav: a.wav" not in out


def test_an_empty_path_is_not_the_folder_that_we_are_in(capsys, tmp_path):
    spoken_wav(tmp_path / "talk.wav")
    code, _, err = mer(capsys, "")
    assert code == 2
    assert "give a path" in err
    assert not Path("replays").exists()


@pytest.mark.parametrize("option", ["--image-topic", "--robot-speaking-topic"])
def test_a_topic_is_refused_where_there_is_no_bag(capsys, tmp_path, option):
    spoken_wav(tmp_path / "talk.wav")
    for name in ("talk.wav", "sample", "."):
        code, _, err = mer(capsys, name, option, "/eye")
        assert code == 2
        assert err.startswith(f"error: {option} names a topic of a bag, and ")
    assert not Path("replays").exists()


def test_ctrl_c_says_where_what_was_computed_is(capsys, monkeypatch, tmp_path):
    (tmp_path / "talk.mcap").write_bytes(b"")
    broken = Made([*merged(tones([(1.0, 2.0)], 4.0), pictures(4.0)), KeyboardInterrupt()], "talk.mcap")
    monkeypatch.setattr(run, "open_source", lambda path, options: broken)
    code, _, err = mer(capsys, "talk.mcap", "--quiet")
    assert code == 130
    assert err == "interrupted: what was computed is in replays/talk\n"
    assert Path("replays/talk/report.html").is_file()


def test_a_bag_that_is_cut_off_is_not_complete(capsys, tmp_path):
    events = merged(tones([(1.0, 2.0)], 8.0), pictures(8.0))
    write_recording(tmp_path / "bag", events)
    file = next((tmp_path / "bag").glob("*.mcap"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    code, out, err = mer(capsys, "bag", "--json")
    assert (code, err.count("error")) == (2, 0)
    summary = json.loads(out.splitlines()[-1])
    assert summary["complete"] is False
    assert "is cut off or damaged" in out
    told = "error: bag is cut off or damaged, see its report; what was computed is in replays/{}\n"
    assert mer(capsys, "bag", "--quiet") == (2, "", told.format("bag"))
    (tmp_path / "all").mkdir()
    (tmp_path / "bag").rename(tmp_path / "all/bag")
    spoken_wav(tmp_path / "all/talk.wav")  # without pictures, which is no fault
    assert mer(capsys, "all", "--quiet") == (2, "", told.format("all"))


def test_help_names_what_is_written(capsys):
    code, out, _ = mer(capsys, "--help")
    assert code == 0
    for word in ("emotions.jsonl", "emotions.mcap", "report.html", "--jobs", "--scheduler", "--thumbnails", "--quiet"):
        assert word in out


@pytest.mark.parametrize("chunk_s", [0.02, 0.5, 1.0])
def test_the_end_of_the_sound_is_told_once_wherever_it_is(chunk_s):
    sound = tones([(0.5, 1.0)], 4.0, chunk_s)
    frames = pictures(20.0)
    ends = [e for e in with_ends(merged(sound, frames), 1.6, 2.0) if isinstance(e, SoundEnd)]
    assert [e.stamp_ns for e in ends] == [round((1 + 4.0 + 1.6) * SECOND)]
    events = list(with_ends(merged(sound, frames), 1.6, 2.0))
    last = next(n for n, e in enumerate(events) if isinstance(e, SoundEnd))
    passed = [e.stamp_ns for e in events[:last] if isinstance(e, Frame)]
    assert max(passed) < (1 + 4.0 + 2.0) * SECOND + 0.1 * SECOND
    samples = sum(len(e.samples) for e in events if isinstance(e, AudioChunk))
    assert samples == (4.0 + 1.6) * 16_000


def test_frames_of_another_clock_do_not_end_the_sound():
    sound = tones([(0.5, 1.0)], 4.0)
    frames = [Frame(f.stamp_ns + 3600 * SECOND, f.image) for f in pictures(4.0)]
    mixed = [event for pair in zip(sound, frames, strict=True) for event in pair]
    ends = [n for n, e in enumerate(with_ends(mixed, 1.6, 2.0)) if isinstance(e, SoundEnd)]
    assert ends == [len(mixed) + 16]
