"""What can be chosen about a replay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer_ros import resources
from mer_ros.errors import OptionError
from mer_ros.graph import RECOGNISERS
from mer_ros.inference.providers import DEVICES
from mer_ros.settings.files import Settings, read_settings

CHUNK_MS = (5, 1000)


@dataclass(frozen=True)
class ReplayOptions:
    """Which settings, models and topics a replay uses.

    params_file: ROS 2 parameters; None takes config/mer.yaml, as the live graph does. models, device, recogniser,
    recogniser_model: go before what the file says; empty leaves it. image_topic, audio_topic: of a bag; empty takes
    the only one of its type. words_topic (with the recogniser `outside`), robot_speaking_topic: likewise; empty takes
    the one that is called so. max_width: wider frames are scaled down to this, as the file player does; 0: none.
    chunk_ms: length of the pieces of sound where a recording does not fix it. read_ahead: decode and listen, look, and
    fuse in a thread each. Neither changes anything but the speed. thumbnails: keep a small picture of the speaker's
    face for each utterance.
    """

    params_file: Path | None = None
    models: str = ""
    device: str = ""
    recogniser: str = ""
    recogniser_model: str = ""
    image_topic: str = ""
    audio_topic: str = ""
    words_topic: str = ""
    robot_speaking_topic: str = ""
    max_width: int = 1280
    chunk_ms: int = 100
    read_ahead: bool = True
    thumbnails: bool = False

    def __post_init__(self) -> None:
        if self.models and not Path(self.models).is_dir():
            raise OptionError(f"models is '{self.models}', which is no folder: give one, or leave it out")
        for name, choices in (("device", DEVICES), ("recogniser", RECOGNISERS)):
            value = getattr(self, name)
            if value and value not in choices:
                raise OptionError(f"{name} is '{value}': choose one of {', '.join(choices)}")
        if not CHUNK_MS[0] <= self.chunk_ms <= CHUNK_MS[1]:
            raise OptionError(f"chunk_ms is {self.chunk_ms}: give {CHUNK_MS[0]} to {CHUNK_MS[1]}")

    def settings(self) -> dict[str, Settings]:
        """The parameters of the four nodes, by node. Raises OptionError."""
        given: dict[str, dict[str, Any]] = {
            "fusion": {"models": self.models, "device": self.device},
            "speech_to_text": {"recogniser": self.recogniser, "model": self.recogniser_model},
        }
        given = {node: {name: value for name, value in values.items() if value} for node, values in given.items()}
        return read_settings(self.params_file or resources.config_dir() / "mer.yaml", given)
