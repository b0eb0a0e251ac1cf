"""The 34 short-term features of a voice: what pyAudioAnalysis 0.3.14 computes, for all frames at once.

The reference is its `ShortTermFeatures.feature_extraction(signal, rate, window, step, deltas=False)`. Global over
the clip are the removal of the mean and the division by the largest magnitude; all else looks at one frame (the
flux: and the frame before it, so that the first one's is 0).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer_ros.audio.filter_banks import CHROMA_COUNT, MFCC_COUNT, chroma_bank, cosine_basis, mel_bank
from mer_ros.errors import InputError
from mer_ros.utterance import SAMPLE_RATE

WINDOW = SAMPLE_RATE // 5
STEP = SAMPLE_RATE // 10
MAX_FRAMES = 100
FEATURE_NAMES = (
    *("zcr", "energy", "energy_entropy", "spectral_centroid", "spectral_spread", "spectral_entropy"),
    *("spectral_flux", "spectral_rolloff"),
    *(f"mfcc_{i + 1}" for i in range(MFCC_COUNT)),
    *(f"chroma_{i + 1}" for i in range(CHROMA_COUNT)),
    "chroma_std",
)

_EPS = float(np.finfo(np.float64).eps)
_BLOCKS = 10  # parts of a frame, and of its spectrum, for the two entropies
_ROLLOFF = 0.90  # share of the spectrum's energy below the roll-off
_FRAMES_AT_ONCE = 32  # so few that the spectra at hand stay in the processor's cache
# So few that OpenBLAS runs a product in one thread: its threads cost more than they save here, and ten times as much
# when the machine is busy.
_ROWS_AT_ONCE = 8


def short_term_features(samples: ArrayLike, max_frames: int | None = None) -> NDArray[np.float64]:
    """Features of a 16 kHz mono signal, float64 [frames, 34], in the order of `FEATURE_NAMES`.

    samples: [n], int16, or floating point in -1..1. Windows of 0.2 s every 0.1 s; what is left after the last whole
    window is not used, and a signal shorter than one window is first padded with zeros to one. With `max_frames`,
    only the first ones are computed (the mean and the largest magnitude are still the whole signal's).
    Raises InputError for another shape or type, or for values that are not finite.
    """
    signal = _as_float(samples)
    _normalise(signal)
    frames = np.lib.stride_tricks.sliding_window_view(signal, WINDOW)[::STEP][:max_frames]
    features = np.empty((len(frames), len(FEATURE_NAMES)))
    features[:, 0] = _zero_crossing_rates(signal, len(frames))
    before: NDArray[np.float64] | None = None
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        part = slice(first, first + _FRAMES_AT_ONCE)
        _energy_features(frames[part], features[part])
        before = _spectral_features(frames[part], before, features[part])
    return features


def feature_matrix(samples: ArrayLike) -> NDArray[np.float32]:
    """What the audio models take: float32 (100, 34), the first 100 frames, rows of zeros after the last frame.

    Input and errors as in `short_term_features`.
    """
    features = short_term_features(samples, MAX_FRAMES)
    matrix = np.zeros((MAX_FRAMES, len(FEATURE_NAMES)), np.float32)
    matrix[: len(features)] = features
    return matrix


def _as_float(samples: ArrayLike) -> NDArray[np.float64]:
    """A new array in -1..1, at least one window long."""
    values = np.asarray(samples)
    if values.ndim != 1:
        raise InputError(f"features need samples of shape [n], got {values.shape}: mix the channels first")
    if values.dtype == np.int16:
        signal = values / 2.0**15
    elif np.issubdtype(values.dtype, np.floating):
        signal = values.astype(np.float64)
        if not np.isfinite(signal).all():
            raise InputError("features need finite samples, got NaN or infinity: clean the signal first")
    else:
        raise InputError(f"features need int16 or floating-point samples, got {values.dtype}: convert them first")
    return signal if len(signal) >= WINDOW else np.pad(signal, (0, WINDOW - len(signal)))


def _normalise(signal: NDArray[np.float64]) -> None:
    signal -= signal.mean()
    signal /= max(signal.max(), -signal.min()) + 1e-10


def _zero_crossing_rates(signal: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """[frames]; a sample that is exactly zero makes two half crossings."""
    changes = np.zeros(len(signal), np.uint8)
    for side in (signal > 0, signal < 0):
        changes[1:] += side[1:] ^ side[:-1]
    before = np.cumsum(changes, dtype=np.int32)
    starts = np.arange(frames) * STEP
    return (before[starts + WINDOW - 1] - before[starts]) / (2 * (WINDOW - 1.0))


def _entropy(block_energy: NDArray[np.float64], energy: NDArray[np.float64]) -> NDArray[np.float64]:
    share = block_energy / (energy[:, None] + _EPS)
    return -np.einsum("ij,ij->i", share, np.log2(share + _EPS))


def _energy_features(frames: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    blocks = frames.reshape(len(frames), _BLOCKS, -1)
    block_energy = np.einsum("ijk,ijk->ij", blocks, blocks)
    energy = block_energy.sum(axis=1)
    out[:, 1] = energy / WINDOW
    out[:, 2] = _entropy(block_energy, energy)


def _spectral_features(
    frames: NDArray[np.float64], before: NDArray[np.float64] | None, out: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fill columns 3 to 33; returns the last frame's spectrum as a distribution, for the next frame's flux."""
    bins = WINDOW // 2
    transform = np.fft.rfft(frames)[:, :bins]
    power = np.square(transform.real)
    power += np.square(transform.imag)
    power /= bins**2
    magnitude = np.sqrt(power)
    block_power = power.reshape(len(power), _BLOCKS, -1).sum(axis=2)
    energy = block_power.sum(axis=1)
    moments = _product(magnitude, _moment_bank(bins))
    mel = mel_bank(bins, SAMPLE_RATE)
    bands = np.log10(_product(magnitude[:, : len(mel)], mel) + _EPS)

    out[:, 3], out[:, 4] = _centroid_and_spread(moments, magnitude.max(axis=1))
    out[:, 5] = _entropy(block_power, energy)
    magnitude /= moments[:, :1] + bins * _EPS
    change = np.diff(magnitude, axis=0, prepend=magnitude[:1] if before is None else before)
    out[:, 6] = np.einsum("ij,ij->i", change, change)
    out[:, 7] = _rolloff(power, block_power, energy)
    out[:, 8:21] = bands @ cosine_basis(bands.shape[1])
    chroma = _product(power, chroma_bank(bins, SAMPLE_RATE))
    chroma /= np.where(energy == 0, _EPS, energy)[:, None]
    out[:, 21:33] = chroma
    out[:, 33] = chroma.std(axis=1)
    return magnitude[-1:]


def _product(rows: NDArray[np.float64], bank: NDArray[np.float64]) -> NDArray[np.float64]:
    """`rows @ bank`, a few rows at once."""
    out = np.empty((len(rows), bank.shape[1]))
    whole = len(rows) - len(rows) % _ROWS_AT_ONCE
    shape = (-1, _ROWS_AT_ONCE)
    np.matmul(rows[:whole].reshape(*shape, rows.shape[1]), bank, out=out[:whole].reshape(*shape, bank.shape[1]))
    np.matmul(rows[whole:], bank, out=out[whole:])
    return out


@cache
def _moment_bank(bins: int) -> NDArray[np.float64]:
    """[bins, 3]: the powers 0 to 2 of the frequency as a share of Nyquist."""
    position = np.arange(1, bins + 1) / bins
    return np.column_stack([np.ones(bins), position, position**2])


def _centroid_and_spread(
    moments: NDArray[np.float64], largest: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both [frames], as shares of the Nyquist frequency; a spectrum of zeros gives 0 and 0."""
    moments = moments / np.where(largest == 0, _EPS, largest)[:, None]
    total = moments[:, 0] + _EPS
    centroid = moments[:, 1] / total
    variance = (moments[:, 2] - 2 * centroid * moments[:, 1] + centroid**2 * moments[:, 0]) / total
    return centroid, np.sqrt(np.maximum(variance, 0.0))


def _rolloff(
    power: NDArray[np.float64], block_power: NDArray[np.float64], energy: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[frames]: the first bin up to which more than 0.9 of the energy lies, as a share of the spectrum."""
    rows = np.arange(len(power))
    missing = (_ROLLOFF * energy)[:, None] - _EPS
    until = np.cumsum(block_power, axis=1)
    block = np.argmax(until > missing, axis=1)  # first the block, then the bin in it: a tenth of the work
    missing -= (until - block_power)[rows, block][:, None]
    inside = np.cumsum(power.reshape(*block_power.shape, -1)[rows, block], axis=1) > missing
    return (block * inside.shape[1] + np.argmax(inside, axis=1)) / power.shape[1]
