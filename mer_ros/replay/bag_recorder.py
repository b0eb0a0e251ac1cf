"""A bag that is written while messages come in: a bounded queue, and a thread that empties it into the file."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from mer_ros.errors import OutputError
from mer_ros.replay.bag_writer import BagWriter

QUEUE_BYTES = 256 << 20
_FLUSH_S = 1.0  # how much is lost at most when the process is killed


class BagRecorder:
    """Records into a new folder, as rosbag2 lays it out: <name>/<name>_0.mcap and <name>/metadata.yaml.

    queue_bytes: how much may wait to be written; a message beyond that is dropped, and counted.
    counts: messages taken, by topic. dropped: those that were not. error: why nothing can be written any more.
    Raises OutputError when the folder exists or cannot be made.
    """

    def __init__(self, folder: Path, *, queue_bytes: int = QUEUE_BYTES, flush_s: float = _FLUSH_S) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.error: OSError | None = None
        self._room = queue_bytes
        self._flush_s = flush_s
        self._numbers: dict[str, int] = {}
        self._waiting: deque[tuple[str, int, bytes, int | None]] = deque()
        self._closing = False
        self._changed = threading.Condition()  # guards what is above
        self._writing = threading.Lock()  # guards the writer
        try:
            folder.mkdir(parents=True)
            self._writer = BagWriter(folder / f"{folder.name}_0.mcap")
        except FileExistsError as error:
            raise OutputError(f"{folder} exists already: name a new folder, or remove it") from error
        except OSError as error:
            raise OutputError(f"{folder} cannot be made: {error.strerror}; name another folder") from error
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def size(self) -> int:
        """Bytes of the file so far."""
        return self._writer.size

    @property
    def topics(self) -> tuple[str, ...]:
        """Those that were declared."""
        return tuple(self._numbers)

    def add_topic(
        self, name: str, type_name: str, definition: str, *, digest: str = "", qos: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Declare a topic; see `BagWriter.add_topic`."""
        with self._writing:
            self._numbers[name] = self._writer.add_topic(name, type_name, definition, digest=digest, qos=qos)

    def put(self, topic: str, stamp_ns: int, data: bytes, *, sent_ns: int | None = None) -> bool:
        """Take a serialised message; False when it is dropped."""
        with self._changed:
            if len(data) > self._room or self._closing or self.error:
                self.dropped[topic] += 1
                return False
            self._room -= len(data)
            self._waiting.append((topic, stamp_ns, data, sent_ns))
            self.counts[topic] += 1
            self._changed.notify()
        return True

    def close(self) -> None:
        """Write all that waits, finish the file, and say what is in it in metadata.yaml.

        Raises OutputError when something could not be written; what could, is readable.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        try:
            self._writer.close()
        except OSError as error:
            self.error = self.error or error
        with suppress(OSError):  # a disk that is full is told below
            content = {"rosbag2_bagfile_information": self._writer.metadata()}
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
            (self.folder / "metadata.yaml").write_text(text, encoding="utf-8")
        if self.error:
            raise OutputError(
                f"{self._writer.path} cannot be written: {self.error.strerror}; the {self._writer.message_count} "
                "messages before are kept: make room and record again"
            )

    def _work(self) -> None:
        flushed = time.monotonic()
        while True:
            with self._changed:
                wait_s = flushed + self._flush_s - time.monotonic()
                self._changed.wait_for(lambda: self._waiting or self._closing, max(0.0, wait_s))
                batch = list(self._waiting)
                self._waiting.clear()
                ending = self._closing
            try:
                with self._writing:
                    self._write(batch)
                    if time.monotonic() - flushed >= self._flush_s:
                        self._writer.flush()
                        flushed = time.monotonic()
            except OSError as error:
                with self._changed:
                    self.error = error
                return
            if ending and not batch:
                return

    def _write(self, batch: list[tuple[str, int, bytes, int | None]]) -> None:
        batch.reverse()
        while batch:  # so that each message's memory is free once it is written
            topic, stamp_ns, data, sent_ns = batch.pop()
            self._writer.write(self._numbers[topic], stamp_ns, data, sent_ns=sent_ns)
            with self._changed:
                self._room += len(data)
