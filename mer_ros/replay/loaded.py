"""The models of a replay, loaded once for all recordings; each recording gets stages of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mer_ros import resources, stages
from mer_ros.audio.vad import make_vad
from mer_ros.emotion import Modality
from mer_ros.inference.manifest import FUSION, IDENTITY, choose_entry, load_manifest
from mer_ros.pipeline import Pipeline
from mer_ros.settings.files import Settings
from mer_ros.speech.outside import OutsideWords
from mer_ros.speech.recogniser import make_recogniser
from mer_ros.speech.transcriber import Transcriber
from mer_ros.utterance import VisualWindow

_TASKS = {Modality.FACE: "face", Modality.AUDIO: "speech", Modality.TEXT: "text"}
# Its final words are those of all samples at once: partial ones before them change nothing (see its adapter).
_WHOLE = ("moonshine",)


class Loaded:
    """Detector, recogniser and models for one set of settings. Not for two threads at a time.

    They keep nothing of what they were given, so that a recording gives the same emotions after any other.
    models: what is used for each task: its name, and what the manifest tells of its file. providers: what runs each.
    """

    def __init__(self, settings: Mapping[str, Settings]) -> None:
        """Raises MerError for what cannot be had."""
        self.settings = settings
        words = settings["speech_to_text"]
        self._speech = None if words["recogniser"] == stages.OUTSIDE else stages.speech_options(words)
        if self._speech and self._speech.backend in _WHOLE:
            self._speech = replace(self._speech, partial_period_ms=0, hear_at_pauses=False)
        listening = stages.listener_options(settings["microphone"])
        self._vad = make_vad(
            listening.vad,
            aggressiveness=listening.webrtc_aggressiveness,
            frame_ms=listening.webrtc_frame_ms,
            model_file=listening.silero_file,
        )
        self._detector = stages.detector(settings["camera"])
        self._encoder = stages.encoder(settings["camera"])
        self._experts, self.providers = stages.experts(settings["fusion"])
        self._recogniser = make_recogniser(self._speech) if self._speech else None
        self.models = self._models()

    @property
    def silence_s(self) -> float:
        """How much silence surely ends an utterance."""
        return float(self.settings["microphone"]["segmenter.hang_over_ms"]) / 1e3 + 1.0

    @property
    def pause_s(self) -> float:
        """How long the sound must be away to be thought gone: longer than a hole that is filled."""
        return max(2.0, float(self.settings["microphone"]["stream.fill_ms"]) / 1e3 + 1.0)

    def pipeline(self, *, video: bool, on_window: Callable[[VisualWindow], None] | None = None) -> Pipeline:
        """Fresh stages. Interim windows and partial words are left out: no final emotion depends on them."""
        camera, words = self.settings["camera"], self._transcriber()
        return Pipeline(
            stages.listener(self.settings["microphone"], self._vad),
            stages.fuser(self.settings["fusion"], self._experts),
            stages.observer(camera, self._detector, self._encoder, interim_period_ms=0) if video else None,
            words,
            on_window,
            stages.gate(self.settings["microphone"]),
        )

    def _transcriber(self) -> Transcriber | OutsideWords:
        if self._speech is None or self._recogniser is None:
            return stages.outside_words(self.settings["speech_to_text"])
        self._recogniser.reset()
        return stages.transcriber(self._speech, self._recogniser)

    def _models(self) -> dict[str, dict[str, Any]]:
        fusion, camera, microphone = (self.settings[node] for node in ("fusion", "camera", "microphone"))
        entries = load_manifest(Path(fusion["models"]) if fusion["models"] else resources.models_dir())
        tasks = {task: fusion[f"{task}_model"] for m, task in _TASKS.items() if fusion[f"use_{m.value}"]}
        tasks |= {"dialogue": ""} if fusion["use_dialogue"] else {}
        tasks |= {"early_fusion": ""} if fusion["fusion.early"] else {}
        tasks |= {FUSION: ""} if any(e.task == FUSION and e.default for e in entries) else {}
        told = {}
        for task, name in tasks.items():
            entry = choose_entry(entries, task, name or None)
            told[task] = {"name": entry.name, "sha256": entry.sha256, "reliability": entry.reliability}
        return told | {
            "speech_to_text": {"name": self._recogniser.name if self._recogniser else stages.OUTSIDE},
            "face_detector": {"name": camera["detector"]},
            "face_identity": self._identity(),
            "voice_activity": {"name": microphone["vad"]},
        }

    def _identity(self) -> dict[str, Any]:
        if self._encoder is None:
            return {"name": "none"}
        folder = self.settings["camera"]["models"]
        entry = choose_entry(load_manifest(Path(folder) if folder else resources.models_dir()), IDENTITY)
        return {"name": entry.name, "sha256": entry.sha256}


_kept = threading.local()


def loaded_for(settings: Mapping[str, Settings]) -> Loaded:
    """The models for these settings: those of the last call in this thread where they are the same."""
    key = {node: dict(values) for node, values in settings.items()}
    if getattr(_kept, "key", None) != key:
        _kept.loaded = Loaded(settings)
        _kept.key = key
    loaded: Loaded = _kept.loaded
    return loaded
