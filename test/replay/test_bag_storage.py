"""Bag files as they lie on disks: split, compressed, cut off, damaged, hostile."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import struct
import tempfile
import tracemalloc
from pathlib import Path

import lz4.frame
import numpy as np
import pytest
import yaml
from backports import zstd
from bags import NS, STORAGES, Layout, cut, unfinished, write_recording
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer

from mer_ros.errors import InputError
from mer_ros.replay.bag import RecordingOptions, find_recordings, open_recording
from mer_ros.utterance import AudioChunk, Frame

START = 1_700_000_000 * NS
SUFFIX = {"mcap": "mcap", "sqlite3": "db3"}


def recording(seconds: float = 1.0):
    """Small frames at 15 Hz and chunks of 20 ms, all different."""
    rng = np.random.default_rng(7)
    frames = [
        Frame(START + n * NS // 15, rng.integers(0, 256, (16, 24, 3)).astype(np.uint8))
        for n in range(int(seconds * 15))
    ]
    chunks = [
        AudioChunk(START + n * NS // 50, rng.integers(-99, 99, 320).astype(np.int16), 16_000)
        for n in range(int(seconds * 50))
    ]
    return sorted([*frames, *chunks], key=lambda event: event.stamp_ns)


def said(events):
    return [(e.stamp_ns, (e.image if isinstance(e, Frame) else e.samples).tobytes()) for e in events]


EVENTS = recording()
WHOLE = said(EVENTS)


def file_in(folder: Path) -> Path:
    (file,) = [path for path in folder.iterdir() if path.name.endswith((".mcap", ".db3", ".zstd"))]
    return file


def rewritten(source: Path, target: Path, storage: str, mode: str) -> Path:
    """The same messages in a bag of another storage and compression."""
    writer = Writer(target, version=9, storage_plugin=StoragePlugin[storage.upper()])
    if mode != "none":
        writer.set_compression(CompressionMode[mode.upper()], CompressionFormat.ZSTD)
    with Reader(source) as reader, writer:
        known = {}
        for connection, log_ns, data in reader.messages():
            if connection.id not in known:
                known[connection.id] = writer.add_connection(
                    connection.topic, connection.msgtype, msgdef=connection.msgdef.data, rihs01=connection.digest
                )
            writer.write(known[connection.id], log_ns, data)
    return target


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    """A whole bag of each storage; copied where a test changes it."""
    folder = tmp_path_factory.mktemp("bags")
    return {storage: write_recording(folder / storage, EVENTS, storage) for storage in STORAGES}


@pytest.fixture
def bag(bags, tmp_path):
    def copied(storage="mcap", name="bag"):
        return shutil.copytree(bags[storage], tmp_path / name)

    return copied


@pytest.mark.parametrize("storage", STORAGES)
def test_folder_file_and_folder_without_metadata_give_the_same(bag, storage):
    path = bag(storage)
    assert said(open_recording(path).events()) == WHOLE
    assert said(open_recording(file_in(path)).events()) == WHOLE
    (path / "metadata.yaml").unlink()
    source = open_recording(path)
    assert said(source.events()) == WHOLE
    assert any("no metadata.yaml" in warning for warning in source.warnings)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("mode", ["none", "file", "message", "storage"])
def test_compressed_bags_give_the_same(bags, tmp_path, storage, mode):
    if (storage, mode) == ("sqlite3", "storage"):
        mode = "message"
    before = set(Path(tempfile.gettempdir()).glob("mer-bag-*"))
    path = rewritten(bags["mcap"], tmp_path / "bag", storage, mode)
    source = open_recording(path)
    assert said(source.events()) == WHOLE
    assert not source.warnings
    del source
    assert set(Path(tempfile.gettempdir()).glob("mer-bag-*")) <= before


def chunk(kind: str, records: bytes, *, size: int | None = None, packed: bytes | None = None) -> bytes:
    pack = {"lz4": lz4.frame.compress, "zstd": zstd.compress, "": bytes}.get(kind, bytes)
    content = pack(records) if packed is None else packed
    name = kind.encode()
    head = struct.pack("<QQQII", 0, 0, len(records) if size is None else size, 0, len(name)) + name
    return record(6, head + struct.pack("<Q", len(content)) + content)


def record(kind: int, content: bytes) -> bytes:
    return struct.pack("<BQ", kind, len(content)) + content


def records_of(file: Path) -> bytes:
    """Schemas, channels and messages of a file whose chunks are not compressed."""
    content, at, found = file.read_bytes(), 8, b""
    while content[at] != 0x0F:
        kind, length = struct.unpack_from("<BQ", content, at)
        if kind == 6:
            (name,) = struct.unpack_from("<I", content, at + 9 + 28)
            assert name == 0
            found += content[at + 9 + 40 : at + 9 + length]
        at += 9 + length
    return found


MAGIC = b"\x89MCAP0\r\n"
END = record(15, bytes(4)) + record(2, bytes(20)) + MAGIC


@pytest.mark.parametrize("kind", ["plain", "", "zstd", "lz4"])
def test_mcap_of_other_writers(bags, tmp_path, kind):
    """No index, no statistics; chunks of either compression, or none at all."""
    records = records_of(file_in(bags["mcap"]))
    body = records if kind == "plain" else chunk(kind, records)
    path = tmp_path / "a.mcap"
    path.write_bytes(MAGIC + record(1, bytes(8)) + body + record(0x80, b"private") + END)
    source = open_recording(path)
    assert said(source.events()) == WHOLE
    assert not source.warnings


@pytest.mark.parametrize(
    "bad",
    [
        chunk("zstd", b"", size=10**15, packed=b"\x28\xb5\x2f\xfd"),
        chunk("zstd", bytes(10**7), size=1000),
        chunk("zstd", b"abc", packed=b"rubbish"),
        chunk("lz4", b"abc", packed=b"rubbish"),
        chunk("brotli", b"abc"),
        chunk("", record(5, b"too short")),
        chunk("", struct.pack("<BQ", 5, 10**9)),
        chunk("", chunk("", b"nested")),
        record(6, struct.pack("<QQQII", 0, 0, 0, 0, 10**6)),
    ],
    ids=["promise", "bomb", "zstd", "lz4", "brotli", "short", "long", "nested", "name"],
)
def test_a_damaged_chunk_is_counted_and_passed_over(bags, tmp_path, bad):
    records = records_of(file_in(bags["mcap"]))
    path = tmp_path / "a.mcap"
    path.write_bytes(MAGIC + chunk("zstd", records) + bad + END)
    source = open_recording(path)
    assert said(source.events()) == WHOLE
    assert source.counts["damaged_chunks"] == 1


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("metadata", ["listed", "none", "of another folder"])
def test_a_bag_cut_in_two_and_joined_is_the_same_again(tmp_path, storage, metadata):
    joined = tmp_path / "joined"
    joined.mkdir()
    names = []
    for number, part in enumerate((EVENTS[:40], EVENTS[40:])):
        file = file_in(write_recording(tmp_path / f"part_{number}", part, storage))
        names.append(f"talk_{number + 9}.{SUFFIX[storage]}")
        shutil.copy(file, joined / names[-1])
    if metadata != "none":
        listed = names if metadata == "listed" else [f"/home/them/../talk/{name}" for name in names]
        content = {"rosbag2_bagfile_information": {"relative_file_paths": listed}}
        (joined / "metadata.yaml").write_text(yaml.safe_dump(content))
    assert find_recordings(joined) == [joined]
    source = open_recording(joined)
    assert said(source.events()) == WHOLE
    assert (metadata == "none") == bool(source.warnings)


def lists(*names):
    return yaml.safe_dump({"rosbag2_bagfile_information": {"relative_file_paths": list(names)}})


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (lists("gone.mcap"), "lacks its file gone.mcap"),
        (lists("../other/secret.mcap", "bag.mcap"), "lacks its file secret.mcap"),
        (lists("/etc/passwd", "bag.mcap"), "lacks its file passwd"),
        ("a: [", "cannot be used"),
        ("- 1", "cannot be used"),
        (yaml.safe_dump({"rosbag2_bagfile_information": {"relative_file_paths": 3}}), "cannot be used"),
        ("!!python/object/apply:os.system ['true']", "cannot be used"),
        ("\xff\x00", "cannot be used"),
    ],
)
def test_metadata_that_is_wrong_or_hostile(bag, tmp_path, text, warning):
    path = bag("mcap")
    file_in(path).rename(path / "bag.mcap")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "secret.mcap").write_bytes(b"do not read this")
    (path / "metadata.yaml").write_text(text, encoding="latin-1")
    source = open_recording(path)
    assert said(source.events()) == WHOLE
    assert any(warning in said_so for said_so in source.warnings)


@pytest.mark.parametrize("storage", STORAGES)
def test_an_unfinished_bag_is_read_whole(bag, storage):
    source = open_recording(unfinished(bag(storage)))
    assert said(source.events()) == WHOLE
    assert source.warnings


def prefix(found, of):
    """Whether each topic's events are the first of the whole recording's."""
    for kind in (Frame, AudioChunk):
        part = said(e for e in found if isinstance(e, kind))
        if part != said(e for e in of if isinstance(e, kind))[: len(part)]:
            return False
    return True


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("packed", ["no", "chunks", "file"])
def test_a_bag_that_is_cut_off_anywhere_is_read_up_to_there(bags, tmp_path, storage, packed):
    path = bags[storage]
    if packed != "no":
        mode = "file" if packed == "file" else "storage" if storage == "mcap" else "message"
        path = rewritten(bags["mcap"], tmp_path / "packed", storage, mode)
    content, longest = file_in(path).read_bytes(), 0
    target = tmp_path / file_in(path).name
    for share in (0.02, 0.3, 0.6, 0.9, 0.97, 1 - 1 / len(content)):
        target.write_bytes(content[: int(len(content) * share)])
        try:
            source = open_recording(target)
        except InputError:
            continue
        found = list(source.events())
        # what is missing of a database's last page reads as zeros: that may spoil one message
        assert prefix(found, EVENTS) if storage == "mcap" else len(set(said(found)) - set(WHOLE)) <= 1
        assert source.warnings or len(found) == len(EVENTS)
        assert len(found) >= longest
        longest = len(found)
    assert longest > len(EVENTS) // 2 or packed != "no"  # one block of zstd holds all of this small recording


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), storage=st.sampled_from(STORAGES))
def test_damage_anywhere_never_crashes(bags, tmp_path, data, storage):
    content = bytearray(file_in(bags[storage]).read_bytes())
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = rng.randrange(len(content))
        content[at : at + 8] = rng.randbytes(min(8, len(content) - at))
    path = tmp_path / f"x.{SUFFIX[storage]}"
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        assert len(list(open_recording(path).events())) <= len(EVENTS)


def test_rows_that_cannot_be_read_are_passed_over(bag):
    path = file_in(bag("sqlite3"))
    content = bytearray(path.read_bytes())
    page = 4096
    half = len(content) // 2 // page * page
    content[half : half + page] = b"\xee" * page  # some page in the midst of the rows
    path.write_bytes(content)
    source = open_recording(path)
    found = list(source.events())
    assert len(EVENTS) * 0.7 < len(found) <= len(EVENTS)
    assert found[-1].stamp_ns == EVENTS[-1].stamp_ns


def test_what_a_killed_recorder_left_beside_a_database_is_read(bag, tmp_path):
    """In WAL mode all that was written last lies in the file -wal."""
    path = file_in(bag("sqlite3"))
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("PRAGMA wal_autocheckpoint=0")
    rows = base.execute("SELECT * FROM messages").fetchall()
    base.execute("DELETE FROM messages")
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.executemany(f"INSERT INTO messages VALUES ({','.join('?' * len(rows[0]))})", rows)
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in (path.name, f"{path.name}-wal"):
        shutil.copy(path.with_name(name), killed / name)
    base.close()
    source = open_recording(killed)
    assert said(source.events()) == WHOLE
    assert any("-wal" in warning for warning in source.warnings)


@pytest.mark.parametrize(
    ("key", "name", "encoding", "damaged"),
    [
        ("x", "/mic", "cdr", 1),
        (None, "/mic", "cdr", 1),
        (1e300, "/mic", "cdr", 1),
        (1, b"\xff", "cdr", 1),
        (1, "/a" * 600, "cdr", 1),
        (1, "/mic", None, 1),
        (1, "/mic\x1b[31m'; DROP TABLE messages;--../../etc", "cdr", 0),
    ],
)
def test_what_no_recorder_writes_into_a_database_is_passed_over(tmp_path, key, name, encoding, damaged):
    kind, sound = "audio_common_msgs/msg/AudioData", b"\0\1\0\0" + (320).to_bytes(4, "little") + b"\1" * 320
    with contextlib.closing(sqlite3.connect(tmp_path / "talk.db3")) as base:
        base.execute("CREATE TABLE topics(id, name, type, serialization_format)")
        base.execute("CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id, timestamp, data)")
        for topic in ((key, name, kind, encoding), (2, "/ok", kind, "cdr")):
            base.execute("INSERT INTO topics VALUES (?, ?, ?, ?)", topic)
        for row in ((key, NS, sound), (2, NS, sound), (2, "now", sound), (2, 2 * NS, "text"), (2, 3 * NS, sound)):
            base.execute("INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)", row)
        base.commit()
    source = open_recording(tmp_path / "talk.db3", RecordingOptions(audio_topic="/ok"))
    assert len(list(source.events())) == 2
    assert source.counts["damaged_rows"] == 2
    assert source.counts["damaged_topics"] == damaged
    assert not source.is_whole


@pytest.mark.parametrize("method", ["zstd", "lz4"])
@pytest.mark.parametrize("told", [2**40, 2**63, 100 << 20])
def test_chunks_that_swell_beyond_all_measure_take_no_memory(tmp_path, method, told):
    """Those that promise more than is accepted, and those that hold more than they promise."""
    swollen = bytes(400 << 20)
    packed = zstd.compress(swollen) if method == "zstd" else lz4.frame.compress(swollen)
    del swollen
    (tmp_path / "bomb.mcap").write_bytes(MAGIC + chunk(method, b"", size=told, packed=packed) * 3)
    tracemalloc.start()
    with pytest.raises(InputError, match="damaged chunks"):
        open_recording(tmp_path / "bomb.mcap")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (260 << 20)


@pytest.mark.parametrize("journal", [b"", b"rubbish" * 100])
def test_a_journal_that_was_left_over(bag, journal):
    path = file_in(bag("sqlite3"))
    Path(f"{path}-journal").write_bytes(journal)
    assert said(open_recording(path).events()) == WHOLE


def test_types_are_known_where_the_bag_holds_no_definitions(bag):
    path = file_in(bag("sqlite3"))
    with sqlite3.connect(path) as base:
        base.execute("DROP TABLE message_definitions")
    assert said(open_recording(path).events()) == WHOLE


@pytest.mark.parametrize("sound", ["raw", "stamped_raw", "stamped_portaudio_int16"])
def test_both_audio_packages_are_known_where_the_bag_holds_no_definitions(tmp_path, sound):
    path = file_in(write_recording(tmp_path / "bag", EVENTS, "sqlite3", Layout(sound=sound, image_topic="")))
    with sqlite3.connect(path) as base:
        base.execute("DELETE FROM message_definitions")
    found = list(open_recording(path).events())
    assert [chunk.samples.tobytes() for chunk in found] == [
        e.samples.tobytes() for e in EVENTS if hasattr(e, "samples")
    ]


def as_view(path):
    with sqlite3.connect(path) as base:
        base.execute("ALTER TABLE messages RENAME TO real")
        base.execute("CREATE VIEW messages AS SELECT * FROM real")


def without_tables(path):
    path.unlink()
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE x (y)")


@pytest.mark.parametrize(
    ("storage", "change", "part"),
    [
        ("sqlite3", as_view, "no tables 'topics' and 'messages'"),
        ("sqlite3", without_tables, "no tables 'topics' and 'messages'"),
        ("sqlite3", lambda path: path.write_bytes(b""), "is empty"),
        ("sqlite3", lambda path: path.write_bytes(b"x" * 5000), "no SQLite file"),
        ("mcap", lambda path: path.write_bytes(b""), "is empty"),
        ("mcap", lambda path: path.write_bytes(b"SQLite format 3\0" * 9), "no MCAP file"),
        ("mcap", lambda path: path.write_bytes(MAGIC), "holds no messages"),
        ("mcap", lambda path: path.write_bytes(MAGIC + bytes(1000)), "holds no messages"),
    ],
)
def test_what_is_no_bag_is_refused_in_one_sentence(bag, storage, change, part):
    path = file_in(bag(storage))
    change(path)
    for named in (path, path.parent):
        with pytest.raises(InputError, match=part) as error:
            open_recording(named)
        assert path.name in str(error.value) or str(named) in str(error.value)
        assert "\n" not in str(error.value)


def test_one_broken_file_of_several_is_said_and_the_others_play(bag):
    path = bag("mcap")
    name = file_in(path).name
    file_in(path).rename(path / name.replace(".mcap", "_0.mcap"))
    (path / name.replace(".mcap", "_1.mcap")).write_bytes(b"")
    (path / "metadata.yaml").unlink()
    source = open_recording(path)
    assert said(source.events()) == WHOLE
    assert any("is empty" in warning for warning in source.warnings)


def test_messages_of_absurd_size_are_not_loaded(bag, monkeypatch):
    for module in ("mcap", "sqlite"):
        monkeypatch.setattr(f"mer_ros.replay.storage.{module}.MAX_MESSAGE_BYTES", 1000)
    for storage in STORAGES:
        source = open_recording(bag(storage, storage))
        assert not source.has_video  # 1152 bytes of pixels
        assert len(list(source.events())) == 50
        assert source.counts["oversized_messages"] == 15


def test_cut_helper_of_a_folder_is_read_with_a_warning(bag):
    source = open_recording(cut(bag("mcap"), 0.5))
    assert prefix(list(source.events()), EVENTS)
    assert any("cut off or damaged" in warning for warning in source.warnings)
