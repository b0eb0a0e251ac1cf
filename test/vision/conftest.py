"""Real faces, and detectors whose answers a test decides."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from watched_scene import FACE

from mer_ros.utterance import Box
from mer_ros.vision.detector import Detection


def _packaged(package: str, name: str) -> np.ndarray:
    """A picture that a package carries; the package is not imported, since what it needs may not be installed."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        pytest.skip(f"{package}, which carries {name}, is not installed")
    return cv2.cvtColor(cv2.imread(str(Path(spec.submodule_search_locations[0]) / name)), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    return _packaged("skimage", "data/astronaut.png")


@pytest.fixture(scope="session")
def hopper() -> np.ndarray:
    return _packaged("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")


@pytest.fixture(scope="session")
def clips(shared: Path) -> dict[str, list[np.ndarray]]:
    """Name -> RGB frames at 25 a second."""
    found = {}
    for path in sorted((shared / "clips").glob("*.mpg")):
        capture = cv2.VideoCapture(str(path))
        frames = []
        while (grabbed := capture.read())[0]:
            frames.append(cv2.cvtColor(grabbed[1], cv2.COLOR_BGR2RGB))
        found[path.stem] = frames
    return found


class ScriptedDetector:
    """Finds what the test says is there now."""

    name = "scripted"

    def __init__(self) -> None:
        self.boxes: list[Box] = []
        self.calls = 0

    def detect(self, image: np.ndarray) -> list[Detection]:
        self.calls += 1
        return [Detection(box, 0.9) for box in self.boxes]


@pytest.fixture
def scripted() -> ScriptedDetector:
    return ScriptedDetector()


class Scene:
    """A 640x480 room with textured squares for faces, so that there is something for optical flow to hold."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.room = cv2.GaussianBlur(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8), (0, 0), 6)
        self.looks = [
            cv2.GaussianBlur(np.random.default_rng(n).integers(0, 256, (100, 100, 3), dtype=np.uint8), (0, 0), 4)
            for n in (1, 2)
        ]

    def draw(self, *boxes: Box | None) -> np.ndarray:
        image = self.room.copy()
        for look, box in zip(self.looks, boxes, strict=False):
            if box is not None:
                image[box.y : box.y + box.height, box.x : box.x + box.width] = cv2.resize(look, (box.width, box.height))
        return image


@pytest.fixture(scope="session")
def scene() -> Scene:
    return Scene()


@pytest.fixture
def seeing(scripted):
    scripted.boxes = [FACE]
    return scripted
