"""Write feature_reference.npz: generated signals, and what pyAudioAnalysis 0.3.14 says of them.

    python test/audio/make_feature_reference.py

Each signal is int16 at 16 kHz, stored beside its features, float64 [frames, 34], made by
ShortTermFeatures.feature_extraction(signal, 16000, 3200, 1600, deltas=False), transposed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

RATE = 16_000
FILE = Path(__file__).with_name("feature_reference.npz")


def signals() -> dict[str, np.ndarray]:
    """A buzzing voice with formants, decaying chords, noise, clipping, an offset, and digital silence inside."""
    rng = np.random.default_rng(7)
    t = np.arange(int(1.4 * RATE)) / RATE
    pitch = 140 + 30 * np.sin(2 * np.pi * 2.3 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = np.zeros_like(t)
    for k in range(1, 30):
        hertz = k * pitch
        formants = sum(np.exp(-(((hertz - f) / 180) ** 2)) for f in (650, 1200, 2500, 3400))
        voice += (formants + 0.02) * np.sin(k * phase)
    voice *= 0.2 + np.sin(2 * np.pi * 1.9 * t) ** 2
    chords = sum(np.sin(2 * np.pi * f * t) * np.exp(-4 * (t % 0.5)) for f in (220.0, 277.18, 329.63, 880.0, 3520.0))
    noise = rng.standard_normal(len(t))
    broken = voice.copy()
    broken[8000:14000] = 0

    def scaled(x: np.ndarray, peak: float) -> np.ndarray:
        return np.clip(np.rint(x / np.abs(x).max() * peak), -32768, 32767).astype(np.int16)

    return {
        "voice": scaled(voice + 0.01 * noise, 12000),
        "chords": scaled(chords, 20000),
        "noise": scaled(noise, 9000),
        "clipped": scaled(voice, 90000),
        "offset": scaled(voice, 5000) + np.int16(4000),
        "quiet": scaled(voice + 0.1 * noise, 12),
        "dropout": scaled(broken, 15000),
    }


def main() -> None:
    from pyAudioAnalysis import ShortTermFeatures

    stored = {}
    for name, signal in signals().items():
        features, _ = ShortTermFeatures.feature_extraction(signal, RATE, 3200, 1600, deltas=False)
        stored[f"{name}_signal"] = signal
        stored[f"{name}_features"] = features.T
    np.savez_compressed(FILE, **stored)


if __name__ == "__main__":
    main()
