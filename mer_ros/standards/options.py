"""How humans are tracked."""

from __future__ import annotations

from dataclasses import dataclass

from mer_ros.errors import OptionError, check_ranges

PER_UTTERANCE, ONE = "utterance", "one"
VOICES = (PER_UTTERANCE, ONE)


@dataclass(frozen=True)
class HumansOptions:
    """When ids come and go. A value out of range raises OptionError.

    face_ms: a face without a window for so long is no longer tracked. voice_ms: nor is a voice that is silent so long.
    voices: `utterance` gives each utterance a voice of its own, which then is matched to who said it; `one` gives all
    of them the same, `voice`, matched to whoever spoke last, for listeners that know one voice only.
    max_tracked: ids of each group at most; the oldest gives way.
    """

    face_ms: float = 1500.0
    voice_ms: float = 10_000.0
    voices: str = PER_UTTERANCE
    max_tracked: int = 16

    def __post_init__(self) -> None:
        limits = {"face_ms": (100.0, 60_000.0), "voice_ms": (100.0, 600_000.0), "max_tracked": (1, 100)}
        check_ranges(self, limits)
        if self.voices not in VOICES:
            raise OptionError(f"voices is '{self.voices}'; choose one of: {', '.join(VOICES)}")
