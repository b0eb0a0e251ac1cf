"""Clips of voices as other voices in other rooms would have said them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mer_ros.corpora.conditions import (
    Sound,
    babble,
    in_room,
    pink_noise,
    resampled,
    telephone,
    tilted,
    white_noise,
    with_noise,
)


def vary_voice(clip: Sound, others: Sequence[Sound], generator: np.random.Generator) -> Sound:
    """float [n] to float [m]: cut, speed and pitch (12 %), room, spectrum, noise of 5 to 25 dB, telephone.

    others: clips that babble is mixed of. Every step but the speed is left out at random.
    """
    x = _cut(clip, generator)
    x = resampled(x, float(np.exp(generator.uniform(-0.12, 0.12))))
    if generator.random() < 0.3:
        x = in_room(x, generator.uniform(0.15, 0.7), generator.uniform(0.3, 0.9), generator)
    if generator.random() < 0.5:
        x = tilted(x, generator.uniform(-2.5, 2.5))
    if generator.random() < 0.5:
        x = with_noise(x, _noise(len(x), others, generator), generator.uniform(5, 25))
    if generator.random() < 0.15:
        x = telephone(x)
    return x


def _cut(clip: Sound, generator: np.random.Generator) -> Sound:
    """Up to 8 % less at either end, as a segmenter that is late or early would have it."""
    first, last = (round(len(clip) * share) for share in generator.uniform(0, 0.08, 2))
    return clip[first : len(clip) - last]


def _noise(count: int, others: Sequence[Sound], generator: np.random.Generator) -> Sound:
    kind = generator.integers(3 if len(others) else 2)
    if kind == 0:
        return white_noise(count, generator)
    if kind == 1:
        return pink_noise(count, generator)
    chosen = generator.choice(len(others), min(5, len(others)), replace=False)
    return babble(count, [np.roll(others[i], generator.integers(len(others[i]))) for i in chosen])
