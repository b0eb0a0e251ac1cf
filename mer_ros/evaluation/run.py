"""Runs exported models on labelled examples, through the same adapters that run live."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mer_ros.audio.emotion import AudioEmotion
from mer_ros.audio.listener import SpeechListener
from mer_ros.corpora.faces import FACE_SIDE, Faces, read_faces
from mer_ros.corpora.sound import heard, read_sound
from mer_ros.corpora.speech import Clips, read_clips
from mer_ros.corpora.text import NO_SENTIMENT, Lines, read_meld
from mer_ros.emotion import EMOTIONS, SENTIMENTS, ModalityEstimate
from mer_ros.errors import ModelError
from mer_ros.evaluation.intervals import bootstrap
from mer_ros.evaluation.scores import Scores, as_mapping, chance_error, score
from mer_ros.fusion.affect import sentiment_probabilities
from mer_ros.inference import Model, ModelEntry
from mer_ros.text.conversation import Said
from mer_ros.text.emotion import TextEmotion
from mer_ros.utterance import SAMPLE_RATE, Box, FaceSample, SpeechState, Utterance, VisualWindow
from mer_ros.vision.emotion import FaceEmotion

T = TypeVar("T")
MOST_PAST = 16  # turns; no model looks farther back
ORDER_SEED = 1  # of the order in which a speaker's clips are heard
_CONTEXT_SHAPE = (112, 150, 3)


@dataclass(frozen=True)
class Evaluation:
    """One model on one set of examples.

    intervals: 95 % of the scores, see `bootstrap`; drawn by `cluster` (dialogue, speaker, image), of which there are
    `clusters`. sentiment: of the model's own sentiment head, when it has one and the data tell sentiments.
    alone: of a voice model that remembers persons: the same when nothing was heard before any utterance.
    ece_by_chance: the calibration error that these answers would show by chance if they were perfectly calibrated: its
    mean, and what 95 % of such cases stay below.
    unavailable: for how many the adapter gave no estimate; they are scored as the model's training prior.
    ms_p50, ms_p95: of one example through the adapter, features and model, in milliseconds. On a processor it is the
    processor's time, of all threads: what one core takes, whatever else the machine does meanwhile.
    """

    model: str
    task: str
    provider: str
    scores: Scores
    intervals: dict[str, tuple[float, float]]
    cluster: str
    clusters: int
    sentiment: Scores | None
    ece_by_chance: tuple[float, float]
    unavailable: int
    ms_p50: float
    ms_p95: float
    alone: Evaluation | None = None

    def as_mapping(self) -> dict[str, Any]:
        """As JSON's own types."""
        told = {"model": self.model, "task": self.task, "provider": self.provider, **as_mapping(self.scores)}
        told["intervals"] = {name: list(ends) for name, ends in self.intervals.items()}
        told |= {"intervals_by": self.cluster, "clusters": self.clusters}
        told |= dict(zip(("ece_by_chance", "ece_by_chance_95"), self.ece_by_chance, strict=True))
        if self.sentiment is not None:
            told |= {"sentiment_weighted_f1": self.sentiment.weighted_f1, "sentiment": as_mapping(self.sentiment)}
        if self.alone is not None:
            alone = self.alone.as_mapping()
            told |= {"alone_uar": alone["uar"], "alone_ece": alone["ece"], "alone": alone}
        return told | {"unavailable": self.unavailable, "ms_p50": self.ms_p50, "ms_p95": self.ms_p95}


RARE_MARKS = 0.05  # of the lines: 0.002 of those that Moonshine recognises have one, 0.3 of MELD's as written


def evaluate_text(model: Model, lines: Lines) -> Evaluation:
    """Each line after those before it in its dialogue, as a recogniser without confidence gives them."""
    estimate, places = line_reader(model, lines), range(len(lines))
    return _evaluate(model, places, lines.labels, estimate, "dialogue", lines.dialogues, lines.sentiments)


def read_as_recognised(lines: Lines) -> bool:
    """Whether lines are taken for recognised words: an exclamation mark is as rare in them as recognisers write it."""
    return sum("!" in line for line in lines.texts) < RARE_MARKS * len(lines)


def line_reader(model: Model, lines: Lines) -> Callable[[int], ModalityEstimate]:
    """What a text model says of line i, after those before it in its dialogue; see `read_as_recognised`."""
    text, dialogues = TextEmotion(model), lines.dialogues
    recognised = read_as_recognised(lines)

    def estimate(i: int) -> ModalityEstimate:
        first = max(0, i - MOST_PAST)
        said = (j for j in range(first, i) if dialogues[j] == dialogues[i])
        past = [Said(lines.texts[j], lines.speakers[j], recognised) for j in said]
        return text.estimate(lines.texts[i], past=past, speaker=lines.speakers[i], recognised=recognised)

    return estimate


def evaluate_speech(model: Model, clips: Clips) -> Evaluation:
    """Each clip as the live graph hears it. Raises InputError for one that cannot be read.

    A model that remembers persons hears each speaker's clips in random order, and knows those before; and once more
    each clip alone. Lists of clips go emotion by emotion: in their order a memory would tell what comes next.
    """
    expert = AudioEmotion(model)
    if expert.remembers:
        clips = clips.rows(np.random.default_rng(ORDER_SEED).permutation(len(clips)))

    def given(alone: bool) -> Evaluation:
        listener = SpeechListener()
        people = [""] * len(clips) if alone else clips.speakers
        examples = (
            (utterance_of(heard(read_sound(p), listener)), who) for p, who in zip(clips.paths, people, strict=True)
        )
        return _evaluate(model, examples, clips.labels, lambda item: expert.estimate(*item), "speaker", clips.speakers)

    if not expert.remembers:
        return given(alone=True)
    return replace(given(alone=False), alone=given(alone=True))


def evaluate_face(model: Model, faces: Faces) -> Evaluation:
    """Each image as a window of one frame that the face fills, so that its context is all hidden: black."""
    return _evaluate(model, map(window_of, faces.images), faces.labels, FaceEmotion(model).estimate, "image", None)


def evaluate(model: Model, data: Path, speakers: Collection[str] = (), corpus: str = "") -> Evaluation:
    """A text, speech or face model on the file of its task, see `data_file`. Raises InputError.

    speakers, corpus: of the clips of a speech model, keep only these.
    """
    runs: dict[str, Callable[[], Evaluation]] = {
        "text": lambda: evaluate_text(model, read_meld(data)),
        "speech": lambda: evaluate_speech(model, read_clips(data, speakers, corpus)),
        "face": lambda: evaluate_face(model, read_faces(data)),
    }
    return runs[model.entry.task]()


def measured_on(entry: ModelEntry, speakers: Collection[str] = ()) -> str:
    """What `evaluate` is fed with by `data_file`: not always what the training was scored on."""
    alone = len(next(iter(entry.inputs.values())).shape) < 3 and "turns" not in entry.inputs
    return {
        "text": f"lines of meld/dev_sent_emo.csv, each {'by itself' if alone else 'after those said before it'}, "
        "given without confidence",
        "speech": f"clips of speech.csv by {', '.join(speakers)}, as the live graph hears them",
        "face": "fer2013/validation.npz, each face alone: its context is all black, no scene is seen",
    }[entry.task]


def held_out_speakers(entry: ModelEntry) -> tuple[str, ...]:
    """The speakers that a speech model's scores were measured on.

    They are the list `speakers` of the entry's metrics, or named in their `split` as corpus-number. Raises
    ModelError when neither tells them.
    """
    speakers = entry.metrics.get("speakers") or re.findall(r"[a-z]+-\d+", entry.metrics["split"])
    if not isinstance(speakers, list) or not speakers:
        raise ModelError(
            f"model {entry.name}: its metrics do not list the speakers that were held out; "
            "add them as `speakers`, or evaluate speech alone with --speakers"
        )
    return tuple(map(str, speakers))


def _evaluate(
    model: Model,
    examples: Iterable[T],
    labels: NDArray[np.int64],
    estimate: Callable[[T], ModalityEstimate],
    cluster: str,
    clusters: Sequence[Hashable] | NDArray[np.int64] | None,
    sentiments: NDArray[np.int64] | None = None,
) -> Evaluation:
    rows = np.tile(np.asarray(model.entry.prior, np.float64), (len(labels), 1))
    rows /= rows.sum(axis=1, keepdims=True)
    felt = np.tile(sentiment_probabilities(rows[0]), (len(labels), 1))
    tells_sentiment = False
    times = np.zeros(len(labels))
    unavailable = 0
    clock = time.process_time if model.provider == "cpu" else time.perf_counter
    for i, example in enumerate(tqdm(examples, model.entry.name, len(labels), disable=None, leave=False)):
        started = clock()
        given = estimate(example)
        times[i] = (clock() - started) * 1e3
        if given.probabilities is None:
            unavailable += 1
            continue
        rows[i] = given.probabilities
        if given.sentiment is not None:
            felt[i], tells_sentiment = given.sentiment, True
    known = np.zeros(len(labels), bool) if sentiments is None else sentiments != NO_SENTIMENT
    names = range(len(labels)) if clusters is None else [str(name) for name in clusters]
    p50, p95 = np.percentile(times, (50, 95))
    return Evaluation(
        model.entry.name,
        model.entry.task,
        model.provider,
        score(labels, rows),
        bootstrap(labels, rows.argmax(axis=1), len(EMOTIONS), names),
        cluster,
        len(set(names)),
        score(sentiments[known], felt[known], SENTIMENTS)
        if tells_sentiment and sentiments is not None and known.any()
        else None,
        chance_error(rows.max(axis=1)),
        unavailable,
        float(p50),
        float(p95),
    )


def utterance_of(samples: NDArray[np.int16]) -> Utterance:
    """An ended utterance of these samples, int16 [n] at 16 kHz."""
    end_ns = len(samples) * 1_000_000_000 // SAMPLE_RATE
    return Utterance(1, SpeechState.ENDED, 0, end_ns, samples, ended_by="stop")


def window_of(image: NDArray[np.uint8]) -> VisualWindow:
    """Grey uint8 [48, 48] as a face of 96 by 96 pixels: each pixel twice, which loses and adds nothing."""
    face = np.repeat(image.repeat(2, axis=0).repeat(2, axis=1)[..., None], 3, axis=2)
    box = Box(0, 0, FACE_SIDE, FACE_SIDE)
    sample = FaceSample(0, box, 1.0, True, face, np.zeros(_CONTEXT_SHAPE, np.uint8))
    return VisualWindow(1, True, 0, 1, 1, (sample,), 1, 1, FACE_SIDE, FACE_SIDE)


def data_file(folder: Path, task: str) -> Path:
    """Where a task's validation data lies in a folder of corpora."""
    return folder / {"text": "meld/dev_sent_emo.csv", "speech": "speech.csv", "face": "fer2013/validation.npz"}[task]
