"""The 34 short-term features: time per clip, beside pyAudioAnalysis. Exit code 1 when below twenty times its speed.

python benchmarks/short_term_features.py [--cores 0] [--write]

openSMILE computes other features (the 23 low-level descriptors of eGeMAPSv02, every 10 ms); where it is installed
(benchmarks/peers.txt) its time stands beside.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version

import numpy as np
from common import Mark, Result, begin, finish, options, table

from mer_ros.audio.features import short_term_features

RATE = 16_000
CLIPS_S = (4, 10)  # the last one is the marked one
LEAST_RATIO = 20.0
ROUNDS, IN_A_ROW = 12, 4


def milliseconds(actions: list[Callable[[], object]], rounds: int) -> np.ndarray:
    """Time of each call, [rounds * IN_A_ROW, actions].

    The actions take turns, so that other load falls on all of them, and each is called some times in a row, so that
    it finds its own data in the cache and not another's.
    """
    times = np.empty((rounds, IN_A_ROW, len(actions)))
    for turn in times:
        for i, action in enumerate(actions):
            for row in turn:
                start = time.perf_counter()
                action()
                row[i] = 1e3 * (time.perf_counter() - start)
    return times[1:].reshape(-1, len(actions))  # the first round warms up


def clip(seconds: int) -> np.ndarray:
    """A buzz whose pitch and loudness move, with noise: the cost does not depend on what is said."""
    t = np.arange(seconds * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(150 + 40 * np.sin(2 * np.pi * t)) / RATE
    buzz = sum(np.sin(k * phase) / k for k in range(1, 20)) * np.sin(2 * np.pi * 1.5 * t) ** 2
    noise = np.random.default_rng(0).standard_normal(len(t))
    return (6000 * buzz + 100 * noise).astype(np.int16)


def peers() -> tuple[dict[str, Callable[[np.ndarray], object]], list[str]]:
    """What is installed of those that are compared with, and why the others are left out."""
    found: dict[str, Callable[[np.ndarray], object]] = {}
    missing = []
    try:
        from pyAudioAnalysis.ShortTermFeatures import feature_extraction

        found["pyAudioAnalysis"] = lambda signal: feature_extraction(signal, RATE, 3200, 1600, deltas=False)
    except ImportError as error:
        missing.append(f"pyAudioAnalysis is left out ({error}): make setup-dev")
    try:
        import opensmile

        smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors)
        found["opensmile"] = lambda signal: smile.process_signal(signal.astype(np.float32) / 32768, RATE)
    except (ImportError, OSError) as error:
        missing.append(f"openSMILE is left out ({error}): pip install --no-deps -r benchmarks/peers.txt")
    return found, missing


def main(arguments: Sequence[str] | None = None) -> int:
    given = begin(options(__doc__), arguments)
    found, missing = peers()
    if "pyAudioAnalysis" not in found:
        print(missing[0])
        return 2
    rows, ratio = [], {}
    for seconds in CLIPS_S:
        signal = clip(seconds)
        actions = {**found, "mer_ros": short_term_features}
        times = milliseconds([lambda a=a, s=signal: a(s) for a in actions.values()], rounds=ROUNDS)
        best, median = times.min(axis=0), np.median(times, axis=0)
        for column, name in enumerate(actions):
            ratio[seconds, name] = float(best[column] / best[-1])
            rows.append(
                [f"{seconds} s", name, f"{best[column]:.2f}", f"{median[column]:.2f}", f"{ratio[seconds, name]:.1f}"]
            )
    lines = table(("clip", "by", "ms, best", "ms, median", "times ours (best)"), rows)
    versions = ", ".join(f"{name} {version(name)}" for name in ("scipy", *found))
    mark = Mark(
        "34 features of 10 s", LEAST_RATIO, ratio[CLIPS_S[-1], "pyAudioAnalysis"], "x pyAudioAnalysis", at_least=True
    )
    command = "python benchmarks/short_term_features.py"
    result = Result("features", "Short-term features", command, 40, [mark], [versions, "", *lines, "", *missing])
    return finish(result, given.write)


if __name__ == "__main__":
    sys.exit(main())
