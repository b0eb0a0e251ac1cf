"""What an expert says of labelled examples, as they are or made worse, through the code that runs live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mer_ros.audio.listener import SpeechListener
from mer_ros.corpora.faces import FACE_SIDE, Faces
from mer_ros.corpora.sound import SILENCE_S, read_sound
from mer_ros.corpora.speech import Clips
from mer_ros.corpora.text import Lines
from mer_ros.emotion import EMOTIONS, DialogueTurn, ModalityEstimate
from mer_ros.evaluation.degrade import blurred, fewer_pixels, relit
from mer_ros.fusion.dialogue import DialogueOptions
from mer_ros.fusion.experts import Expert
from mer_ros.text.emotion import UNKNOWN_CONFIDENCE
from mer_ros.text.tokens import is_word, tokenize
from mer_ros.utterance import (
    SAMPLE_RATE,
    AudioChunk,
    Box,
    FaceSample,
    SpeechState,
    Transcript,
    Utterance,
    VisualWindow,
)

Rng = np.random.Generator
Image = NDArray[np.uint8]
Sound = NDArray[np.int16]
_CONTEXT_SHAPE = (112, 150, 3)
_NOTHING = np.full(len(EMOTIONS), 1 / len(EMOTIONS))


@dataclass(frozen=True)
class Answers:
    """probabilities: float64 [n, 7]. quality: [n], 0 where the expert had no answer. labels: int64 [n].

    groups: int64 [n], what must not be parted between two halves: the dialogue, the speaker, the image.
    """

    probabilities: NDArray[np.float64]
    quality: NDArray[np.float64]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Answers:
        """These rows alone."""
        return Answers(self.probabilities[rows], self.quality[rows], self.labels[rows], self.groups[rows])


def joined(parts: Sequence[Answers]) -> Answers:
    """All of them, one after the other."""
    columns = ("probabilities", "quality", "labels", "groups")
    return Answers(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))


@dataclass(frozen=True)
class View:
    """How a face is seen. side_px: its size in the picture. frames: of the window, each a little shifted and turned.

    blur_px: standard deviation of a Gaussian blur, in pixels of the 48. light: factor on the brightness.
    """

    side_px: int = FACE_SIDE
    frames: int = 1
    blur_px: float = 0.0
    light: float = 1.0


def read_lines(expert: Expert, lines: Lines, *, context: bool = True, wrong: float = 0.0, seed: int = 1) -> Answers:
    """The words expert on each line, after the turns before it in its dialogue when `context` is set.

    wrong: share of the words that a recogniser lost or mistook. It then tells a confidence, which falls with that
    share from what words without a confidence count for. With 0 the lines are as written, without a confidence.
    """
    rng = np.random.default_rng(seed)
    texts: Sequence[str] = lines.texts
    if wrong:
        known = sorted({word for text in texts for word in filter(is_word, tokenize(text))})
        texts = [misheard(text, wrong, known, rng) for text in texts]
    turns = DialogueOptions().context_turns if context else 0

    def transcripts() -> Iterable[tuple[Transcript, tuple[DialogueTurn, ...], str]]:
        said: list[DialogueTurn] = []
        for i, text in enumerate(texts):
            if i and lines.dialogues[i] != lines.dialogues[i - 1]:
                said = []
            confidence = UNKNOWN_CONFIDENCE * (1 - wrong) if wrong else float("nan")
            yield (
                Transcript(i + 1, i, i + 1, text, True, confidence),
                tuple(said[-turns:] if turns else ()),
                lines.speakers[i],
            )
            # No expert reads the emotions of past turns; what they were is the dialogue model's to use.
            said.append(DialogueTurn(len(said) + 1, i, i + 1, lines.speakers[i], "", 0.0, _NOTHING, text))

    return _asked(lambda item: expert.estimate(*item), transcripts(), lines.labels, lines.dialogues, "text")


def hear_clips(
    expert: Expert, clips: Clips, *, snr_db: float | None = None, longest_s: float = 0.0, seed: int = 1
) -> Answers:
    """The voice expert on each clip, cut from its surroundings as the live graph does it.

    snr_db: white noise is added at this ratio to the clip's mean power. longest_s: the rest is cut off; 0: nothing is.
    """
    rng = np.random.default_rng(seed)
    listener = SpeechListener()
    names = {speaker: i for i, speaker in enumerate(dict.fromkeys(clips.speakers))}
    groups = np.array([names[speaker] for speaker in clips.speakers])
    utterances = (_heard(noisy(read_sound(path), snr_db, rng), listener, longest_s) for path in clips.paths)
    return _asked(expert.estimate, utterances, clips.labels, groups, "speech")


def see_faces(expert: Expert, faces: Faces, view: View | None = None, *, seed: int = 1) -> Answers:
    """The face expert on a window of each face, which fills its picture, so that no scene is seen."""
    rng = np.random.default_rng(seed)
    chosen = view or View()
    windows = (seen(image, chosen, rng) for image in faces.images)
    return _asked(expert.estimate, windows, faces.labels, np.arange(len(faces)), "face")


def misheard(text: str, wrong: float, known: Sequence[str], rng: Rng) -> str:
    """A text without marks, of whose words a share is lost (a half) or another word of `known` (a half)."""
    words = [word for word in tokenize(text) if is_word(word)]
    return " ".join(
        word if chance >= wrong else known[int(rng.integers(len(known)))]
        for word, chance in zip(words, rng.random(len(words)), strict=True)
        if chance >= wrong / 2
    )


def noisy(samples: Sound, snr_db: float | None, rng: Rng) -> Sound:
    """int16 [n + 2 x silence]: a clip with silence around it, under white noise of a level of its own."""
    silence = np.zeros(round(SILENCE_S * SAMPLE_RATE), np.int16)
    whole = np.concatenate([silence, samples, silence])
    if snr_db is None:
        return whole
    level = np.sqrt(np.mean(samples.astype(np.float64) ** 2) / 10 ** (snr_db / 10))
    return np.clip(np.rint(whole + rng.normal(0, level, len(whole))), -32768, 32767).astype(np.int16)


def seen(image: Image, view: View, rng: Rng) -> VisualWindow:
    """A window on a grey face, uint8 [48, 48]."""
    samples = []
    for number in range(view.frames):
        frame = moved(image, rng) if view.frames > 1 else image
        if view.blur_px:
            frame = blurred(frame, view.blur_px)
        frame = relit(fewer_pixels(frame, view.side_px), view.light)
        # Each pixel twice: what a face of 48 pixels is in a crop of 96.
        face = np.repeat(frame.repeat(2, axis=0).repeat(2, axis=1)[..., None], 3, axis=2)
        box = Box(0, 0, view.side_px, view.side_px)
        samples.append(FaceSample(number, box, 1.0, True, face, np.zeros(_CONTEXT_SHAPE, np.uint8)))
    return VisualWindow(1, True, 0, view.frames, 1, tuple(samples), 1, view.frames, view.side_px, view.side_px)


def moved(image: Image, rng: Rng) -> Image:
    """The same face a moment later: nobody holds still, and boxes tremble."""
    centre = (FACE_SIDE - 1) / 2
    move = cv2.getRotationMatrix2D((centre, centre), float(rng.uniform(-4, 4)), float(rng.uniform(0.96, 1.04)))
    move = move + np.pad(rng.uniform(-1.5, 1.5, (2, 1)), ((0, 0), (2, 0)))
    frame = cv2.warpAffine(image, move, (FACE_SIDE, FACE_SIDE), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(frame, np.uint8)


def _heard(samples: Sound, listener: SpeechListener, longest_s: float) -> Utterance:
    listener.reset()
    clip = AudioChunk(0, samples, SAMPLE_RATE)
    pieces = [piece for piece in listener.push(clip) + listener.flush() if piece.state is SpeechState.ENDED]
    whole = Utterance(1, SpeechState.ENDED, 0, len(samples) * 1_000_000_000 // SAMPLE_RATE, samples, ended_by="stop")
    longest = max(pieces, key=lambda piece: len(piece.samples), default=whole)
    if longest_s:
        longest = replace(longest, samples=longest.samples[: round(longest_s * SAMPLE_RATE)])
    return longest


def _asked(
    estimate: Callable[[Any], ModalityEstimate],
    examples: Iterable[Any],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    name: str,
) -> Answers:
    probabilities, quality = np.tile(_NOTHING, (len(labels), 1)), np.zeros(len(labels))
    for i, example in enumerate(tqdm(examples, name, len(labels), disable=None, leave=False)):
        given = estimate(example)
        if given.probabilities is not None:
            probabilities[i], quality[i] = given.probabilities, given.quality
    return Answers(probabilities, quality, labels, groups)
