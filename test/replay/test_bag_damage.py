"""Bag files that are cut off, damaged or hostile."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import struct
import tracemalloc
from pathlib import Path

import lz4.frame
import pytest
from backports import zstd
from bags import NS, STORAGES, cut
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored_bags import (
    END,
    EVENTS,
    MAGIC,
    SUFFIX,
    WHOLE,
    chunk,
    file_in,
    record,
    records_of,
    rewritten,
    said,
)

from mer_ros.errors import InputError
from mer_ros.replay.bag import RecordingOptions, open_recording
from mer_ros.utterance import AudioChunk, Frame


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
