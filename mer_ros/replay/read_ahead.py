"""Reads on in a second thread while the first one works: both cores have something to do, the order stays."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")


class ReadAhead(Generic[Item]):
    """The items of an iterable in their order, made in a thread that is at most `limit` bytes ahead.

    size: bytes of an item. One item is always let through. What the iterable raises is raised to the reader after the
    items before it. Use it as a context: leaving it ends the thread.
    """

    def __init__(self, items: Iterable[Item], size: Callable[[Item], int], limit: int) -> None:
        self._items, self._size, self._limit = items, size, limit
        self._ready: deque[tuple[Item, int]] = deque()
        self._held = 0
        self._over = self._unwanted = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="read ahead", daemon=True)

    def __enter__(self) -> ReadAhead[Item]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._unwanted = True
            self._changed.notify_all()
        self._thread.join()

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ready or self._over)
                if not self._ready:
                    break
                item, size = self._ready.popleft()
                self._held -= size
                self._changed.notify_all()
            yield item
        if self._error is not None:
            raise self._error

    def _read(self) -> None:
        try:
            for item in self._items:
                size = self._size(item)
                with self._changed:
                    self._changed.wait_for(lambda: self._unwanted or self._held < self._limit)
                    if self._unwanted:
                        break
                    self._ready.append((item, size))
                    self._held += size
                    self._changed.notify_all()
        except BaseException as error:  # whatever it is, it is raised where the items are read
            self._error = error
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()
