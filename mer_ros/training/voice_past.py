"""What was heard of a person before an utterance: drawn for training, in turn for scoring."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio.voice_memory import MOST_HEARD, VoiceMemory
from mer_ros.corpora.speech import Clips
from mer_ros.emotion import EMOTIONS

Numbers = NDArray[np.float32]
NOTHING_HEARD = 1 / 3  # of the training's utterances: nobody said anything before
_ONE_SIDED = 0.5  # of the others: people who were not in every mood alike
_AS_HEARD = 0.5  # of what was heard: the first copy, the rest from all


class Pasts:
    """numbers: float32 [K, N, F], of N clips in K copies. Gives means [B, F] and counts [B, 1], float32."""

    def __init__(self, clips: Clips, numbers: Numbers) -> None:
        self._clips = clips
        self._numbers = numbers
        speakers = np.array(clips.speakers)
        self._same = {name: np.flatnonzero(speakers == name) for name in sorted(set(clips.speakers))}

    def draw(self, rows: NDArray[np.int64], generator: np.random.Generator) -> tuple[Numbers, Numbers]:
        """Of random other clips of each row's speaker, 1 to MOST_HEARD of them, or nothing."""
        mean, heard = self._nothing(len(rows))
        for b, row in enumerate(rows):
            if generator.random() < NOTHING_HEARD:
                continue
            same = self._same[self._clips.speakers[row]]
            chances = None
            if generator.random() < _ONE_SIDED:
                chances = generator.dirichlet(np.ones(len(EMOTIONS)))[self._clips.labels[same]] + 1e-6
                chances /= chances.sum()
            chosen = generator.choice(same, generator.integers(1, MOST_HEARD + 1), p=chances)
            chosen = chosen[chosen != row]
            copies = generator.integers(len(self._numbers), size=len(chosen))
            copies[generator.random(len(chosen)) < _AS_HEARD] = 0
            if len(chosen):
                mean[b], heard[b] = self._numbers[copies, chosen].mean(axis=0), len(chosen)
        return mean, heard

    def in_turn(self, seed: int = 1) -> tuple[Numbers, Numbers]:
        """Of all clips, what the live memory holds when each speaker says theirs in random order."""
        memory = VoiceMemory(len(self._same))
        mean, heard = self._nothing(len(self._clips))
        for row in np.random.default_rng(seed).permutation(len(self._clips)):
            speaker = self._clips.speakers[row]
            known = memory.of(speaker)
            if known is not None:
                mean[row], heard[row] = known
            memory.add(speaker, self._numbers[0, row])
        return mean, heard

    def _nothing(self, count: int) -> tuple[Numbers, Numbers]:
        return np.zeros((count, self._numbers.shape[2]), np.float32), np.zeros((count, 1), np.float32)
