"""The experts' answers on what none of them was trained on, in two halves: one to fit on, one to report on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mer_ros.corpora.faces import Faces, load_fer2013
from mer_ros.corpora.speech import Clips, read_clips
from mer_ros.corpora.text import Lines, load_meld
from mer_ros.emotion import Modality
from mer_ros.evaluation.answers import Answers, View, hear_clips, read_lines, see_faces
from mer_ros.evaluation.run import held_out_speakers
from mer_ros.evaluation.tuples import halves, speaker_halves
from mer_ros.experts import ExpertOptions, load_experts
from mer_ros.inference import ModelEntry
from mer_ros.inference.manifest import choose_entry, load_manifest

TASKS = {Modality.FACE: "face", Modality.AUDIO: "speech", Modality.TEXT: "text"}


class HeldOut:
    """One half of: MELD dev's dialogues, the speakers that were held out from the speech model, FER2013 validation.

    lines, clips, faces: of this half; the lines without exclamation marks, for live all words are recognised.
    experts: those of the folder of models. entries: of their models. What an expert was asked once is not asked again.
    """

    def __init__(self, data: Path, models: Path, *, first: bool) -> None:
        """Raises InputError, ModelError."""
        known = load_manifest(models)
        self.entries: dict[Modality, ModelEntry] = {m: choose_entry(known, task) for m, task in TASKS.items()}
        self.experts, _ = load_experts(ExpertOptions(models, device="cpu"))
        self._answers: dict[tuple[object, ...], Answers] = {}
        dev = load_meld(data, "dev").unmarked()
        self.lines: Lines = dev.rows(np.flatnonzero(halves(dev.dialogues.tolist()) == first))
        clips = read_clips(data / "speech.csv", held_out_speakers(self.entries[Modality.AUDIO]))
        self.clips: Clips = clips.rows(np.flatnonzero(speaker_halves(clips.speakers) == first))
        faces = load_fer2013(data, "validation")
        self.faces: Faces = faces.rows(np.flatnonzero(halves(range(len(faces))) == first))

    def text(self, *, context: bool = True, wrong: float = 0.0) -> Answers:
        """See `read_lines`."""
        expert = self.experts.of(Modality.TEXT)
        assert expert is not None
        return self._once(
            (Modality.TEXT, context, wrong),
            lambda: read_lines(expert, self.lines, context=context, wrong=wrong),
        )

    def voices(self, *, snr_db: float | None = None, longest_s: float = 0.0) -> Answers:
        """See `hear_clips`."""
        expert = self.experts.of(Modality.AUDIO)
        assert expert is not None
        return self._once(
            (Modality.AUDIO, snr_db, longest_s),
            lambda: hear_clips(expert, self.clips, snr_db=snr_db, longest_s=longest_s),
        )

    def seen(self, view: View | None = None, most: int = 0) -> Answers:
        """See `see_faces`. most: only so many of the faces, evenly spread; 0: all."""
        expert = self.experts.of(Modality.FACE)
        assert expert is not None
        chosen = view or View()
        step = max(1, len(self.faces) // most) if most else 1
        faces = self.faces.rows(np.arange(0, len(self.faces), step))
        return self._once((Modality.FACE, chosen, step), lambda: see_faces(expert, faces, chosen))

    def _once(self, question: tuple[object, ...], ask: Callable[[], Answers]) -> Answers:
        if question not in self._answers:
            self._answers[question] = ask()
        return self._answers[question]
