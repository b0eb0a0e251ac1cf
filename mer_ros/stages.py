"""The stages of the pipeline from the parameters of the nodes: live and replay make them here, so they cannot differ.

`p` is the values of one node's parameters by their names: the node's own, or those of a parameter file.
What is costly to load and keeps nothing of a recording (detector, recogniser, experts) can be handed in again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2

from mer_ros import resources
from mer_ros.audio.gate import Gate, GateOptions
from mer_ros.audio.listener import ListenerOptions, SpeechListener
from mer_ros.audio.segmenter_options import SegmenterOptions
from mer_ros.audio.stream import StreamOptions
from mer_ros.audio.vad import VoiceActivity
from mer_ros.emotion import Modality
from mer_ros.fusion.dialogue import DialogueOptions
from mer_ros.fusion.events import EventOptions
from mer_ros.fusion.experts import Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.fusion.options import FusionOptions
from mer_ros.graph import FACES_FROM
from mer_ros.inference import load_manifest, load_model
from mer_ros.inference.manifest import IDENTITY
from mer_ros.report import palette
from mer_ros.settings.parameter import Values
from mer_ros.speech.outside import OutsideOptions, OutsideWords
from mer_ros.speech.recogniser import Recogniser, SpeechOptions, make_recogniser
from mer_ros.speech.transcriber import Transcriber
from mer_ros.vision.detector import FaceDetector, make_detector
from mer_ros.vision.encoder import FaceEncoder
from mer_ros.vision.observer import FaceObserver
from mer_ros.vision.observer_options import ObserverOptions
from mer_ros.vision.overlay import Overlay, OverlayOptions
from mer_ros.vision.people import PeopleOptions
from mer_ros.vision.recognition import PersonRecogniser
from mer_ros.vision.told_faces import ToldFaces, ToldOptions
from mer_ros.vision.tracker import TrackerOptions

OUTSIDE = "outside"  # in place of a recogniser: the words come with the recording, or on a topic
_TASKS = ("face", "speech", "text")


def listener_options(p: Values) -> ListenerOptions:
    """The options of the microphone node's listener."""
    return ListenerOptions(
        vad=p["vad"],
        webrtc_aggressiveness=p["webrtc_aggressiveness"],
        silero_file=Path(p["silero_file"]) if p["silero_file"] else None,
        stream=StreamOptions(**p.group("stream")),
        segmenter=SegmenterOptions(**p.group("segmenter")),
    )


def listener(p: Values, vad: VoiceActivity | None = None) -> SpeechListener:
    """What the microphone node runs. Raises MerError for what cannot be had, as all of these do."""
    return SpeechListener(listener_options(p), vad)


def gate(p: Values) -> Gate:
    """What keeps the robot's own voice from the microphone node's listener."""
    return Gate(GateOptions(**p.group("gate")))


def detector(p: Values) -> FaceDetector:
    """What the camera node finds faces with."""
    cv2.setNumThreads(1)  # frames are small: more threads cost more than they bring, and other stages need cores
    return make_detector(
        p["detector"],
        model_path=p["detector_model"] or None,
        min_score=p["detector_min_score"] or None,
        width_px=p["detector_width_px"] or None,
    )


def encoder(p: Values) -> FaceEncoder | None:
    """What the camera node tells faces apart with; None where that is off, or the folder has no model for it."""
    if not p["people.enabled"] or (p["faces_from"] == FACES_FROM[0] and p["detector"] == "none"):
        return None
    folder = Path(p["models"]) if p["models"] else resources.models_dir()
    if not any(entry.task == IDENTITY and entry.default for entry in load_manifest(folder)):
        return None
    return FaceEncoder(load_model(folder, IDENTITY, None, "cpu"))  # a few milliseconds now and then


def told_faces(p: Values) -> ToldFaces | None:
    """What the camera node finds faces with where another node tracks them; None where it does so itself."""
    return ToldFaces(ToldOptions(**p.group("told"))) if p["faces_from"] == FACES_FROM[1] else None


def observer(p: Values, faces: FaceDetector, apart: FaceEncoder | None = None, **changed: int) -> FaceObserver:
    """What the camera node runs. changed: options that differ from the parameters."""
    tracker = TrackerOptions(**p.group("tracker"))
    if isinstance(faces, ToldFaces):  # to ask them costs nothing
        tracker = replace(tracker, steady_period_ms=0)
    persons = PersonRecogniser(apart, PeopleOptions(**p.group("people"))) if apart is not None else None
    return FaceObserver(faces, ObserverOptions(**(p.group("observer") | changed), tracker=tracker), persons)


def overlay(p: Values) -> Overlay:
    """What the camera node draws for who looks."""
    return Overlay(palette.channels(palette.DARK), OverlayOptions(**p.group("overlay")))


def speech_options(p: Values) -> SpeechOptions:
    """The options of the speech-to-text node's recogniser, which must not be `outside`."""
    return SpeechOptions(
        backend=p["recogniser"],
        model_path=Path(p["model"]) if p["model"] else None,
        partial_period_ms=p["partial_period_ms"],
        hear_at_pauses=p["hear_at_pauses"],
        max_utterance_s=p["max_utterance_s"],
    )


def transcriber(options: SpeechOptions, recogniser: Recogniser | None = None) -> Transcriber:
    """What the speech-to-text node runs."""
    return Transcriber(recogniser or make_recogniser(options), options)


def outside_words(p: Values) -> OutsideWords:
    """What the speech-to-text node runs in place of a recogniser."""
    return OutsideWords(OutsideOptions(**p.group("outside")))


def experts(p: Values) -> tuple[Experts, Mapping[str, str]]:
    """The models of the fusion node, and for each of them the provider that runs it."""
    from mer_ros.experts import ExpertOptions, load_experts  # nodes without models start sooner without it

    return load_experts(
        ExpertOptions(
            models=Path(p["models"]) if p["models"] else resources.models_dir(),
            device=p["device"],
            modalities=[m for m in Modality if p[f"use_{m.value}"]],
            names={task: p[f"{task}_model"] for task in _TASKS if p[f"{task}_model"]},
            dialogue=p["use_dialogue"],
            early=p["fusion.early"],
        )
    )


def fuser(p: Values, models: Experts) -> EmotionFuser:
    """What the fusion node runs. The models forget the persons they knew: a new fusion names them anew."""
    for modality in Modality:
        expert = models.of(modality)
        if forget := getattr(expert, "forget", None):
            forget("")
    fusion = p.group("fusion") | {name: tuple(p[f"fusion.{name}"]) for name in ("target_prior", "trust")}
    return EmotionFuser(models, FusionOptions(**fusion, dialogue=DialogueOptions(**p.group("dialogue"))))


def event_options(p: Values) -> EventOptions:
    """By what the fusion node finds out who has come, changed and left."""
    return EventOptions(**p.group("events"))
