"""The linear maps from a magnitude spectrum to mel bands and to chroma, made once per size and kept.

Both keep the conventions of pyAudioAnalysis 0.3.14 (Giannakopoulos 2015, doi:10.1371/journal.pone.0144610),
the reference for the 34 features, including the ones that look odd; these are named where they occur.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

MFCC_COUNT = 13
CHROMA_COUNT = 12

# Slaney's Auditory Toolbox (1998): 13 bands evenly spaced from 133.33 Hz, then 27 spaced by a constant ratio.
_LOWEST_HZ = 133.33
_LINEAR_STEP_HZ = 200 / 3
_LOG_RATIO = 1.0711703
_LINEAR_BANDS = 13
_LOG_BANDS = 27
_A0_HZ = 27.5


@cache
def mel_bank(bins: int, sample_rate: int) -> NDArray[np.float64]:
    """Triangular mel bands, float64 [k, 40], for the first k of a magnitude spectrum's `bins` bins up to Nyquist.
    Bins from k on lie above all bands.

    The reference counts a bin as sample_rate / bins wide, twice its true width, so that its bands lie an octave
    lower than named. Models trained on its features expect that, and so it is kept.
    """
    count = _LINEAR_BANDS + _LOG_BANDS
    edges = np.empty(count + 2)
    edges[:_LINEAR_BANDS] = _LOWEST_HZ + np.arange(_LINEAR_BANDS) * _LINEAR_STEP_HZ
    edges[_LINEAR_BANDS:] = edges[_LINEAR_BANDS - 1] * _LOG_RATIO ** np.arange(1, _LOG_BANDS + 3)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    hertz = (np.arange(bins) / bins * sample_rate)[:, None]
    first_bin = np.floor(edges * bins / sample_rate).astype(int)
    index = np.arange(bins)[:, None]
    rising = (index > first_bin[:-2]) & (index <= first_bin[1:-1])
    falling = (index > first_bin[1:-1]) & (index <= first_bin[2:])
    height = 2.0 / (high - low)  # bands of equal area
    bank = np.where(rising, height / (centre - low) * (hertz - low), 0.0)
    bank += np.where(falling, height / (high - centre) * (high - hertz), 0.0)
    return bank[: first_bin[-1] + 1]


@cache
def cosine_basis(bands: int) -> NDArray[np.float64]:
    """The first 13 rows of the orthonormal DCT-II, transposed: float64 [bands, 13]."""
    k = np.arange(MFCC_COUNT)
    n = np.arange(bands)[:, None]
    basis = np.cos(np.pi * k * (2 * n + 1) / (2 * bands)) * np.sqrt(2.0 / bands)
    basis[:, 0] /= np.sqrt(2.0)
    return basis


@cache
def chroma_bank(bins: int, sample_rate: int) -> NDArray[np.float64]:
    """From a power spectrum to 12 pitch classes from A, float64 [bins, 12].

    In the reference each semitone takes the power of its highest bin alone, divided by the number of bins of
    another semitone (the one that the bin numbered like this semitone falls into); semitones below A0 have
    negative numbers, which count from the end of the spectrum. All this is kept.
    """
    semitone = np.round(12.0 * np.log2((np.arange(bins) + 1) * sample_rate / (2 * bins) / _A0_HZ)).astype(int)
    if semitone.max() >= bins:
        raise ValueError(f"{bins} bins at {sample_rate} Hz are too few for chroma")
    bins_in = dict(zip(*np.unique(semitone, return_counts=True), strict=True))
    slot = semitone % bins
    bank = np.zeros((bins, CHROMA_COUNT))
    for bin_number in range(bins):
        if bin_number + 1 < bins and semitone[bin_number + 1] == semitone[bin_number]:
            continue
        divisor = bins_in[semitone[semitone[slot[bin_number]]]]
        bank[bin_number, slot[bin_number] % CHROMA_COUNT] = 1.0 / divisor
    return bank
