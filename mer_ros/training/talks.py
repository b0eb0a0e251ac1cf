"""Dialogues as the conversation network learns from them: spoken by anybody, heard well or badly, cut anywhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from mer_ros.corpora.text import Lines
from mer_ros.emotion import EMOTIONS
from mer_ros.text.conversation import Said, nameless, read_turns, turn_pieces
from mer_ros.text.word_pieces import WordPieces
from mer_ros.training.loop import Batch

Rng = np.random.Generator
LENGTH_STEP = 8  # pieces
MARKS = (".", ",", "?", "")  # that Moonshine writes
# Chances of these after a word, by the mark that was written there (- for several dots or dashes); first inside of a
# turn, then at its end. Counted in 897 lines of MELD train that Piper spoke and Moonshine recognised.
CHANCES = {
    ".": ((0.54, 0.42, 0.00, 0.04), (0.95, 0.00, 0.01, 0.04)),
    ",": ((0.15, 0.74, 0.02, 0.09), (0.95, 0.00, 0.01, 0.04)),
    "?": ((0.19, 0.35, 0.33, 0.13), (0.33, 0.00, 0.61, 0.06)),
    "!": ((0.42, 0.54, 0.00, 0.04), (0.93, 0.02, 0.02, 0.03)),
    "-": ((0.10, 0.40, 0.00, 0.50), (0.92, 0.00, 0.00, 0.08)),
    "": ((0.00, 0.03, 0.00, 0.97), (0.77, 0.05, 0.00, 0.18)),
}
_WORD = re.compile(r"([^\W_]+(?:'[^\W_]+)*)((?:\s*(?:[^\w\s]|_))*)")


@dataclass(frozen=True)
class Talk:
    """One dialogue. emotions: float32 [n, 7], shares. sentiments: int64 [n], -1 unknown.

    heard: the same turns as a recogniser heard them, or nothing. recognised: whether `texts` are such ones.
    """

    texts: tuple[str, ...]
    speakers: tuple[str, ...]
    emotions: NDArray[np.float32]
    sentiments: NDArray[np.int64]
    heard: tuple[str, ...] = ()
    recognised: bool = False

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Manner:
    """How talks are told in training; shares are 0..1 of the talks (for `lost`, `wrong`: of the words).

    named, nameless: with the names as they are; with none, so that nobody knows who speaks; the rest have ids.
    cut: cut in two, so that the second part has lost its beginning.
    heard: as the recogniser heard it, where there is a copy. plain, flat: with words lost and wrong, and without
    marks, or with those alone that recognisers write: a recogniser tells a question, but no exclamation.
    tilt: [7], multiplies the emotions' shares in talks that are not told as they were written.
    """

    named: float = 0.5
    nameless: float = 0.25
    cut: float = 0.3
    heard: float = 0.25
    plain: float = 0.25
    flat: float = 0.0
    lost: float = 0.03
    wrong: float = 0.06
    words: tuple[str, ...] = field(default=(), repr=False)
    tilt: tuple[float, ...] = (1.0,) * len(EMOTIONS)


def talks_of(lines: Lines, heard: Lines | None = None) -> list[Talk]:
    """The dialogues of a corpus; `heard` holds copies of some of its lines, found by dialogue and turn."""
    copies = {} if heard is None else dict(zip(heard.places(), heard.texts, strict=True))
    keys = lines.places()
    starts = np.flatnonzero(np.diff(lines.dialogues, prepend=lines.dialogues[0] - 1))
    talks = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        talk = Talk(
            lines.texts[start:end], lines.speakers[start:end], lines.emotions[start:end], lines.sentiments[start:end]
        )
        if copies and all(key in copies for key in keys[start:end]):
            talk = replace(talk, heard=tuple(copies[key] for key in keys[start:end]))
        talks.append(talk)
    return talks


def tell(talk: Talk, manner: Manner, rng: Rng) -> Talk:
    """One way in which a talk may have reached a robot."""
    texts = talk.texts
    form = rng.random()
    if talk.heard and form < manner.heard:
        texts = talk.heard
    elif form > 1 - manner.plain:
        texts = tuple(plain_words(text, manner, rng) for text in texts)
    elif form > 1 - manner.plain - manner.flat:
        texts = tuple(flat_words(text, manner, rng) for text in texts)
    who = rng.random()
    speakers = talk.speakers
    if who < manner.nameless:
        speakers = ("",) * len(talk)
    elif who > manner.nameless + manner.named or not any(speakers):
        kind = ("face", "voice", "person")[rng.integers(3)]
        numbers = rng.permutation(len(talk)) + 1
        ids = {speaker: f"{kind}-{number}" for speaker, number in zip(dict.fromkeys(speakers), numbers, strict=False)}
        speakers = tuple(ids[speaker] for speaker in speakers)
    recognised = texts is not talk.texts
    emotions = talk.emotions * np.asarray(manner.tilt, np.float32) if recognised else talk.emotions
    return Talk(texts, speakers, emotions, talk.sentiments, recognised=recognised)


def plain_words(text: str, manner: Manner, rng: Rng) -> str:
    """Words without marks, some lost, some wrong."""
    return _misheard(re.findall(r"[^\W_]+(?:'[^\W_]+)*", text), manner, rng)


def flat_words(text: str, manner: Manner, rng: Rng) -> str:
    """Words with full stops, commas and question marks alone, as a recogniser sets them, some lost, some wrong."""
    words = _WORD.findall(text)
    marked = []
    for i, (word, marks) in enumerate(words):
        chances = CHANCES[_mark(marks)][i == len(words) - 1]
        marked.append(word + MARKS[rng.choice(len(MARKS), p=chances)])
    return _misheard(marked, manner, rng)


def _mark(marks: str) -> str:
    """The one mark that tells most."""
    for mark, signs in (("?", "?"), ("!", "!"), ("-", ("..", "--", "\u2026"))):
        if any(sign in marks for sign in signs):
            return mark
    return next((sign for sign in marks if sign in ".,"), "")


def _misheard(words: list[str], manner: Manner, rng: Rng) -> str:
    kept = [word for word in words if rng.random() >= manner.lost] or words
    if manner.words:
        wrong = rng.random(len(kept)) < manner.wrong
        kept = [manner.words[rng.integers(len(manner.words))] if w else k for k, w in zip(kept, wrong, strict=True)]
    return " ".join(kept)


def cut(talk: Talk, place: int) -> tuple[Talk, Talk]:
    """What was said before a place, and from it on."""
    parts = []
    for span in (slice(0, place), slice(place, None)):
        part = Talk(talk.texts[span], talk.speakers[span], talk.emotions[span], talk.sentiments[span], talk.heard[span])
        parts.append(replace(part, recognised=talk.recognised))
    return parts[0], parts[1]


def epoch_of(talks: Sequence[Talk], manner: Manner, rng: Rng) -> list[Talk]:
    """All talks, told anew."""
    told = []
    for talk in talks:
        parts: tuple[Talk, ...] = (talk,)
        if len(talk) > 3 and rng.random() < manner.cut:
            parts = cut(talk, int(rng.integers(1, len(talk))))
        told += [tell(part, manner, rng) for part in parts]
    return told


def rows_of(talk: Talk, pieces: WordPieces, *, named: bool = True) -> list[list[int]]:
    """The pieces of each turn. named: with the speakers' names; live they are left out."""
    turns = [Said(text, speaker, talk.recognised) for text, speaker in zip(talk.texts, talk.speakers, strict=True)]
    return [turn_pieces(pieces, turn if named else nameless(turn)) for turn in turns]


def batches_of(talks: Sequence[Talk], pieces: WordPieces, size: int, rng: Rng) -> list[Batch]:
    """The talks in batches of about `size` pieces, those of like length together; in random order.

    Lengths are rounded up, and the number of talks follows from the length, so that few shapes occur: the kernels
    are made anew for each.
    """
    rows = [rows_of(talk, pieces) for talk in talks]
    lengths = np.array([sum(map(len, row)) for row in rows])
    groups = grouped(np.argsort(-lengths * rng.uniform(0.9, 1.1, len(talks))), lengths, size)
    return [_batch_at(talks, rows, *groups[i]) for i in rng.permutation(len(groups))]


def grouped(order: NDArray[np.intp], lengths: NDArray[np.intp], size: int) -> list[tuple[NDArray[np.intp], int, int]]:
    """Numbers of talks, in their order, in groups of about `size` pieces: which, how many at most, how long."""
    groups, start = [], 0
    while start < len(order):
        longest = -(-int(lengths[order[start : start + 64]].max()) // LENGTH_STEP) * LENGTH_STEP
        count = max(1, size // longest)
        groups.append((order[start : start + count], count, longest))
        start += count
    return groups


def _batch_at(
    talks: Sequence[Talk], rows: Sequence[list[list[int]]], chosen: NDArray[np.intp], count: int, length: int
) -> Batch:
    return batch_of([talks[i] for i in chosen], [rows[i] for i in chosen], count, length)


def batch_of(talks: Sequence[Talk], rows: Sequence[Sequence[Sequence[int]]], count: int = 0, length: int = 0) -> Batch:
    """A batch of at least `count` talks and `length` pieces, padded where there are fewer.

    pieces, turns, speakers int64 [B, T]; wanted int64 [B, N]; emotions [B, N, 7]; sentiments int64 [B, N].

    -1 in padding, for pieces 0; emotions of no turn are zeros.
    """
    read = [read_turns(row, talk.speakers) for talk, row in zip(talks, rows, strict=True)]
    t, n = max(length, max(map(len, read))), max(map(len, talks))
    b = max(count, len(talks))
    pieces, turns, speakers = np.zeros((b, t), np.int64), np.full((b, t), -1), np.full((b, t), -1)
    wanted, sentiments = np.full((b, n), -1), np.full((b, n), -1)
    emotions = np.zeros((b, n, talks[0].emotions.shape[1]), np.float32)
    for i, (talk, talked) in enumerate(zip(talks, read, strict=True)):
        for array, values in ((pieces, talked.pieces), (turns, talked.turns), (speakers, talked.speakers)):
            array[i, : len(values)] = values
        wanted[i, : len(talk)] = np.arange(len(talk))
        emotions[i, : len(talk)] = talk.emotions
        sentiments[i, : len(talk)] = talk.sentiments
    return tuple(map(torch.from_numpy, (pieces, turns, speakers, wanted, emotions, sentiments)))
