"""`mer train text --arch minilm`: GoEmotions' lines, teachers on MELD, their students, and words as they are heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mer_ros.corpora.text import NO_SENTIMENT, Lines, load_goemotions, read_meld
from mer_ros.emotion import SENTIMENTS
from mer_ros.errors import InputError
from mer_ros.evaluation.scores import Scores, score
from mer_ros.text.word_pieces import WordPieces
from mer_ros.training.calibration import fit_temperature, softmax
from mer_ros.training.course import Course
from mer_ros.training.distillation import mean_weights
from mer_ros.training.hearing import hear_with_others, hear_with_teachers
from mer_ros.training.large import answers_of_others, mpnet_weights
from mer_ros.training.lessons import (
    PUPIL_BALANCE,
    STUDENT,
    learn_from_labels,
    learn_from_others,
    learn_from_teachers,
)
from mer_ros.training.minilm import conversation_logits, minilm_folder, network_of, read_vocabulary
from mer_ros.training.networks.minilm import ConversationNet
from mer_ros.training.talks import Talk, talks_of
from mer_ros.training.text import TERMS, class_weights, load_talks
from mer_ros.training.trained import Report, Trained

ARCH = "minilm"
WRITTEN_SHARE = 2.0  # of the network that read most, among those that heard; that of each of these is 1


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
    mpnet_weights()  # which are needed late: better known now where they are missing
    pieces = WordPieces(read_vocabulary(minilm_folder()))
    lines, dev = load_talks(data)
    forum = load_goemotions(data, "train")
    copies = None if heard is None else heard_copies(heard, lines)
    if len(set(dev.dialogues % 2)) < 2:
        raise InputError(
            f"{data} needs dialogues of even and of odd numbers in meld/dev_sent_emo.csv: the even ones choose, the "
            "odd ones are asked."
        )
    even = talks_of(dev.rows(np.flatnonzero(dev.dialogues % 2 == 0)))

    def judge(network: torch.nn.Module) -> float:
        assert isinstance(network, ConversationNet)
        return told(network, even, pieces)[0].weighted_f1

    course = Course(
        talks_of(lines, copies),
        talks_of(forum),
        pieces,
        tuple(word for text in lines.texts for word in text.split() if word.isalpha()),
        lines.emotions.mean(axis=0),
        run,
        seed,
        judge,
        progress,
    )
    teachers = learn_from_labels(course)
    student = learn_from_teachers(course, teachers, epochs)
    hearing = hear_with_teachers(course, student, teachers)
    answered = answers_of_others(course)
    pupil = learn_from_others(course, teachers, answered)
    network = network_of(mean_weights([pupil, student, teachers[-1]]))
    hearing.append(hear_with_others(course, network, answered))
    network = network_of(mean_weights([network, *hearing], [WRITTEN_SHARE, *[1.0] * len(hearing)]))
    prior = course.shares * class_weights(course.shares, PUPIL_BALANCE)
    return _finish(network, dev, even, pieces, prior, run, heard is not None, command)


def told(network: ConversationNet, talks: Sequence[Talk], pieces: WordPieces) -> tuple[Scores, Scores]:
    """Emotion's and sentiment's scores, the talks read as they are live."""
    emotions, sentiments = conversation_logits(network, talks, pieces, named=False)
    labels = np.concatenate([talk.emotions for talk in talks]).argmax(axis=1)
    felt = np.concatenate([talk.sentiments for talk in talks])
    known = felt != NO_SENTIMENT
    return score(labels, softmax(emotions)), score(felt[known], softmax(sentiments[known]), SENTIMENTS)


def heard_copies(path: Path, lines: Lines) -> Lines:
    """What was heard of some of the lines. Raises InputError for a file that was made of others."""
    known = dict(zip(lines.places(), lines.texts, strict=True))
    said = read_meld(path)
    for place, text in zip(said.places(), said.texts, strict=True):
        if known.get(place) != text:
            dialogue, turn = place
            raise InputError(
                f"{path} was not made of the lines that are trained on: in dialogue {dialogue}, utterance {turn}, "
                f'"{text}" was said; make one of train_sent_emo.csv with `mer heard`.'
            )
    return read_meld(path, "Heard")


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
    emotions, sentiments = conversation_logits(network, even, pieces, named=False)
    labels = np.concatenate([talk.emotions for talk in even]).argmax(axis=1)
    felt = np.concatenate([talk.sentiments for talk in even])
    temperatures = (fit_temperature(emotions, labels), fit_temperature(sentiments, felt))
    odd = dev.dialogues % 2 == 1
    talks = talks_of(dev)
    emotions, sentiments = conversation_logits(network, talks, pieces, named=False)
    scores = score(dev.labels, softmax(emotions, temperatures[0]))
    untouched = score(dev.labels[odd], softmax(emotions[odd], temperatures[0]))
    unknown = [replace(talk, speakers=("",) * len(talk)) for talk in talks]
    trained = Trained(
        "text",
        {"arch": ARCH},
        network.state_dict(),
        Report(
            prior=tuple((prior / prior.sum()).tolist()),
            reliability=scores.weighted_f1,
            metrics={
                "split": "MELD dev, each turn after those before it",
                "n": len(dev),
                "weighted_f1": scores.weighted_f1,
                "accuracy": scores.accuracy,
                "uar": scores.uar,
                "ece": scores.ece,
                "weighted_f1_of_odd_dialogues": untouched.weighted_f1,
                "ece_of_odd_dialogues": untouched.ece,
                "weighted_f1_of_unknown_speakers": told(network, unknown, pieces)[0].weighted_f1,
                "weighted_f1_before_quantisation": scores.weighted_f1,
                "sentiment_weighted_f1": score(
                    dev.sentiments, softmax(sentiments, temperatures[1]), SENTIMENTS
                ).weighted_f1,
            },
            data=(
                "MELD train",
                *(("MELD train as recognised (synthetic voices)",) if heard else ()),
                "GoEmotions (Ekman) train",
                "all-MiniLM-L6-v2, and all-mpnet-base-v2 as a teacher (pre-trained weights)",
            ),
            terms=f"{TERMS.split(' GloVe')[0]} all-MiniLM-L6-v2, all-mpnet-base-v2: Apache-2.0.",
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
    "Emotion and sentiment of an utterance, read after the turns before it and with who spoke them (not with what "
    "they are called): all-MiniLM-L6-v2 "
    "(6 layers, 22 M parameters) in which no turn sees a later one. Its weights are the mean of several networks', "
    "which all were tuned on GoEmotions' lines and then on MELD's dialogues: one stayed so; one went on with what two "
    "such networks answer; one went on with what all-mpnet-base-v2 (12 layers, 110 M parameters), tuned alike on each "
    "half of the dialogues, answers to the other half; and some went on from these with the dialogues as a recogniser "
    "hears them. Weights are 8-bit. Turns that a recogniser heard are marked as such, as long as none that it sees has "
    "an exclamation mark."
)
_LIMITS = (
    "English only; learned from scripted lines of one TV series and from forum comments, so names, topics and "
    "manners of these leave traces.",
    "Disgust and fear are rare in conversation and found least.",
    "It sees words alone: irony and tone are beyond it.",
    "It reads the turns before as they were recognised; what was misheard there can mislead it here.",
    "Recognised words tell it less than written ones, most of all because recognisers write no exclamation mark. It is "
    "told which words were recognised, and reads them with less doubt of emotions; what the marks tell is lost.",
    "MELD dev was looked at some seventy times for earlier networks, and for this one some forty times more: its even "
    "dialogues chose the settings, which networks are averaged, and the temperatures; the odd ones were looked at "
    "beside them. Averages of other such networks score 0.605 to 0.618 there, which is mostly chance; this one was "
    "chosen by its likelihood among those whose score fell neither on written nor on heard lines.",
    'It was trained with the names of those who speak, which it learnt by heart, and reads "person" in their place. '
    "The word was chosen on MELD dev among some six: neither score nor likelihood fell, of emotions or of sentiments, "
    "as written or without marks. On the odd dialogues alone the weighted F1 went from 0.608 to 0.603 with it, as "
    "heard from 0.490 to 0.487.",
    "Not for decisions about people.",
)
