"""The 34 short-term features: time per clip, beside pyAudioAnalysis. Exit code 1 when below ten times its speed.

python benchmarks/short_term_features.py
"""

from __future__ import annotations

import datetime
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

from mer_ros.audio.features import short_term_features

RATE = 16_000
LEAST_RATIO = 10.0


def processor() -> str:
    """The processor's name, as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def milliseconds(actions: list[Callable[[], object]], rounds: int) -> np.ndarray:
    """Time of each call, [rounds, actions]; the actions take turns, so that other load falls on all of them."""
    times = np.empty((rounds, len(actions)))
    for row in times:
        for i, action in enumerate(actions):
            start = time.perf_counter()
            action()
            row[i] = 1e3 * (time.perf_counter() - start)
    return times[2:]  # the first two warm up


def clip(seconds: int) -> np.ndarray:
    """A buzz whose pitch and loudness move, with noise: the cost does not depend on what is said."""
    t = np.arange(seconds * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(150 + 40 * np.sin(2 * np.pi * t)) / RATE
    buzz = sum(np.sin(k * phase) / k for k in range(1, 20)) * np.sin(2 * np.pi * 1.5 * t) ** 2
    noise = np.random.default_rng(0).standard_normal(len(t))
    return (6000 * buzz + 100 * noise).astype(np.int16)


def main() -> int:
    try:
        from pyAudioAnalysis.ShortTermFeatures import feature_extraction
    except ImportError as error:
        print(f"the reference is missing ({error}): pip install --no-deps pyAudioAnalysis==0.3.14 matplotlib tqdm")
        return 2
    print(f"{datetime.date.today()}, {processor()}, {platform.system()}, Python {platform.python_version()}")
    print(", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pyAudioAnalysis")))
    print("\n| clip | pyAudioAnalysis, best (median) | mer_ros, best (median) | ratio of the best (of the medians) |")
    print("|---|---|---|---|")
    ratios = []
    for seconds in (4, 10):
        signal = clip(seconds)
        times = milliseconds(
            [
                lambda s=signal: feature_extraction(s, RATE, 3200, 1600, deltas=False),
                lambda s=signal: short_term_features(s),
            ],
            rounds=32,
        )
        best, median = times.min(axis=0), np.median(times, axis=0)
        ratios.append(float(best[0] / best[1]))
        cells = [f"{b:.2f} ms ({m:.2f})" for b, m in zip(best, median, strict=True)]
        print(f"| {seconds} s | {cells[0]} | {cells[1]} | {ratios[-1]:.1f} ({median[0] / median[1]:.1f}) |")
    slow = min(ratios) < LEAST_RATIO
    print(f"\nleast ratio {min(ratios):.1f}, wanted {LEAST_RATIO:.0f} or more: {'NOT MET' if slow else 'met'}")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
