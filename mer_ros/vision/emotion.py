"""What a face and its surroundings say of an emotion: the model's answers for a window's frames, averaged."""

from __future__ import annotations

import math
import time
from collections import Counter

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import Modality, ModalityEstimate
from mer_ros.inference import Model
from mer_ros.utterance import FaceSample, VisualWindow
from mer_ros.vision.answers import Answers

#: Faces of this size and more have all the detail that a 48-pixel network sees, with its margin to spare.
GOOD_SIZE_PX = 64.0
MIN_SIZE_PX = 16.0
#: Variance of the Laplacian of a 96-pixel crop at which a face counts as half sharp.
HALF_SHARP = 30.0
#: Mean grey, 0..255: below DARK or above BRIGHT nothing can be seen; full marks between the other two.
DARK, DIM, GLARE, BRIGHT = 8.0, 50.0, 215.0, 252.0
#: Frames after which another frame adds little: quality reaches 1 - 1/e.
FRAMES_SCALE = 2.0
TRACKED = 0.9  # weight of a box that was followed, against one that was detected


class FaceEmotion:
    """Estimates the emotion of the face in a window.

    model: inputs `face` uint8 [B, 96, 96, 3] and `context` uint8 [B, 112, 150, 3]; outputs `probabilities`
    [B, 7] and perhaps `sentiment_probabilities` [B, 3].
    remembered: of so many crops the model's answers are kept, so that a window of crops that came in earlier windows
    costs almost nothing; 0 for none.
    """

    def __init__(self, model: Model, remembered: int = 0) -> None:
        self._answers = Answers(model, remembered)
        self.name = str(getattr(model.entry, "name", ""))

    def estimate(self, window: VisualWindow) -> ModalityEstimate:
        """Average over the window's frames, each weighted by its quality; says why when there is nothing.

        Raises ModelError when the model's output is not what its contract says.
        """
        start = time.perf_counter()
        reason = _reason(window)
        if reason:
            return ModalityEstimate(Modality.FACE, reason=reason, model=self.name)
        probabilities, sentiments = self._answers.of(window.track_id, window.samples)
        marks = np.array([sample_quality(sample) for sample in window.samples])
        weights = (marks + 1e-6) / (marks + 1e-6).sum()
        return ModalityEstimate(
            Modality.FACE,
            _mean(probabilities, weights),
            sentiment=_mean(sentiments, weights) if sentiments.size else None,
            quality=window_quality(marks),
            model=self.name,
            latency_ms=(time.perf_counter() - start) * 1e3,
        )

    @property
    def counts(self) -> Counter[str]:
        """How many crops the model was asked about (crops_scored), and of how many the answer was known."""
        return self._answers.counts

    def forget(self, person_id: str = "") -> None:
        """Forget all answers, for ids and stamps may mean others; of any person: whose they were is not kept."""
        self._answers.forget()


def sample_quality(sample: FaceSample) -> float:
    """How much can be seen of a face, 0..1: the geometric mean of four marks, each 0..1.

    size: (s - 16) / 48 for a box of geometric mean s pixels. score: of the detector, less 10 % when the box
    was tracked. light: mean grey, falling to 0 below 50 and above 215. sharpness: v / (v + 30), where v is
    the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000).
    """
    grey = cv2.cvtColor(sample.face, cv2.COLOR_RGB2GRAY)
    mean = float(grey.mean())
    variance = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    side = math.sqrt(sample.box.width * sample.box.height)
    marks = (
        (side - MIN_SIZE_PX) / (GOOD_SIZE_PX - MIN_SIZE_PX),
        sample.score * (1.0 if sample.detected else TRACKED),
        min((mean - DARK) / (DIM - DARK), (BRIGHT - mean) / (BRIGHT - GLARE)),
        variance / (variance + HALF_SHARP),
    )
    return float(math.prod(min(1.0, max(0.0, mark)) for mark in marks) ** (1.0 / len(marks)))


def window_quality(marks: NDArray[np.floating]) -> float:
    """Quality of a window, 0..1: the mean mark of its n frames, times 1 - exp(-n / 2)."""
    return float(marks.mean() * (1.0 - math.exp(-len(marks) / FRAMES_SCALE))) if len(marks) else 0.0


def _reason(window: VisualWindow) -> str:
    if window.samples:
        largest = max(math.sqrt(s.box.width * s.box.height) for s in window.samples)
        if largest <= MIN_SIZE_PX:
            return f"face of {largest:.0f} px is too small"
        return ""
    if window.faces_in_view and not math.isnan(window.out_of_view):
        return "the speaker is out of view"
    return "no face in view" if window.frames_seen else "no camera frames"


def _mean(rows: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.floating]:
    mean = weights @ rows.astype(np.float64)
    return np.asarray(mean / mean.sum())
