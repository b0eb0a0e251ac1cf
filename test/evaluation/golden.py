"""Answers of the shipped models to generated inputs, through the stages that run live.

`python test/evaluation/golden.py` writes them to golden.json; do so when a model was exported again on purpose.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mer_ros.audio.emotion import AudioEmotion
from mer_ros.evaluation.run import utterance_of, window_of
from mer_ros.inference import Model, ModelEntry, load_manifest, load_model
from mer_ros.inference.manifest import ENCODING, IDENTITY, PROBABILITIES
from mer_ros.text.conversation import Said
from mer_ros.text.emotion import TextEmotion
from mer_ros.text.tokens import token_row
from mer_ros.utterance import SAMPLE_RATE
from mer_ros.vision.emotion import FaceEmotion

FILE = Path(__file__).with_name("golden.json")
DIALOGUE = (
    Said("You won't believe it, I got the job!", "Ann"),
    Said("That's wonderful! Congratulations!", "Ben"),
    Said("Well... there is one problem. It is in Alaska.", "Ann"),
    Said("oh no", "Ben"),
    Said("I know. I am going to miss you so much.", "Ann"),
    Said("Why didn't you tell me before? How dare you!", "Ben"),
    Said("Stop it, you are scaring me.", "Ann"),
    Said("okay", "Ben"),
)


def answers(folder: Path, entry: ModelEntry) -> list[list[float]]:
    """A row of probabilities for each input of its task."""
    model = load_model(folder, entry.task, entry.name, "cpu")
    rows = {"text": _text, "speech": _speech, "face": _face}.get(entry.task, _arrays)(model)
    return np.asarray(rows, np.float64).round(5).tolist()


def _text(model: Model) -> list[np.ndarray]:
    text = TextEmotion(model)
    said = [text.estimate(d.text, past=DIALOGUE[:i], speaker=d.speaker) for i, d in enumerate(DIALOGUE)]
    return [estimate.probabilities for estimate in said]


def _speech(model: Model) -> list[np.ndarray]:
    audio = AudioEmotion(model)
    return [audio.estimate(utterance_of(voice(*how))).probabilities for how in ((110, 0.05), (220, 0.3), (160, -0.4))]


def voice(pitch_hz: float, bend: float) -> np.ndarray:
    """A buzz with three formants, four syllables a second, whose pitch bends by a share: int16, two seconds."""
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(pitch_hz * (1 + bend * t / 2)) / SAMPLE_RATE
    sound = np.zeros(len(t))
    for harmonic in range(1, int(4000 / (pitch_hz * 1.3))):
        strength = sum(np.exp(-(((harmonic * pitch_hz - formant) / 150) ** 2)) for formant in (600, 1200, 2500))
        sound += (strength + 0.02) * np.sin(harmonic * phase)
    sound *= 0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)
    sound += 0.01 * np.random.default_rng(1).standard_normal(len(t))
    return (8000 * sound / np.abs(sound).max()).astype(np.int16)


def _face(model: Model) -> list[np.ndarray]:
    face = FaceEmotion(model)
    return [face.estimate(window_of(drawn_face(mouth))).probabilities for mouth in (-6.0, 0.0, 6.0)]


def drawn_face(mouth: float) -> np.ndarray:
    """Two eyes and a mouth whose corners are so many pixels above its middle: grey uint8 [48, 48]."""
    y, x = np.mgrid[0:48, 0:48].astype(float)
    image = 190 - 0.12 * ((x - 24) ** 2 + (y - 24) ** 2)
    dark = np.exp(-((x - 15) ** 2 / 14 + (y - 18) ** 2 / 6)) + np.exp(-((x - 33) ** 2 / 14 + (y - 18) ** 2 / 6))
    lips = 36 - mouth * ((x - 24) / 10) ** 2 + mouth / 2
    dark += np.exp(-((y - lips) ** 2) / 3) * (np.abs(x - 24) < 11)
    return np.clip(image - 120 * dark, 0, 255).astype(np.uint8)


def _arrays(model: Model) -> np.ndarray:
    """For tasks whose models take what the fusion gives them: random numbers of the right kind."""
    rng = np.random.default_rng(1)
    feed = {}
    for name, spec in model.entry.inputs.items():
        shape = (3, *spec.shape[1:])
        if spec.dtype == "string":
            feed[name] = np.stack([token_row(DIALOGUE[i].text, shape[1]) for i in range(3)])
        elif spec.dtype == "uint8":
            feed[name] = rng.integers(0, 256, shape, dtype=np.uint8)
        elif spec.dtype == "int64":
            feed[name] = np.zeros(shape, np.int64)
        elif name in ("current", "history", "probabilities"):
            feed[name] = rng.dirichlet(np.ones(shape[-1]), shape[:-1]).astype(np.float32)
        else:
            feed[name] = rng.random(shape, dtype=np.float32).round()
    return model.run(**feed)[ENCODING if model.entry.task == IDENTITY else PROBABILITIES]


def write(folder: Path) -> None:
    """Of every model in the folder."""
    told = {
        e.name: {"sha256": e.sha256, "rows": answers(folder, e)} for e in load_manifest(folder) if e.task != "fusion"
    }
    lines = []
    for name, model in told.items():
        rows = ",\n".join(f"   {json.dumps(row)}" for row in model["rows"])
        lines.append(f' "{name}": {{\n  "sha256": "{model["sha256"]}",\n  "rows": [\n{rows}\n  ]\n }}')
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    write(Path(__file__).resolve().parents[2] / "models")
