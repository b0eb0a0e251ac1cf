"""Where the files of this package lie: models, configuration, definitions of messages.

In a source checkout (also one that is installed as editable) they lie beside the Python package; in an installed
one below `share/mer_ros` of a prefix: those of AMENT_PREFIX_PATH first, then Python's own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from mer_ros.errors import MerError

MODELS_VARIABLE = "MER_MODELS"
_PROFILES = {  # by the variables of Kilted and Jazzy: with images, without, and far
    "FASTDDS_DEFAULT_PROFILES_FILE": ("fastdds.xml", "fastdds-small.xml", "fastdds3-far.xml"),
    "FASTRTPS_DEFAULT_PROFILES_FILE": ("fastdds.xml", "fastdds-small.xml", "fastdds-far.xml"),
}


class ResourceError(MerError):
    """A folder of this package that is not where it should be."""


def models_dir() -> Path:
    """Return the folder with the models' manifest; the variable MER_MODELS names another one."""
    given = os.environ.get(MODELS_VARIABLE)
    return Path(given) if given else _folder("models", "manifest.yaml")


def config_dir() -> Path:
    """Return the folder with parameters and profiles."""
    return _folder("config", "mer.yaml")


def messages_dir() -> Path:
    """Return the folder with the definitions (.msg) of the package mer_msgs."""
    return _folder("mer_msgs/msg", "Emotion.msg")


def dds_environment(*, images: bool = True, far: bool = False) -> dict[str, str]:
    """Return variables that set up Fast DDS for this package's messages; a profile of the user's own stays.

    images: False for a process that publishes no raw ones: it gets less shared memory, and keeps less in its memory.
    far: for a process whose messages go to another machine and that publishes no raw images of its own.
    Each version of Fast DDS reads one of the two names alone: a profile under one name is given under the other too.
    """
    ours = {str(config_dir() / file) for files in _PROFILES.values() for file in files}
    told = {name: os.environ.get(name, "") for name in _PROFILES}
    given = {name: file for name, file in told.items() if file and file not in ours}
    own = next(iter(given.values()), None)
    chosen = 2 if far else 0 if images else 1
    return {name: own or str(config_dir() / files[chosen]) for name, files in _PROFILES.items() if name not in given}


def _folder(name: str, landmark: str) -> Path:
    looked = []
    for place in _places():
        if (place / name / landmark).is_file():
            return place / name
        looked.append(str(place / name))
    raise ResourceError(f"{name}/{landmark} of mer_ros is in none of {', '.join(looked)}; install the package again")


def _places() -> Iterator[Path]:
    yield Path(__file__).resolve().parents[1]
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix:
            yield Path(prefix) / "share" / "mer_ros"
    yield Path(sys.prefix) / "share" / "mer_ros"
