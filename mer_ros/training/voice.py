"""Trains the middle layers of the speech recogniser's encoder further, to hear emotions in acted voices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from mer_ros.audio.prosody import prosody
from mer_ros.corpora.speech import Clips, load_speech, speaker_folds
from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError
from mer_ros.evaluation.scores import score
from mer_ros.training.calibration import fit_temperature, softmax
from mer_ros.training.export import Graph
from mer_ros.training.networks.voice import (
    BELOW,
    POOLED,
    Pooled,
    VoiceBranch,
    VoiceHead,
    VoiceNet,
    centre_of,
    known_share,
    within,
)
from mer_ros.training.networks.voice_encoder import VoiceEncoder
from mer_ros.training.quantise import quantise_products
from mer_ros.training.speech import CORPORA, FOLD_SEED, FOLDS, SPEECH_TERMS, VALIDATION_SPEAKERS
from mer_ros.training.trained import Report, Trained
from mer_ros.training.voice_copies import lower_layers, make_copies
from mer_ros.training.voice_fit import (
    HEAD_OPTIONS,
    VOICE_OPTIONS,
    averaged,
    chances_of,
    fit_branch,
    fit_head,
    voice_logits,
    voices_of,
)

HEADS = 5
COPIES = 6  # of each clip: one as the live graph hears it, the others by other voices in other rooms
TOLERANCE = 0.05  # in probability: what products of 8-bit numbers may change


def train_voice(
    data: Path,
    run: Path,
    *,
    epochs: int = VOICE_OPTIONS.epochs,
    seed: int = 1,
    command: str = "",
    validation: tuple[str, ...] = VALIDATION_SPEAKERS,
    copies: int = COPIES,
    progress: bool = True,
) -> Trained:
    """Train on all speakers but `validation`, report on those.

    The temperatures come from folds over the training speakers.
    """
    clips = load_speech(data)
    known = ~np.isin(clips.speakers, validation)
    if known.all() or not known.any():
        raise InputError(f"{data} needs clips of the speakers {', '.join(validation)}, and of others.")
    train, held_out = np.flatnonzero(known), np.flatnonzero(~known)
    voices = voices_of(clips, make_copies(clips, run, copies, seed, progress), train)

    def fitted(rows: NDArray[np.int64], name: str) -> tuple[VoiceBranch, list[VoiceHead]]:
        options = replace(VOICE_OPTIONS, epochs=epochs, seed=100 * seed)
        branch = fit_branch(voices, rows, options, run=run / name, progress=progress)
        heads = []
        for i in range(HEADS):
            options = replace(HEAD_OPTIONS, seed=100 * seed + i)
            heads.append(fit_head(voices, rows, options, run=run / f"{name}-head-{i}", progress=False))
        return branch, heads

    fold = speaker_folds(clips.rows(train), FOLDS, FOLD_SEED)
    past, heard = voices.pasts.in_turn()
    centre = centre_of(torch.from_numpy(past), torch.from_numpy(heard))
    # Of what each clip's speaker said before it, nothing, then all that the memory holds.
    logits = np.zeros((2, len(clips), len(EMOTIONS)), np.float32)

    def asked(branch: VoiceBranch, heads: list[VoiceHead], rows: NDArray[np.int64]) -> None:
        for told, given in zip(logits, (torch.zeros_like(centre), centre), strict=True):
            told[rows] = voice_logits(voices, branch, heads, rows, given[rows])

    branch, heads = fitted(train, "fit")
    parts = [branch]
    for k in tqdm(range(FOLDS), "folds", disable=not progress):
        part, of_fold = fitted(train[fold != k], f"fold-{k}")
        asked(part, of_fold, train[fold == k])
        parts.append(part)
    final = averaged(parts)
    asked(final, heads, held_out)

    chances = chances_of(clips, train)
    prior = np.bincount(clips.labels[known], chances, len(EMOTIONS)) + 1e-3  # a class may be absent
    prior /= prior.sum()
    shares = np.bincount(clips.labels[known], minlength=len(EMOTIONS)) / len(train)
    unknown, usual = (
        fit_temperature(told[known], clips.labels[known], prior / np.maximum(shares, 1e-9)) for told in logits
    )
    share = known_share(torch.from_numpy(heard)).numpy()
    # Straight from one to the other, so that it is `usual` where a person is as well known as on the average.
    temperatures = (unknown, max(unknown + (usual - unknown) / float(share[known].mean()), 0.5 * usual))
    alone = softmax(logits[0], unknown)
    guessed = softmax(logits[1] / (unknown + (temperatures[1] - unknown) * share))
    scores, single = score(clips.labels[~known], guessed[~known]), score(clips.labels[~known], alone[~known])
    metrics = {
        "split": f"speakers {', '.join(validation)}, apart from those of training; calm counted as neutral",
        "n": scores.n,
        "uar": scores.uar,
        "accuracy": scores.accuracy,
        "weighted_f1": scores.weighted_f1,
        "ece": scores.ece,
        "alone_uar": single.uar,
        "alone_ece": single.ece,
        **_by_corpus(clips, guessed, known, ""),
        **_by_corpus(clips, alone, known, "alone_"),
    }
    network = VoiceNet(lower_layers(), voices.pooled, [final], heads)
    trained = Trained(
        "speech",
        {"arch": "encoder", "branches": 1, "heads": len(heads)},
        network.state_dict(),
        _report(metrics, prior, scores.uar, tuple(sorted(set(clips.rows(train).corpora))), command),
        temperatures,
    )
    trained.save(run)
    return trained


def _by_corpus(clips: Clips, guessed: NDArray[np.float64], known: NDArray[np.bool_], kind: str) -> dict[str, float]:
    """Of each corpus' clips of training speakers, by networks that did not know the speaker."""
    corpora = np.array(clips.corpora)
    found: dict[str, float] = {}
    for corpus in sorted(set(clips.corpora)):
        rows = known & (corpora == corpus)
        if rows.any():
            scores = score(clips.labels[rows], guessed[rows])
            name = f"{FOLDS}_folds_{corpus}_{kind}"
            found |= {f"{name}uar": scores.uar, f"{name}ece": scores.ece}
    return found


def _report(
    metrics: dict[str, Any], prior: NDArray[np.floating], reliability: float, corpora: tuple[str, ...], command: str
) -> Report:
    return Report(
        prior=tuple(prior.tolist()),
        reliability=reliability,
        metrics=metrics,
        data=(*(CORPORA.get(name, name) for name in corpora), "Moonshine tiny-en (the encoder's first four layers)"),
        terms=f"{SPEECH_TERMS} Moonshine: MIT.",
        command=command,
        about="Emotion of a voice: the first four layers of a speech recogniser's encoder (Moonshine tiny) and 36 "
        "numbers of prosody (pitch, loudness, voice quality, rhythm). Mean and deviation over time go to five small "
        "networks; a sixth reads the frames with attention, its upper two layers trained further. The answer is the "
        "mean of all. What a person said before tells how this voice is on the whole, and an emotion is heard as a "
        "departure from that: the stage keeps a running mean for each person (the last 20 utterances count most, "
        "nothing but these numbers is kept, and nothing is asked of what was felt). Who is not known is heard alone. "
        "The level is taken out inside. Measured on the utterances that the live segmenter cuts from the corpora's "
        "clips. The sixth network's weights are the mean of five, one of all training speakers and one of each "
        "fold's, none of which met the validation speakers; the folds' scores are those of networks that have not met "
        "their speakers.",
        limits=(
            "Learned from acted, clean, single sentences; spontaneous speech shows emotions far more faintly.",
            "Two languages (English, German) and 24 voices; older voices and children are hardly in it.",
            "The person is the face in view while the voice was heard. Somebody out of view lends the face a wrong "
            "voice; a voice without a face is heard alone, and then less well.",
            "In the corpora each speaker shows all emotions about equally often. Somebody who was angry in all that "
            "was heard so far is taken for less angry; half of the training's pasts were one-sided for that reason.",
            "The design was chosen on the folds, which were looked at some forty times. The validation speakers had "
            "been looked at five times for the models before this one; for this one only when it was trained, and "
            "nothing was chosen by them, but that it has a second temperature, for persons who are known, since then: "
            "the folds had asked for it.",
            "The order in which a speaker's clips come changes the score; that of several orders is the steadier one. "
            "With 240 clips a calibration error is mostly chance: what perfectly calibrated answers would show stands "
            "beside it.",
            "The temperatures are those of the folds' networks, each asked of speakers whom it has not met. What ships "
            "(the mean of weights, 8-bit) wants the same ones: fitted on the validation speakers they would change by "
            "2 %, and fitted on three of these and measured on the fourth they gain nothing, nor does a correction by "
            "class. Single speakers differ far more: some are heard too boldly, some too timidly.",
            "Voices differ: intervals over four speakers are wide.",
            "Not for decisions about people.",
        ),
    )


class VoiceGraph(nn.Module):
    """The network with its logits at their temperature: probabilities, and the numbers that a memory keeps.

    temperatures: for persons of whom nothing was heard, and for those who are wholly known.
    """

    def __init__(self, network: VoiceNet, temperatures: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        self.unknown, self.known = temperatures

    def forward(
        self, samples: torch.Tensor, prosody: torch.Tensor, past: torch.Tensor, heard: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """[B, 7], [B, F]."""
        logits, numbers = self.network(samples, prosody, past, heard)
        temperature = self.unknown + (self.known - self.unknown) * known_share(heard)
        return torch.softmax(logits / temperature, dim=1), within(numbers)


def voice_graph(trained: Trained) -> Graph:
    """The graph to export."""
    below = VoiceEncoder(BELOW)
    del below.norm
    size = POOLED + len(prosody(np.zeros(0)))
    none, one = torch.zeros(size), torch.ones(size)
    branches = [VoiceBranch(none, one) for _ in range(trained.settings["branches"])]
    heads = [VoiceHead(size) for _ in range(trained.settings["heads"])]
    network = VoiceNet(below, Pooled(none, one), branches, heads)
    network.load_state_dict(trained.weights)
    generator = torch.Generator().manual_seed(1)
    samples = torch.randn(2, 32_000, generator=generator) * torch.tensor([[0.3], [0.001]])
    return Graph(
        VoiceGraph(network.eval(), trained.temperatures),
        {
            "samples": samples,
            "prosody": torch.from_numpy(np.stack([prosody(row.numpy()) for row in samples])),
            "past": torch.randn(2, size, generator=generator),
            "heard": torch.tensor([[0.0], [3.0]]),
        },
        ("probabilities", "voice"),
        finish=quantise_products,
        tolerance=TOLERANCE,
        free_length=("samples",),
        besides=("voice",),
    )
