"""Keeps the memory of what runs for long bounded."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Give free memory back to the system.

    glibc keeps the frames that were freed in its heaps, between what lives longer, and takes new memory where no hole
    fits: by some hundred megabytes an hour, as frames are made in one thread and freed in another. Other C libraries
    lack this function, and the trouble.
    """
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
