"""`mer train text --arch minilm`: GoEmotions' lines, teachers on MELD, their student, and it again on words heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mer_ros.corpora.text import NO_SENTIMENT, Lines, load_goemotions, load_meld, read_meld
from mer_ros.emotion import SENTIMENTS
from mer_ros.evaluation.scores import Scores, score
from mer_ros.text.word_pieces import WordPieces
from mer_ros.training.calibration import fit_temperature, softmax
from mer_ros.training.distillation import answers, mean_weights, taught_talks
from mer_ros.training.hearing import BALANCE as HEARD_BALANCE
from mer_ros.training.hearing import Lessons, learn_to_hear
from mer_ros.training.loop import FitOptions
from mer_ros.training.minilm import conversation_logits, fit_conversations, minilm_folder, new_network, read_vocabulary
from mer_ros.training.networks.minilm import ConversationNet
from mer_ros.training.talks import Manner, Talk, talks_of
from mer_ros.training.text import TERMS, class_weights
from mer_ros.training.trained import Report, Trained

ARCH = "minilm"
PRETRAIN = FitOptions(
    epochs=1, batch_size=1792, learning_rate=1e-4, weight_decay=1e-2, average=0.99, bfloat16=True, warm_up=0.1
)
STUDENT = replace(PRETRAIN, epochs=5, average=0.98)
POLISH = replace(PRETRAIN, epochs=3, batch_size=896, learning_rate=4e-5)
LINES_BALANCE = 0.3  # see `class_weights`
STUDENT_BALANCE = 0.4
POLISH_BALANCE = 0.25
TAUGHT = 0.6  # how much of the student's target is what its teachers answer; the rest is the label
FORUM_LINES = 3000  # lines of GoEmotions among the student's dialogues, with the teachers' answers alone
STUDENT_MANNER = Manner(named=0.5, nameless=0.2, heard=0.3, plain=0.1, flat=0.3)
POLISH_MANNER = replace(STUDENT_MANNER, plain=0.05)


@dataclass(frozen=True)
class Teacher:
    """One of the networks that teach. balance: see `class_weights`."""

    options: FitOptions
    balance: float


TEACHERS = (
    Teacher(replace(PRETRAIN, epochs=6, average=0.98), 0.2),
    Teacher(replace(PRETRAIN, epochs=6, average=0.98, batch_size=896, learning_rate=7e-5), 0.15),
)
TEACHERS_BALANCE = sum(teacher.balance for teacher in TEACHERS) / len(TEACHERS)


def train_conversations(
    data: Path,
    run: Path,
    *,
    heard: Path | None = None,
    epochs: int = STUDENT.epochs,
    seed: int = 1,
    command: str = "",
    progress: bool = True,
) -> Trained:
    """Train on GoEmotions train and MELD train; report on MELD dev.

    heard: a file that `mer heard` has made of MELD train, or of a part of it. epochs: of the student. The temperatures
    are those of the even dialogues of MELD dev, so that the odd ones alone tell the calibration.
    """
    pieces = WordPieces(read_vocabulary(minilm_folder()))
    lines, forum = load_meld(data, "train"), load_goemotions(data, "train")
    talks = talks_of(lines, None if heard is None else read_meld(heard, "Heard"))
    words = tuple(word for text in lines.texts for word in text.split() if word.isalpha())
    shares = lines.emotions.mean(axis=0)
    dev = load_meld(data, "dev")
    even = talks_of(dev.rows(np.flatnonzero(dev.dialogues % 2 == 0)))

    def judge(network: torch.nn.Module) -> float:
        assert isinstance(network, ConversationNet)
        return told(network, even, pieces)[0].weighted_f1

    torch.manual_seed(seed)
    network = new_network()
    fit_conversations(
        network,
        forum_talks := talks_of(forum),
        pieces,
        replace(PRETRAIN, seed=seed),
        Manner(words=words),
        class_weights(forum.emotions.mean(axis=0), LINES_BALANCE),
        run=run / "pretrain",
        progress=progress,
    )
    start = network.state_dict()
    teachers = []
    for number, teacher in enumerate(TEACHERS, 1):
        taught = new_network()
        taught.load_state_dict(start)
        fit_conversations(
            taught,
            [replace(talk, heard=()) for talk in talks],
            pieces,
            replace(teacher.options, seed=seed + number - 1),
            Manner(words=words),
            class_weights(shares, teacher.balance),
            run=run / f"teacher-{number}",
            judge=judge,
            progress=progress,
        )
        teachers.append(taught)
    some = [forum_talks[i] for i in np.random.default_rng(seed).permutation(len(forum))[:FORUM_LINES]]
    weights = class_weights(shares, STUDENT_BALANCE)
    tilt = weights / class_weights(shares, TEACHERS_BALANCE)
    student = new_network()
    student.load_state_dict(mean_weights(teachers))
    fit_conversations(
        student,
        [
            *taught_talks(talks, answers(teachers, talks, pieces), TAUGHT, weights, tilt),
            *taught_talks(some, answers(teachers, some, pieces), 1.0, weights, tilt),
        ],
        pieces,
        replace(STUDENT, epochs=epochs, seed=seed),
        replace(STUDENT_MANNER, words=words),
        weights,
        run=run / "student",
        smoothing=0.0,
        judge=judge,
        progress=progress,
    )
    student.load_state_dict(mean_weights([*teachers, student]))
    fit_conversations(
        student,
        talks,
        pieces,
        replace(POLISH, seed=seed + 4),
        replace(POLISH_MANNER, words=words),
        class_weights(shares, POLISH_BALANCE),
        run=run / "polish",
        judge=judge,
        progress=progress,
    )
    student.load_state_dict(mean_weights([student, teachers[-1]]))
    learn_to_hear(
        student,
        teachers,
        Lessons(talks, some, shares, words, pieces),
        run=run,
        seed=seed + 10,
        judge=judge,
        progress=progress,
    )
    prior = shares * class_weights(shares, HEARD_BALANCE)
    return _finish(student, dev, even, pieces, prior, run, heard is not None, command)


def told(network: ConversationNet, talks: Sequence[Talk], pieces: WordPieces) -> tuple[Scores, Scores]:
    """Emotion's and sentiment's scores."""
    emotions, sentiments = conversation_logits(network, talks, pieces)
    labels = np.concatenate([talk.emotions for talk in talks]).argmax(axis=1)
    felt = np.concatenate([talk.sentiments for talk in talks])
    known = felt != NO_SENTIMENT
    return score(labels, softmax(emotions)), score(felt[known], softmax(sentiments[known]), SENTIMENTS)


def _finish(
    network: ConversationNet,
    dev: Lines,
    even: Sequence[Talk],
    pieces: WordPieces,
    prior: NDArray[np.floating],
    run: Path,
    heard: bool,
    command: str,
) -> Trained:
    emotions, sentiments = conversation_logits(network, even, pieces)
    labels = np.concatenate([talk.emotions for talk in even]).argmax(axis=1)
    felt = np.concatenate([talk.sentiments for talk in even])
    temperatures = (fit_temperature(emotions, labels), fit_temperature(sentiments, felt))
    odd = dev.dialogues % 2 == 1
    emotions, sentiments = conversation_logits(network, talks_of(dev), pieces)
    scores = score(dev.labels, softmax(emotions, temperatures[0]))
    untouched = score(dev.labels[odd], softmax(emotions[odd], temperatures[0]))
    nameless = [replace(talk, speakers=("",) * len(talk)) for talk in talks_of(dev)]
    trained = Trained(
        "text",
        {"arch": ARCH},
        network.state_dict(),
        Report(
            prior=tuple((prior / prior.sum()).tolist()),
            reliability=scores.weighted_f1,
            metrics={
                "split": "MELD dev, each turn after those before it, with names",
                "n": len(dev),
                "weighted_f1": scores.weighted_f1,
                "accuracy": scores.accuracy,
                "uar": scores.uar,
                "ece": scores.ece,
                "weighted_f1_of_odd_dialogues": untouched.weighted_f1,
                "ece_of_odd_dialogues": untouched.ece,
                "weighted_f1_without_names": told(network, nameless, pieces)[0].weighted_f1,
                "weighted_f1_before_quantisation": scores.weighted_f1,
                "sentiment_weighted_f1": score(
                    dev.sentiments, softmax(sentiments, temperatures[1]), SENTIMENTS
                ).weighted_f1,
            },
            data=(
                "MELD train",
                *(("MELD train as recognised (synthetic voices)",) if heard else ()),
                "GoEmotions (Ekman) train",
                "all-MiniLM-L6-v2 (pre-trained weights)",
            ),
            terms=f"{TERMS.split(' GloVe')[0]} all-MiniLM-L6-v2: Apache-2.0.",
            command=command,
            about=_ABOUT,
            limits=_LIMITS,
        ),
        temperatures,
        read_vocabulary(minilm_folder()),
    )
    trained.save(run)
    return trained


_ABOUT = (
    "Emotion and sentiment of an utterance, read after the turns before it and with who spoke them: all-MiniLM-L6-v2 "
    "(6 layers, 22 M parameters) in which no turn sees a later one, tuned on GoEmotions' lines, then on MELD's "
    "dialogues, then on what two such networks answer, and averaged with one of them; then on the dialogues as a "
    "recogniser hears them with what it answers to their written form, and averaged again. Weights are 8-bit. Turns "
    "that a recogniser heard are marked as such, as long as none that it sees has an exclamation mark."
)
_LIMITS = (
    "English only; learned from scripted lines of one TV series and from forum comments, so names, topics and "
    "manners of these leave traces.",
    "Disgust and fear are rare in conversation and found least.",
    "It sees words alone: irony and tone are beyond it.",
    "It reads the turns before as they were recognised; what was misheard there can mislead it here.",
    "Recognised words tell it less than written ones, most of all because recognisers write no exclamation mark. It is "
    "told which words were recognised, and reads them with less doubt of emotions; what the marks tell is lost.",
    "MELD dev was looked at some fifteen times: its even dialogues chose the settings, the average of networks and the "
    "temperatures; the odd ones were looked at beside them. Some thirty later looks were at other networks, none "
    "better, and some thirty chose how recognised words are learned.",
    "Not for decisions about people.",
)
