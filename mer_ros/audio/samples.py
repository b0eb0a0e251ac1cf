"""Checks an audio chunk, and makes one channel of floating-point samples of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError
from mer_ros.utterance import AudioChunk

RATES_HZ = (8_000, 192_000)
MAX_CHANNELS = 64
# Floating-point sound may overshoot 1 a little; far beyond it is int16 sent as floats, and would be clipped to noise.
MAX_FLOAT = 4.0


def checked(chunk: AudioChunk, longest_s: float) -> None:
    """Raise InputError unless the chunk's stamp, rate, shape, type, length and values can be used."""
    samples, rate = np.asarray(chunk.samples), chunk.sample_rate
    if isinstance(rate, bool) or not isinstance(rate, (int, np.integer)) or not RATES_HZ[0] <= rate <= RATES_HZ[1]:
        raise InputError(f"sample rate {rate!r}: whole numbers from 8000 to 192000 Hz are accepted, check the driver")
    if not isinstance(chunk.stamp_ns, (int, np.integer)) or chunk.stamp_ns < 0:
        raise InputError(f"audio stamp {chunk.stamp_ns!r}: whole nanoseconds from 0 are accepted, check the driver")
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and not 1 <= samples.shape[1] <= MAX_CHANNELS):
        raise InputError(f"audio of shape {samples.shape}: [n] or [n, channels] with 1 to 64 channels is accepted")
    if not len(samples):
        raise InputError("an audio chunk without samples: send at least one, or nothing")
    if len(samples) > longest_s * rate:
        raise InputError(f"an audio chunk of {len(samples) / rate:.1f} s: up to {longest_s:g} s is accepted, split it")
    if samples.dtype not in (np.int16, np.int32, np.uint8) and not np.issubdtype(samples.dtype, np.floating):
        raise InputError(f"audio samples of type {samples.dtype}: int16, int32, uint8 and floats in -1..1 are accepted")
    if np.issubdtype(samples.dtype, np.floating):
        largest = np.abs(samples).max()
        if not np.isfinite(largest):
            raise InputError("audio samples that are NaN or infinite: only finite ones are accepted, check the driver")
        if largest > MAX_FLOAT:
            raise InputError(f"floating-point audio up to {largest:.4g}: -1..1 is accepted, scale it or send int16")


def mono(samples: NDArray[np.generic]) -> NDArray[np.float32]:
    """Checked samples [n] or [n, channels] as float32 [n] in -1..1: the mean of the channels."""
    values: NDArray[Any] = np.asarray(samples)
    kind = values.dtype
    signal: NDArray[Any] = values.astype(np.float32 if kind == np.int16 else np.float64)
    if kind == np.uint8:
        signal = (signal - 128.0) / 128.0
    elif kind.kind == "i":
        signal /= 2.0 ** (8 * kind.itemsize - 1)
    if signal.ndim == 2:
        signal = signal.mean(axis=1)
    return signal.astype(np.float32, copy=False)
