"""What was fitted on held-out data: how far each modality can be relied on, and what the quality of its input is worth.

Kept in a small YAML file beside the models, so that a person can read and change it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import yaml

from mer_ros.emotion import Modality
from mer_ros.errors import ModelError

MOST_TRUST = 3.0  # an exponent beyond this would be no calibration


@dataclass(frozen=True)
class Worth:
    """The trust in an opinion, by the quality of its input.

    model: whose answers it was fitted on. quality: 0..1, rising, two or more. trust: 0..3, one for each of these,
    never falling; in between it is interpolated.
    """

    model: str
    quality: tuple[float, ...]
    trust: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, values, most in (("quality", self.quality, 1.0), ("trust", self.trust, MOST_TRUST)):
            steps = np.diff(values)
            ordered = np.all(steps > 0) if name == "quality" else np.all(steps >= 0)
            inside = all(math.isfinite(v) and 0 <= v <= most for v in values)
            if len(values) < 2 or len(values) != len(self.quality) or not inside or not ordered:
                raise ModelError(
                    f"the {name} of {self.model} in the fusion's weights is {list(values)}; give two or more rising "
                    f"numbers in 0..{most:g}, as many of trust as of quality"
                )

    def __call__(self, quality: float) -> float:
        """Return the trust in an opinion on an input of this quality."""
        return float(np.interp(quality, self.quality, self.trust))


@dataclass(frozen=True)
class FusionWeights:
    """worths: of each modality. independence: 0..1, see `mer_ros.fusion.pool.shares`."""

    worths: Mapping[Modality, Worth]
    independence: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.independence) and 0 <= self.independence <= 1):
            raise ModelError(f"the independence in the fusion's weights is {self.independence}; give a number in 0..1")

    def worth(self, modality: Modality, model: str) -> Worth | None:
        """Return what was fitted for this model; None when it was fitted for another one, or not at all."""
        found = self.worths.get(modality)
        return found if found is not None and found.model == model else None


def write_weights(weights: FusionWeights) -> bytes:
    """Return the YAML file of the weights."""
    content = {
        "independence": weights.independence,
        **{
            modality.value: {"model": worth.model, "quality": list(worth.quality), "trust": list(worth.trust)}
            for modality, worth in weights.worths.items()
        },
    }
    return yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=110).encode()


def read_weights(content: bytes, name: str = "the fusion's weights") -> FusionWeights:
    """Read what `write_weights` wrote, or a person. Raises ModelError."""
    try:
        found = yaml.safe_load(content)
        worths = {
            m: Worth(
                str(found[m.value]["model"]),
                tuple(map(float, found[m.value]["quality"])),
                tuple(map(float, found[m.value]["trust"])),
            )
            for m in Modality
            if m.value in found
        }
        if unknown := sorted(map(str, set(found) - {m.value for m in Modality} - {"independence"})):
            raise ModelError(f"{name} give {', '.join(unknown)}, which means nothing; remove it")
        return FusionWeights(worths, float(found["independence"]))
    except (yaml.YAMLError, KeyError, TypeError, ValueError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(
            f"{name} cannot be read ({type(error).__name__}: {' '.join(str(error).split())}); they hold independence "
            "and, for face, audio and text, a model, quality and trust"
        ) from error
