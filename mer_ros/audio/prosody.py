"""How something was said, whatever was said: pitch, loudness, voice quality and rhythm of an utterance, in numbers.

The pitch is the peak of the autocorrelation of a windowed frame divided by that of the window (Boersma, "Accurate
short-term analysis of the fundamental frequency", 1993), without a search for the best path. Voices above 450 Hz may
be taken for their lower octave.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mer_ros.utterance import SAMPLE_RATE

Array = NDArray[np.floating]

STEP_S = 0.01
_STEP = round(STEP_S * SAMPLE_RATE)
_WINDOW = round(0.05 * SAMPLE_RATE)  # three periods of the lowest pitch
_SPECTRUM = 512  # samples in the middle of a frame that its spectrum is of
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 600.0
_HALF_RATE = SAMPLE_RATE // 2  # pitch is looked for in pairs of samples
_LAGS = np.arange(int(_HALF_RATE / _HIGHEST_HZ), int(_HALF_RATE / _LOWEST_HZ) + 2)
_TRANSFORM = 540  # at least half a window and the longest lag; its factors are small
_OCTAVE_COST = 0.02  # of strength, an octave: of equal peaks the higher pitch is meant
_VOICED = 0.45  # strength, as in Boersma's program
_QUIET_DB = -40.0  # below the loudest frame: not voiced, whatever the strength
_FLOOR_DB = -60.0
_BANDS_HZ = (0, 500, 1000, 2000, 4000, 8000)
_SHARES = (10, 50, 90)

PROSODY_NAMES = (
    *("pitch_mean", "pitch_deviation", *(f"pitch_{p}" for p in _SHARES), "pitch_slope", "pitch_change"),
    *("pitch_change_deviation", "strength_mean", "strength_deviation", "noise_mean", "noise_deviation"),
    *("voiced_share", "voiced_stretches_a_second", "voiced_stretch_s", "pause_s"),
    *("level_mean", "level_deviation", *(f"level_{p}" for p in _SHARES), "level_slope", "level_change", "shimmer"),
    *("peaks_a_second", "seconds"),
    *(f"{kind}_{low}_{high}" for kind in ("band", "spread") for low, high in pairwise(_BANDS_HZ)),
)


def prosody(sound: NDArray[np.floating]) -> NDArray[np.float32]:
    """float32 [len(PROSODY_NAMES)] of a voice, float [n] at 16 kHz, of any level; finite for any finite sound.

    Pitch in octaves above 100 Hz, levels in dB below the loudest frame, bands in dB of the voiced frames' whole.
    """
    signal = np.asarray(sound, np.float32)
    signal = signal / max(float(np.abs(signal).max(initial=0.0)), 1e-9)
    if len(signal) < _WINDOW:
        signal = np.pad(signal, (0, _WINDOW - len(signal)))
    frames = np.lib.stride_tricks.sliding_window_view(signal, _WINDOW)[::_STEP]
    level, bands = _levels(frames)
    pitch, strength = _pitches(frames)
    voiced = (strength > _VOICED) & (level > _QUIET_DB)
    values = (*_of_pitch(pitch, strength, voiced), *_of_level(level, voiced), len(signal) / SAMPLE_RATE)
    inside = bands[voiced] if voiced.any() else bands
    return np.array((*values, *inside.mean(axis=0), *inside.std(axis=0)), np.float32)


@cache
def _windows() -> tuple[Array, Array]:
    """A Hann window for the pairs of a frame, and its autocorrelation at the lags, over that at 0."""
    window = np.hanning(_WINDOW // 2 + 2)[1:-1]
    own = np.fft.irfft(np.square(np.abs(np.fft.rfft(window, _TRANSFORM))), _TRANSFORM)
    return window, own[_LAGS] / own[0]


def _levels(frames: Array) -> tuple[Array, Array]:
    """dB of each frame below the loudest, [T]; and of its bands below the frame's whole, [T, 5]."""
    first = (_WINDOW - _SPECTRUM) // 2
    spectrum = np.fft.rfft(frames[:, first : first + _SPECTRUM] * np.hanning(_SPECTRUM))
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    edges = [round(f * _SPECTRUM / SAMPLE_RATE) for f in _BANDS_HZ[:-1]]
    bands = np.add.reduceat(power, edges, axis=1).astype(np.float64)
    whole = bands.sum(axis=1)
    level = 10 * np.log10(whole / max(whole.max(), 1e-30) + 1e-12)
    shares = 10 * np.log10(bands / np.maximum(whole, 1e-30)[:, None] + 1e-6)
    return np.maximum(level, _FLOOR_DB), shares


def _pitches(frames: Array) -> tuple[Array, Array]:
    """Octaves above 100 Hz, and strength 0..1; both [T]."""
    window, own = _windows()
    pairs = frames[:, 0::2] + frames[:, 1::2]
    pairs = (pairs - pairs.mean(axis=1, keepdims=True)) * window
    spectrum = np.fft.rfft(pairs, _TRANSFORM)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    correlation = np.fft.irfft(power, _TRANSFORM)
    at_lags = correlation[:, _LAGS] / np.maximum(correlation[:, :1], 1e-12) / own
    inner = at_lags[:, 1:-1]
    peak = (inner > at_lags[:, :-2]) & (inner >= at_lags[:, 2:])
    octaves = np.log2(_HALF_RATE / _LAGS[1:-1] / 100)
    best = np.argmax(np.where(peak, inner + _OCTAVE_COST * octaves, -1.0), axis=1)
    rows = np.arange(len(frames))
    before, here, after = (at_lags[rows, best + i] for i in range(3))
    bend = np.minimum(before - 2 * here + after, -1e-9)
    offset = (0.5 * (before - after) / bend).clip(-0.5, 0.5)
    found = peak[rows, best]
    pitch = np.log2(_HALF_RATE / (_LAGS[best + 1] + np.where(found, offset, 0.0)) / 100)
    return _median3(pitch), np.where(found, here, 0.0).clip(0.0, 1.0)


def _median3(x: Array) -> Array:
    if len(x) < 3:
        return x
    padded = np.concatenate((x[:1], x, x[-1:]))
    return np.median(np.stack((padded[:-2], padded[1:-1], padded[2:])), axis=0)


def _of_pitch(pitch: Array, strength: Array, voiced: NDArray[np.bool_]) -> list[float]:
    seconds = len(pitch) * STEP_S
    starts = int(voiced[0]) + int(np.count_nonzero(voiced[1:] & ~voiced[:-1]))
    share = float(voiced.mean())
    rhythm = [share, starts / seconds, share * seconds / max(starts, 1), _longest(~voiced) * STEP_S]
    if np.count_nonzero(voiced) < 3:
        return [0.0] * 12 + rhythm
    x, s = pitch[voiced], strength[voiced].clip(0.01, 0.999)
    noise = 10 * np.log10(s / (1 - s))
    both = voiced[1:] & voiced[:-1]
    change = np.abs(np.diff(pitch))[both] if both.any() else np.zeros(1)
    return [
        *(x.mean(), x.std(), *np.percentile(x, _SHARES), _slope(np.flatnonzero(voiced) * STEP_S, x)),
        *(np.minimum(change, 0.5).mean(), np.minimum(change, 0.5).std(), s.mean(), s.std(), noise.mean(), noise.std()),
        *rhythm,
    ]


def _of_level(level: Array, voiced: NDArray[np.bool_]) -> list[float]:
    change = np.abs(np.diff(level)) if len(level) > 1 else np.zeros(1)
    both = voiced[1:] & voiced[:-1]
    shimmer = change[both].mean() if both.any() else 0.0
    smooth = np.convolve(level, np.ones(7) / 7, "same")
    peaks = (smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:]) & (smooth[1:-1] > -25)
    times = np.arange(len(level)) * STEP_S
    return [
        *(level.mean(), level.std(), *np.percentile(level, _SHARES), _slope(times, level), change.mean(), shimmer),
        np.count_nonzero(peaks) / (len(level) * STEP_S),
    ]


def _slope(times: Array, values: Array) -> float:
    """Of the straight line nearest to the values; 0 for a single time."""
    centred = times - times.mean()
    spread = float(np.square(centred).sum())
    return float((centred * values).sum() / spread) if spread > 0 else 0.0


def _longest(flags: NDArray[np.bool_]) -> int:
    """The length of the longest run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))
