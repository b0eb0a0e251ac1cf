from __future__ import annotations

import numpy as np

from mer_ros.audio.voice_memory import MOST_HEARD, VoiceMemory


def test_a_mean_for_each_person():
    memory = VoiceMemory()
    assert memory.of("ann") is None
    for value in (1.0, 3.0):
        memory.add("ann", np.full(2, value))
    memory.add("ben", np.full(2, 9.0))
    mean, count = memory.of("ann")
    np.testing.assert_allclose(mean, 2.0)
    assert mean.dtype == np.float32
    assert count == 2
    memory.forget("ann")
    memory.forget("nobody")
    assert memory.of("ann") is None
    assert memory.of("ben") is not None
    memory.forget()
    assert memory.of("ben") is None


def test_old_utterances_fade():
    memory = VoiceMemory()
    for _ in range(100):
        memory.add("ann", np.zeros(1))
    assert memory.of("ann")[1] == MOST_HEARD
    memory.add("ann", np.ones(1))
    np.testing.assert_allclose(memory.of("ann")[0], 1 / MOST_HEARD)


def test_who_was_not_heard_for_the_longest_is_forgotten():
    memory = VoiceMemory(most_persons=2)
    for person in ("ann", "ben", "ann", "cas"):
        memory.add(person, np.zeros(1))
    assert memory.of("ben") is None
    assert memory.of("ann")[1] == 2
    assert memory.of("cas")[1] == 1
