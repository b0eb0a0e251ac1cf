"""A face model's answers, a row for each crop; those of the last crops can be kept, so that none is asked for twice."""

from __future__ import annotations

import zlib
from collections import Counter, OrderedDict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS, SENTIMENTS
from mer_ros.errors import ModelError
from mer_ros.inference import Model
from mer_ros.utterance import FaceSample
from mer_ros.vision.crops import CONTEXT_SHAPE, FACE_PX

#: Answers of a model that differ by more than this, alone and among others, depend on the company.
ALIKE = 1e-5
_PROBABILITIES, _SENTIMENT = "probabilities", "sentiment_probabilities"


class Answers:
    """Asks the model of a batch of crops: probabilities [B, 7], and sentiments [B, 3] where it has a head for them.

    kept: so many answers are kept, 0 for none. A crop is known by its track, its stamp and its pixels, so that no
    other one passes for it. A model whose answers depend on the batch, as with dynamic quantisation, is then asked
    crop by crop: what it says of a crop must not depend on when others came.
    counts: crops_scored, crops_known.
    """

    def __init__(self, model: Model, kept: int = 0) -> None:
        self.counts: Counter[str] = Counter()
        self._model = model
        self._name = str(getattr(model.entry, "name", ""))
        self._kept = kept
        self._rows: OrderedDict[Hashable, NDArray[np.float32]] = OrderedDict()
        self._one_by_one = kept > 0 and not self._is_alike()

    def of(self, track_id: int, samples: Sequence[FaceSample]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return probabilities [B, 7] and sentiments [B, 3], or [B, 0] without a head, of B crops.

        Raises ModelError when an output is not what the model's contract says.
        """
        rows = self._ask(samples) if not self._kept else self._look_up(track_id, samples)
        return rows[:, : len(EMOTIONS)], rows[:, len(EMOTIONS) :]

    def forget(self) -> None:
        """Forget all answers."""
        self._rows.clear()

    def _look_up(self, track_id: int, samples: Sequence[FaceSample]) -> NDArray[np.float32]:
        keys = [_key(track_id, sample) for sample in samples]
        new = {key: sample for key, sample in zip(keys, samples, strict=True) if key not in self._rows}
        known = {key: self._rows[key] for key in keys if key in self._rows}
        self.counts["crops_known"] += len(keys) - len(new)
        self.counts["crops_scored"] += len(new)
        asked = list(new.values())
        batches = [[sample] for sample in asked] if self._one_by_one else [asked] if asked else []
        rows = [row for batch in batches for row in self._ask(batch)]
        known |= dict(zip(new, rows, strict=True))
        self._rows |= {key: known[key] for key in new}
        while len(self._rows) > self._kept:
            self._rows.popitem(last=False)
        return np.stack([known[key] for key in keys])

    def _ask(self, samples: Sequence[FaceSample]) -> NDArray[np.float32]:
        return self._run(np.stack([s.face for s in samples]), np.stack([s.context for s in samples]))

    def _run(self, face: NDArray[np.uint8], context: NDArray[np.uint8]) -> NDArray[np.float32]:
        outputs = self._model.run(face=face, context=context)
        tables = [self._checked(outputs[_PROBABILITIES], (len(face), len(EMOTIONS)))]
        if _SENTIMENT in outputs:
            tables.append(self._checked(outputs[_SENTIMENT], (len(face), len(SENTIMENTS))))
        return np.hstack(tables)

    def _checked(self, rows: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
        if rows.shape != shape or not np.isfinite(rows).all():
            raise ModelError(
                f"face model {self._name!r} gave {rows.shape} with {int(np.sum(~np.isfinite(rows)))} values not "
                f"finite: its contract is {list(shape)}, finite"
            )
        return rows

    def _is_alike(self) -> bool:
        """Whether a crop's answer is the same alone and beside another one, of a black picture and a varied one."""
        face, context = (
            np.stack([np.zeros(size, np.uint8), (np.arange(size) * 7919 % 251).astype(np.uint8)])
            for size in (FACE_PX**2 * 3, CONTEXT_SHAPE[0] * CONTEXT_SHAPE[1] * 3)
        )
        face, context = face.reshape(2, FACE_PX, FACE_PX, 3), context.reshape(2, *CONTEXT_SHAPE, 3)
        alone = np.vstack([self._run(face[i : i + 1], context[i : i + 1]) for i in (0, 1)])
        return bool(np.abs(alone - self._run(face, context)).max() < ALIKE)


def _key(track_id: int, sample: FaceSample) -> Hashable:
    pixels = (zlib.crc32(np.ascontiguousarray(crop).data) for crop in (sample.face, sample.context))
    return (track_id, sample.stamp_ns, *pixels)
