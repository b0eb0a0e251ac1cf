"""Sound blocks of any length, cut into chunks of one length that carry exact stamps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from mer_ros.utterance import AudioChunk

NS = 1_000_000_000
GAP_NS = 50_000_000  # files round their stamps to a millisecond or a codec frame; more than this is a hole


def cut_chunks(
    blocks: Iterable[tuple[int | None, NDArray[np.int16]]], rate: int, length: int, start_ns: int
) -> Iterator[AudioChunk]:
    """Cut blocks `(stamp_ns or None, int16 [n, channels])` into chunks of `length` samples.

    Stamps are counted in samples from the first block's stamp, so that the rounding of a file's own stamps does
    not jitter; a hole of more than 50 ms ends a chunk early and starts the count anew. Stamps never go back.
    """
    anchor_ns, counted = start_ns, 0  # the stamp of sample 0, and samples given out since
    waiting: list[NDArray[np.int16]] = []
    held = 0

    def stamp(samples: int) -> int:
        return anchor_ns + round(samples * NS / rate)

    for block_ns, block in blocks:
        if block_ns is not None:
            first = counted == 0 and held == 0
            if first or block_ns - stamp(counted + held) > GAP_NS:
                if held:
                    yield AudioChunk(stamp(counted), np.concatenate(waiting), rate)
                anchor_ns, counted = block_ns, 0
                waiting, held = [], 0
        waiting.append(block)
        held += len(block)
        if held < length:
            continue
        joined = np.concatenate(waiting)
        whole = held - held % length
        for at in range(0, whole, length):
            yield AudioChunk(stamp(counted + at), joined[at : at + length], rate)
        counted += whole
        waiting, held = [joined[whole:]], held - whole
    if held:
        yield AudioChunk(stamp(counted), np.concatenate(waiting), rate)
