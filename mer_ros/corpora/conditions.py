"""Rooms, noises and lines that a voice goes through before a microphone hears it; for training and for scoring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from mer_ros.utterance import SAMPLE_RATE

Sound = NDArray[np.float64]
_MU = 255.0  # ITU-T G.711


def rms(sound: Sound) -> float:
    """Root mean square about the mean."""
    return float(np.sqrt(np.mean(np.square(sound - sound.mean()))))


def with_noise(sound: Sound, noise: Sound, snr_db: float) -> Sound:
    """The sum, the noise so loud that the ratio of their powers over the whole is `snr_db`. Both [n]."""
    return sound + noise * (rms(sound) / max(rms(noise), 1e-12) * 10 ** (-snr_db / 20))


def white_noise(count: int, generator: np.random.Generator) -> Sound:
    """[count], unit power."""
    return generator.standard_normal(count)


def pink_noise(count: int, generator: np.random.Generator) -> Sound:
    """[count]: power falls by 3 dB an octave above 20 Hz."""
    spectrum = np.fft.rfft(generator.standard_normal(count))
    frequency = np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE), 20.0)
    return np.fft.irfft(spectrum / np.sqrt(frequency), count)


def babble(count: int, voices: Sequence[Sound]) -> Sound:
    """[count]: all the voices at once, each as loud as the others, repeated to the length."""
    total = np.zeros(count)
    for voice in voices:
        total += np.resize(voice, count) / max(rms(voice), 1e-12)
    return total


def telephone(sound: Sound) -> Sound:
    """300 to 3400 Hz and 8-bit mu-law, its full scale three times the deviation."""
    band = signal.butter(4, (300, 3400), "bandpass", fs=SAMPLE_RATE, output="sos")
    narrow = signal.sosfilt(band, sound)
    full = max(4 * rms(narrow), 1e-12)
    x = np.clip(narrow / full, -1, 1)
    code = np.round(np.sign(x) * np.log1p(_MU * np.abs(x)) / np.log1p(_MU) * 127) / 127
    return np.sign(code) * np.expm1(np.abs(code) * np.log1p(_MU)) / _MU * full


def in_room(sound: Sound, decay_s: float, direct: float, generator: np.random.Generator) -> Sound:
    """A direct path and a tail of noise that falls by 60 dB in `decay_s`; `direct`: its share of the energy, 0..1."""
    length = round(decay_s * SAMPLE_RATE)
    tail = generator.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    tail[: SAMPLE_RATE // 400] = 0.0  # nothing comes back within 2.5 ms
    tail *= np.sqrt((1 - direct) / max(float(np.square(tail).sum()), 1e-12))
    tail[0] = np.sqrt(direct)
    return np.asarray(signal.fftconvolve(sound, tail)[: len(sound)])


def resampled(sound: Sound, speed: float) -> Sound:
    """Faster and higher by this factor, or slower and lower."""
    at = np.arange(0, len(sound) - 1, speed)
    return np.interp(at, np.arange(len(sound)), sound)


def tilted(sound: Sound, db_an_octave: float) -> Sound:
    """The spectrum turned about 1 kHz, as other microphones would."""
    frequency = np.clip(np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE), 60.0, None)
    gain = 10 ** (db_an_octave * np.log2(frequency / 1000) / 20)
    return np.fft.irfft(np.fft.rfft(sound) * gain, len(sound))
