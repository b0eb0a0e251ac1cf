"""SQLite files of rosbag2, in the order of their rows, as far as the database is sound."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mer_ros.errors import InputError
from mer_ros.replay.storage.channel import LONGEST_NAME, MAX_DEFINITION_BYTES, MAX_MESSAGE_BYTES, Channel, Notes

MAGIC = b"SQLite format 3\x00"
_HEAD_BYTES = 100  # of a database (sqlite.org/fileformat.html, 1.3)
_LONGEST_GAP = 2**20  # rows that are given up before the rest of a damaged file is

_ROWS = (
    "SELECT rowid, topic_id, timestamp, CASE WHEN length(data) <= {most} THEN data END FROM messages "
    "WHERE rowid > ? AND topic_id IN ({keys}) ORDER BY rowid"
)
_EXTENT = "SELECT (SELECT min(timestamp) FROM messages), (SELECT max(timestamp) FROM messages)"


class SqliteFile:
    """A .db3 file. What a recorder that was killed left beside it (-wal) is read with it.

    Raises InputError when it is no bag, or so damaged that its topics cannot be read.
    """

    def __init__(self, path: Path, notes: Notes) -> None:
        self.path = path
        self.extent_ns: tuple[int, int] | None = None
        self._notes = notes
        self._check_magic()
        try:
            with closing(self._open()) as base:
                self._check_tables(base)
                self.channels = tuple(_channels(base, path, notes))
                self.extent_ns = _extent(base)
        except sqlite3.Error as error:
            raise InputError(f"{path} is damaged: its list of topics cannot be read ({error})") from error

    def messages(self, keys: Collection[int]) -> Iterator[tuple[int, int, bytes]]:
        """Key, time of recording (ns) and content of each message of these channels, in the order they were written.

        Rows that cannot be read are passed over, and the file ends where a million of them follow each other.
        """
        query = _ROWS.format(most=MAX_MESSAGE_BYTES, keys=",".join(str(int(key)) for key in keys))
        last, gap = 0, 1
        with closing(self._open()) as base:
            while gap < _LONGEST_GAP:
                try:
                    for row, key, log_ns, data in base.execute(query, (last,)):
                        last, gap = row, 1
                        if isinstance(data, bytes) and isinstance(log_ns, int):
                            yield key, log_ns, data
                        else:
                            self._notes.damage("oversized_messages" if data is None else "damaged_rows", self.path, row)
                    return
                except sqlite3.Error:
                    self._notes.cut(self.path)
                    last, gap = last + gap, 2 * gap

    def _open(self) -> sqlite3.Connection:
        """Open for reading, nothing beside the file being changed unless a journal has to be taken into account."""
        beside = [name for end in ("-wal", "-journal") if (name := Path(f"{self.path}{end}")).is_file()]
        ways = ["immutable=1"]
        if any(name.stat().st_size for name in beside):
            self._notes.warn(f"{self.path.name} was not closed: {beside[0].name} still lies beside it")
            ways = ["mode=ro", "immutable=1"]
        for way in ways:
            base = sqlite3.connect(f"file:{quote(str(self.path))}?{way}", uri=True)
            # A file that is shorter than it says is refused but with this; nothing can be written all the same.
            base.execute("PRAGMA writable_schema=ON")
            base.execute("PRAGMA trusted_schema=OFF")
            base.text_factory = _text
            try:
                base.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.Error:
                if way != ways[-1]:
                    base.close()
                    continue
            return base
        raise AssertionError

    def _check_magic(self) -> None:
        try:
            with self.path.open("rb") as file:
                head = file.read(_HEAD_BYTES)
            size = self.path.stat().st_size
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}") from error
        magic = head[: len(MAGIC)]
        if magic != MAGIC:
            state = "is empty" if not magic else f"is no SQLite file (it begins with {magic[:8].hex(' ')})"
            raise InputError(f"{self.path} {state}: give a file that a recorder has written, or record it anew")
        # SQLite takes what is missing of the last page for zeros, and tells nobody.
        page, pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
        page = 65536 if page == 1 else page
        if page and (size % page or (head[24:28] == head[92:96] and size < page * pages)):
            self._notes.cut(self.path)

    def _check_tables(self, base: sqlite3.Connection) -> None:
        """Plain tables alone: a view or a virtual table could run anything."""
        found = base.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        plain = {name for name, sql in found if str(sql).upper().startswith("CREATE TABLE")}
        if not {"topics", "messages"} <= plain:
            raise InputError(f"{self.path} is an SQLite file but no bag: it has no tables 'topics' and 'messages'")


def _channels(base: sqlite3.Connection, path: Path, notes: Notes) -> Iterator[Channel]:
    definitions = {name: (text, form) for name, form, text in _definitions(base)}
    topics = base.execute("SELECT id, name, type, serialization_format FROM topics ORDER BY id")
    for place, (key, *texts) in enumerate(topics.fetchall()):
        if not isinstance(key, int) or not all(isinstance(t, str) and len(t) <= LONGEST_NAME for t in texts):
            notes.damage("damaged_topics", path, -place - 1)
            continue
        topic, type_name, encoding = texts
        yield Channel(key, topic, type_name, encoding, *definitions.get(type_name, ("", "")))


def _definitions(base: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Type, format and text; bags older than Iron's hold none."""
    names = {name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE TABLE%'")}
    if "message_definitions" not in names:
        return []
    rows = base.execute(
        "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions "
        f"WHERE length(encoded_message_definition) <= {MAX_DEFINITION_BYTES}"
    )
    return [(str(name), str(form), str(text)) for name, form, text in rows]


def _extent(base: sqlite3.Connection) -> tuple[int, int] | None:
    try:
        first, last = base.execute(_EXTENT).fetchone()
    except sqlite3.Error:  # the index is at the end of a file, and may be cut off
        return None
    return (first, last) if isinstance(first, int) and isinstance(last, int) else None


def _text(content: Any) -> str:
    return bytes(content).decode(errors="replace")
