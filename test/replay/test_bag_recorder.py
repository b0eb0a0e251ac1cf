from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from rosbags.highlevel import AnyReader
from scan import scan

from mer_ros.errors import OutputError
from mer_ros.replay.bag_recorder import BagRecorder
from mer_ros.replay.bag_writer import BagWriter
from mer_ros.replay.definitions import find_definition

STRING = "std_msgs/msg/String"


def message(number: int) -> bytes:
    return b"\0\1\0\0\7\0\0\0" + b"%06d\0" % number


def recorder_to(folder: Path, **options) -> BagRecorder:
    recorder = BagRecorder(folder, **options)
    recorder.add_topic("/t", STRING, "string data\n")
    return recorder


def test_all_that_was_put_is_in_the_bag(tmp_path):
    recorder = recorder_to(tmp_path / "bag")
    assert all(recorder.put("/t", 10 + n, message(n), sent_ns=n) for n in range(5000))
    recorder.close()
    assert sorted(p.name for p in (tmp_path / "bag").iterdir()) == ["bag_0.mcap", "metadata.yaml"]
    with AnyReader([tmp_path / "bag"]) as reader:
        found = [(t, reader.deserialize(d, c.msgtype).data) for c, t, d in reader.messages()]
    assert found == [(10 + n, f"{n:06d}") for n in range(5000)]
    told = yaml.safe_load((tmp_path / "bag" / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert (told["message_count"], told["relative_file_paths"]) == (5000, ["bag_0.mcap"])
    assert told["starting_time"]["nanoseconds_since_epoch"] + told["duration"]["nanoseconds"] == 10 + 4999


def test_what_was_put_is_in_the_file_soon_without_an_end(tmp_path):
    recorder = recorder_to(tmp_path / "bag", flush_s=0.05)
    for n in range(10):
        recorder.put("/t", n, message(n))
    file = tmp_path / "bag" / "bag_0.mcap"
    until = time.monotonic() + 30
    while len(scan(file)) < 10 and time.monotonic() < until:
        time.sleep(0.02)
    assert scan(file) == [("/t", n) for n in range(10)]
    recorder.close()


def test_what_does_not_fit_is_dropped_and_counted_and_room_comes_back(tmp_path, monkeypatch):
    go = threading.Event()
    write = BagWriter.write

    def slow(self, *arguments, **options):
        go.wait(30)
        write(self, *arguments, **options)

    monkeypatch.setattr(BagWriter, "write", slow)
    recorder = recorder_to(tmp_path / "bag", queue_bytes=10 * len(message(0)))
    taken = [recorder.put("/t", n, message(n)) for n in range(25)]
    assert taken == [True] * 10 + [False] * 15
    go.set()
    until = time.monotonic() + 30
    while not recorder.put("/t", 99, message(99)) and time.monotonic() < until:
        time.sleep(0.01)
    recorder.close()
    assert recorder.counts["/t"] == 11
    assert recorder.dropped["/t"] >= 15
    with AnyReader([tmp_path / "bag"]) as reader:
        assert [t for _, t, _ in reader.messages()] == [*range(10), 99]


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    with pytest.raises(OutputError, match="exists already"):
        BagRecorder(tmp_path)


def test_a_full_disk_is_told_in_a_sentence_and_the_file_is_finished(tmp_path):
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
        "from mer_ros.errors import OutputError\n"
        "from mer_ros.replay.bag_recorder import BagRecorder\n"
        "recorder = BagRecorder(Path(sys.argv[1]), flush_s=0.0)\n"
        "recorder.add_topic('/t', 'std_msgs/msg/String', 'string data\\n')\n"
        "import time\n"
        "for n in range(10_000):\n"
        "    recorder.put('/t', n, b'\\0\\1\\0\\0\\7\\0\\0\\0' + b'%06d\\0' % n)\n"
        "    if n % 100 == 0: time.sleep(0.002)\n"
        "try:\n"
        "    recorder.close()\n"
        "except OutputError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "bag")], capture_output=True, text=True)
    assert done.stderr == ""
    assert "cannot be written: File too large; the " in done.stdout
    kept = int(done.stdout.split("; the ")[1].split()[0])
    assert kept > 100
    assert [t for _, t in scan(tmp_path / "bag" / "bag_0.mcap")] == list(range(kept))


def test_definitions_are_joined_from_installed_files(tmp_path, monkeypatch):
    for name, text in {
        "a/msg/Outer.msg": "# words\nb/Inner a  # c/Other o\nSame[<=3] several\nstring<=5 n\nuint8 X=3\nb/Inner[] m",
        "a/msg/Same.msg": "float32[7] values\nb/msg/Inner twice\n",
        "b/msg/Inner.msg": "uint8 x\n",
        "b/msg/Lost.msg": "b/NotThere x\n",
    }.items():
        file = tmp_path / "share" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    rule = "=" * 80 + "\nMSG: "
    text = find_definition("a/msg/Outer")
    assert text.startswith("# words\n")
    assert text.split(rule)[1:] == ["b/Inner\nuint8 x\n", "a/Same\nfloat32[7] values\nb/msg/Inner twice\n"]
    assert find_definition("b/msg/Lost") is None
    assert find_definition("c/msg/Nothing") is None
