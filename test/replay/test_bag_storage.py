"""Bag files as they lie on disks: split, compressed, unfinished, of other writers."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
import yaml
from bags import STORAGES, Layout, unfinished, write_recording
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

from mer_ros.replay.bag import find_recordings, open_recording


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
