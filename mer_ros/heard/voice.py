"""Who speaks a line, and how: voices chosen by seed, one a speaker."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import OptionError
from mer_ros.heard.espeak import Espeak
from mer_ros.heard.piper import Piper

KINDS = ("piper", "espeak", "mixed")
MIXED_ESPEAK = 0.25  # of the speakers of a mixed corpus

ACCENTS = ("en-us", "en-us", "en-us", "en", "en-gb-x-rp")
VARIANTS = ("m1", "m2", "m3", "m4", "f1", "f2", "f3", "f4")
WORDS_PER_MINUTE = (140, 180)
ESPEAK_PITCH = (40, 60)
SLOWNESS = (0.9, 1.15)
PITCH = (0.9, 1.25)  # of a deep man to near a woman, for a voice of a man


@dataclass(frozen=True)
class Voice:
    """How a speaker sounds. name: `piper`, or eSpeak's language and variant. pace, pitch: as that voice takes them."""

    name: str
    pace: float
    pitch: float

    def __str__(self) -> str:
        return f"{self.name} {self.pace:g} {self.pitch:g}"


def choose_voice(speaker: str, kind: str = "piper", seed: int = 1) -> Voice:
    """The voice of a speaker: any one, and the same each time.

    kind: `piper` (near human), `espeak` (robotic, hard to understand), or `mixed` (a quarter of the latter).
    """
    if kind not in KINDS:
        raise OptionError(f"the kind of voice is {kind!r}; use one of {', '.join(KINDS)}")
    random = np.random.default_rng([seed, zlib.crc32(speaker.encode())])
    if kind == "espeak" or (kind == "mixed" and random.random() < MIXED_ESPEAK):
        name = f"{random.choice(ACCENTS)}+{random.choice(VARIANTS)}"
        return Voice(name, int(random.integers(*WORDS_PER_MINUTE)), int(random.integers(*ESPEAK_PITCH)))
    return Voice("piper", round(random.uniform(*SLOWNESS), 2), round(random.uniform(*PITCH), 2))


def kind_of(voice: str) -> str:
    """`piper` or `espeak`: of a voice as a string."""
    return "piper" if voice.startswith("piper") else "espeak"


class Speaker:
    """Speaks with any voice."""

    def __init__(self, kind: str = "piper") -> None:
        """Opens what voices of this kind need. Raises MissingDependencyError, ModelError."""
        self._espeak = Espeak()
        self._piper = None if kind == "espeak" else Piper(self._espeak)

    def say(self, text: str, voice: Voice) -> NDArray[np.int16]:
        """The text as int16 [n], 16 kHz mono."""
        if voice.name != "piper":
            return self._espeak.say(text, voice.name, int(voice.pace), int(voice.pitch))
        if self._piper is None:
            raise OptionError("this speaker was made for eSpeak NG alone; make one of kind piper or mixed")
        return self._piper.say(text, voice.pace, voice.pitch)
