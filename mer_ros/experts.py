"""Puts models and the features that they need together: what the fusion asks."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio.emotion import AudioEmotion
from mer_ros.audio.features import feature_matrix
from mer_ros.emotion import DialogueTurn, Modality, ModalityEstimate
from mer_ros.errors import InputError, OptionError
from mer_ros.fusion.experts import DialogueModel, EarlyExpert, Expert, Experts
from mer_ros.fusion.weights import FusionWeights, read_weights
from mer_ros.inference import Model, load_model
from mer_ros.inference.manifest import FUSION, load_manifest, read_checked
from mer_ros.text.conversation import Said
from mer_ros.text.emotion import TextEmotion
from mer_ros.text.tokens import token_row
from mer_ros.utterance import Transcript, Utterance, VisualWindow
from mer_ros.vision.crops import paste_face
from mer_ros.vision.emotion import FaceEmotion

EARLY_FRAMES = 10
CROPS_REMEMBERED = 4_096  # a minute and more of five faces, ten crops of each a second
UNFITTED_INDEPENDENCE = 0.5


@dataclass(frozen=True)
class ExpertOptions:
    """Which models are used, and where they run.

    models: folder with a manifest. device: auto, cpu, cuda or tensorrt.
    modalities: those in use. names: a model by name for a task in place of its default.
    dialogue, early: whether to load the dialogue model, the early-fusion network.
    """

    models: Path
    device: str = "auto"
    modalities: Collection[Modality] = tuple(Modality)
    names: dict[str, str] = field(default_factory=dict)
    dialogue: bool = True
    early: bool = False

    def __post_init__(self) -> None:
        if not self.modalities:
            raise OptionError("no modality is in use; switch on at least one of face, audio and text")


def load_experts(options: ExpertOptions) -> tuple[Experts, dict[str, str]]:
    """Return the experts, and for each model in use the provider that runs it.

    A modality is weighed as it was fitted for its model; by the model's reliability where it was not.
    Raises ModelError for a model that is missing, altered or breaks its contract; OptionError for a device
    that is not there.
    """
    providers: dict[str, str] = {}

    def load(task: str) -> Model:
        model = load_model(options.models, task, options.names.get(task), options.device)
        providers[model.entry.name] = model.provider
        return model

    used = options.modalities
    weights = load_weights(options.models)

    def expert(modality: Modality, task: str, build: Callable[[Model], Expert]) -> Expert | None:
        if modality not in used:
            return None
        model = load(task)
        worth = weights.worth(modality, model.entry.name) if weights else None
        return replace(build(model), worth=worth)

    dialogue = load("dialogue") if options.dialogue else None
    experts = Experts(
        face=expert(Modality.FACE, "face", _face),
        audio=expert(Modality.AUDIO, "speech", _audio),
        text=expert(Modality.TEXT, "text", _text),
        dialogue=_dialogue(dialogue) if dialogue else None,
        dialogue_turns=_turns(dialogue) if dialogue else 0,
        early=_early(load("early_fusion")) if options.early else None,
        independence=weights.independence if weights else UNFITTED_INDEPENDENCE,
    )
    return experts, providers


def load_weights(models: Path) -> FusionWeights | None:
    """Return the fusion's weights that a folder of models holds; None when it holds none. Raises ModelError."""
    entry = next((e for e in load_manifest(models) if e.task == FUSION and e.default), None)
    return read_weights(read_checked(models, entry), f"{models / entry.file}") if entry else None


def _expert(model: Model, estimate: Callable[..., ModalityEstimate]) -> Expert:
    return Expert(estimate, np.asarray(model.entry.prior), model.entry.reliability)


def _face(model: Model) -> Expert:
    face = FaceEmotion(model, CROPS_REMEMBERED)
    return replace(_expert(model, face.estimate), forget=face.forget)


def _audio(model: Model) -> Expert:
    audio = AudioEmotion(model)
    return replace(_expert(model, audio.estimate), forget=audio.forget)


def _text(model: Model) -> Expert:
    reader = TextEmotion(model)

    def estimate(transcript: Transcript, context: tuple[DialogueTurn, ...], person_id: str = "") -> ModalityEstimate:
        past = [Said(turn.text, turn.person_id, recognised=True) for turn in context]
        return reader.estimate(transcript.text, transcript.confidence, past, person_id, recognised=True)

    return _expert(model, estimate)


def _turns(model: Model) -> int:
    length = model.entry.inputs["history"].shape[1]
    assert length is not None  # the manifest fixes it
    return length


def _dialogue(model: Model) -> DialogueModel:
    def tell(
        probabilities: NDArray[np.floating], history: NDArray[np.float32], same_speaker: NDArray[np.float32]
    ) -> NDArray[np.floating]:
        outputs = model.run(
            current=np.asarray(probabilities, np.float32)[None],
            history=history[None],
            same_speaker=same_speaker[None],
        )
        return np.asarray(outputs["probabilities"][0], np.float64)

    return tell


def _early(model: Model) -> EarlyExpert:
    def estimate(
        utterance: Utterance, window: VisualWindow, text: str
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        outputs = model.run(
            frames=whole_frames(window)[None],
            tokens=token_row(text)[None],
            features=feature_matrix(utterance.samples)[None],
        )
        return (
            np.asarray(outputs["probabilities"][0], np.float64),
            np.asarray(outputs["sentiment_probabilities"][0], np.float64),
        )

    return EarlyExpert(estimate, model.entry.name)


def whole_frames(window: VisualWindow, count: int = EARLY_FRAMES) -> NDArray[np.uint8]:
    """Return `count` frames, uint8 [count, 84, 150, 3], evenly spread over the window, the speaker's face in place.

    A window with fewer frames repeats them. Raises InputError when the window has none.
    """
    if not window.samples:
        raise InputError(f"the visual window of utterance {window.utterance_id} holds no face")
    chosen = np.linspace(0, len(window.samples) - 1, count).round().astype(int)
    size = (window.image_height, window.image_width)
    return np.stack([paste_face(window.samples[i], size) for i in chosen])
