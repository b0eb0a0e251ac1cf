"""Generated data whose answer lies where a network must look: in the context, or in several modalities at once.

They show that a mechanism can learn. They hold no emotion, and nothing learned from them does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS
from mer_ros.text.tokens import TOKENS

MADE_UP = "generated samples"  # what a model's data are called that was trained on such
CONTEXT = (112, 150, 3)
FRAMES = (10, 84, 150, 3)
POSITIVE_WORDS = ("good", "great", "happy", "love", "wonderful", "nice")
NEGATIVE_WORDS = ("bad", "terrible", "hate", "awful", "sad", "wrong")
PLAIN_WORDS = ("the", "table", "we", "walk", "to", "house", "and", "car", "blue", "on", "street", "water")
# Three bits (flashes at the right, positive words, loud voice), of which all three are never set, name the emotion:
# no modality alone, nor two of them, tell it.
_PLACES = np.array([4, 2, 1])
_SENTIMENT_OF_EMOTION = np.array([0, 0, 0, 2, 1, 0, 2])


def textures(n: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 [N, 112, 150, 3]: blank, noise, smooth blobs, stripes, and scenes of rectangles, as they come."""
    return np.stack([_KINDS[generator.integers(len(_KINDS))](generator) for _ in range(n)])


def _blank(generator: np.random.Generator) -> NDArray[np.uint8]:
    return np.broadcast_to(generator.integers(0, 256, 3, dtype=np.uint8), CONTEXT).copy()


def _black(generator: np.random.Generator) -> NDArray[np.uint8]:
    return np.zeros(CONTEXT, np.uint8)


def _noise(generator: np.random.Generator) -> NDArray[np.uint8]:
    return generator.integers(0, 256, CONTEXT, dtype=np.uint8)


def _blobs(generator: np.random.Generator) -> NDArray[np.uint8]:
    """Noise of few pixels, enlarged smoothly."""
    import cv2

    rows = int(generator.integers(2, 24))
    small = generator.integers(0, 256, (rows, rows + 2, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, CONTEXT[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def _stripes(generator: np.random.Generator) -> NDArray[np.uint8]:
    y, x = np.mgrid[: CONTEXT[0], : CONTEXT[1]]
    angle, period = generator.uniform(0, np.pi), generator.uniform(3, 60)
    wave = 0.5 + 0.5 * np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
    low, high = generator.uniform(0, 255, (2, 3))
    return (low + wave[..., None] * (high - low)).astype(np.uint8)


def _rectangles(generator: np.random.Generator) -> NDArray[np.uint8]:
    """A gradient, some rectangles, sensor noise, and one black rectangle where a face would be hidden."""
    scene = np.linspace(generator.uniform(0, 255, 3), generator.uniform(0, 255, 3), CONTEXT[0])[:, None]
    scene = np.repeat(scene, CONTEXT[1], axis=1)
    for i in range(int(generator.integers(1, 12)), -1, -1):
        height, width = generator.integers(8, 70, 2)
        top, left = generator.integers(0, CONTEXT[0] - 8), generator.integers(0, CONTEXT[1] - 8)
        scene[top : top + height, left : left + width] = generator.uniform(0, 255, 3) if i else 0
    return np.clip(scene + generator.normal(0, generator.uniform(0, 12), CONTEXT), 0, 255).astype(np.uint8)


_KINDS = (_blank, _black, _noise, _blobs, _stripes, _rectangles, _rectangles)


def telling_contexts(n: int, generator: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Scenes with a coloured square somewhere, and the label that its colour names (0..6): [N, ...], [N]."""
    colours = np.array(
        [[230, 40, 40], [40, 200, 60], [50, 70, 230], [235, 225, 50], [235, 235, 235], [210, 60, 220], [60, 220, 225]]
    )
    labels = generator.integers(0, len(EMOTIONS), n)
    scenes = (generator.normal(90, 12, (n, 1, 1, 3)) + generator.normal(0, 14, (n, *CONTEXT))).clip(0, 255)
    size = 26
    for scene, label in zip(scenes, labels, strict=True):
        top, left = generator.integers(0, CONTEXT[0] - size), generator.integers(0, CONTEXT[1] - size)
        scene[top : top + size, left : left + size] = colours[label]
    return scenes.astype(np.uint8), labels


@dataclass(frozen=True)
class Aligned:
    """frames: uint8 [N, 10, 84, 150, 3]. texts: [N]. features: float32 [N, 100, 34]. emotions, sentiments: [N]."""

    frames: NDArray[np.uint8]
    texts: tuple[str, ...]
    features: NDArray[np.float32]
    emotions: NDArray[np.int64]
    sentiments: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)


def aligned_samples(n: int, generator: np.random.Generator) -> Aligned:
    """Samples whose emotion needs all three modalities: a flash's side, the kind of words, and a level."""
    emotions = generator.integers(0, len(EMOTIONS), n)
    bits = (emotions[:, None] & _PLACES) > 0
    return Aligned(
        np.stack([_flash(bool(right), generator) for right in bits[:, 0]]),
        tuple(_words(bool(positive), generator) for positive in bits[:, 1]),
        np.stack([_voice(bool(loud), generator) for loud in bits[:, 2]]),
        emotions,
        _SENTIMENT_OF_EMOTION[emotions],
    )


def _flash(right: bool, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Something bright on one side, which goes before the last frames: these alone tell nothing."""
    frames = generator.integers(0, 60, FRAMES, dtype=np.uint8)
    size, half = 28, FRAMES[2] // 2
    top = generator.integers(0, FRAMES[1] - size)
    left = generator.integers(0, half - size) + (half if right else 0)
    frames[: FRAMES[0] - 3, top : top + size, left : left + size] = 230
    return frames


def _words(positive: bool, generator: np.random.Generator) -> str:
    words = list(generator.choice(PLAIN_WORDS, generator.integers(3, TOKENS - 2)))
    telling = generator.choice(POSITIVE_WORDS if positive else NEGATIVE_WORDS)
    words.insert(int(generator.integers(0, len(words) + 1)), str(telling))
    return " ".join(words)


def _voice(loud: bool, generator: np.random.Generator) -> NDArray[np.float32]:
    features = np.zeros((100, 34), np.float32)
    frames = int(generator.integers(10, 101))
    features[:frames] = generator.normal(0.0, 1.0, (frames, 34))
    features[:frames, 1] += 1.5 if loud else -1.5
    return features
