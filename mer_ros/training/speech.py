"""Trains the speech network on the 34 features of acted voices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from mer_ros.audio.features import feature_matrix
from mer_ros.audio.listener import SpeechListener
from mer_ros.corpora.sound import heard, read_sound
from mer_ros.corpora.speech import Clips, load_speech, speaker_folds, split_speakers
from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError
from mer_ros.evaluation.scores import score
from mer_ros.training.calibration import fit_temperature, softmax
from mer_ros.training.export import Graph, Head
from mer_ros.training.loop import Batch, FitOptions, fit, shuffled, steps_of
from mer_ros.training.networks.speech import SpeechNet
from mer_ros.training.trained import Report, Trained

SPEECH_OPTIONS = FitOptions(epochs=60, batch_size=64, learning_rate=2e-3, weight_decay=5e-2, average=0.99)
VALIDATION_SPEAKERS = tuple(f"ravdess-{n}" for n in (15, 16, 17, 18))  # two men, two women; kept for the end
VARIANTS = (4, 2)  # of what is heard of a clip, and of the whole of it, by other voices in other rooms: see `vary`
FOLDS, FOLD_SEED = 4, 7
# How much a clip of a corpus counts, against one of the others: TESS is many clips of two voices.
CORPUS_SHARE = {"tess": 0.5}
CORPORA = {
    "ravdess": "RAVDESS speech (without the validation speakers)",
    "tess": "TESS",
    "emodb": "EMO-DB",
}
SPEECH_TERMS = "RAVDESS: CC BY-NC-SA 4.0. TESS: CC BY-NC-ND 4.0. EMO-DB: free for research. Non-commercial use."


def features_of(
    clips: Clips, variants: tuple[int, int] = (0, 0), seed: int = 1, progress: bool = True
) -> NDArray[np.float32]:
    """float32 [2 + sum(variants), N, 100, 34]: of each clip as the live graph hears it, of the clip with the silence
    around it, then of so many variants of the one and of the other.
    """
    generator = np.random.default_rng(seed)
    listener = SpeechListener()
    out = np.zeros((2 + sum(variants), len(clips), 100, 34), np.float32)
    for i, path in enumerate(tqdm(clips.paths, "features", mininterval=2.0, disable=not progress)):
        whole = read_sound(path)
        if not len(whole):
            raise InputError(f"{path} holds no sample; restore it, or remove it from the list.")
        takes = (heard(whole, listener), whole)
        varied = [vary(take, generator) for take, count in zip(takes, variants, strict=True) for _ in range(count)]
        out[:, i] = [feature_matrix(samples) for samples in takes] + [feature_matrix(samples) for samples in varied]
    return out


def vary(samples: NDArray[np.int16], generator: np.random.Generator) -> NDArray[np.float64]:
    """A voice at another speed and pitch (5 %), level, and signal-to-noise ratio (15..40 dB); float -1..1."""
    x = samples / 32768.0
    speed = generator.uniform(0.94, 1.06)
    x = np.interp(np.arange(0, len(x) - 1, speed), np.arange(len(x)), x)
    start = generator.integers(0, 1600)
    x = x[start:] if len(x) > 4 * start else x
    noise = generator.standard_normal(len(x)) * x.std() * 10 ** (-generator.uniform(15, 40) / 20)
    return np.clip(x + noise, -1, 1)


@torch.no_grad()
def speech_logits(network: nn.Module, features: torch.Tensor) -> NDArray[np.float32]:
    """float [N, 7], in evaluation mode."""
    network.eval()
    return torch.cat([network(part) for part in features.split(256)]).numpy()


def balanced_chances(
    labels: NDArray[np.integer], corpora: tuple[str, ...], share: dict[str, float]
) -> NDArray[np.float64]:
    """[N], sum 1: each class of a corpus as likely as its others, and corpora by their `share` (1 where not named)."""
    names = np.array(corpora)
    chances = np.zeros(len(labels))
    for corpus in sorted(set(corpora)):
        inside = names == corpus
        counts = np.bincount(labels[inside], minlength=int(labels.max()) + 1)
        weights = 1.0 / counts[labels[inside]]
        chances[inside] = weights / weights.sum() * share.get(corpus, 1.0) * inside.sum()
    return chances / chances.sum()


def fit_speech(
    network: SpeechNet,
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    chances: NDArray[np.float64],
    options: FitOptions = SPEECH_OPTIONS,
    *,
    run: Path | None = None,
    progress: bool = True,
) -> None:
    """Fit in place. features: [variants, N, 100, 34]; each row is drawn with its chance, in a random variant."""
    variants = torch.from_numpy(features)
    rows = torch.arange(len(labels))
    targets = torch.from_numpy(labels)

    def batches(generator: np.random.Generator) -> Iterable[Batch]:
        for (drawn,) in shuffled((rows,), options.batch_size, generator, chances):
            which = torch.from_numpy(generator.integers(0, len(variants), len(drawn)))
            yield _mask_times(variants[which, drawn], generator), targets[drawn]

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        return functional.cross_entropy(network(batch[0]), batch[1], label_smoothing=0.1)

    fit(network, loss, batches, steps_of(len(labels), options.batch_size), options, run=run, progress=progress)


def _mask_times(features: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """Hide a stretch of up to 6 frames in each clip, as if it were padding."""
    frames = torch.arange(features.shape[1])
    spoken = (features != 0).any(dim=2).sum(dim=1).numpy()
    start = torch.from_numpy(generator.integers(0, np.maximum(spoken, 1)))
    length = torch.from_numpy(generator.integers(0, 7, len(features)))
    hidden = (frames >= start[:, None]) & (frames < (start + length)[:, None])
    return features.masked_fill(hidden.unsqueeze(2), 0.0)


def statistics(features: NDArray[np.float32]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation, [34] each, over all frames that are not padding."""
    frames = features.reshape(-1, features.shape[-1])
    frames = frames[(frames != 0).any(axis=1)]
    return torch.from_numpy(frames.mean(axis=0)), torch.from_numpy(frames.std(axis=0) + 1e-6)


def train_speech(
    data: Path,
    run: Path,
    *,
    epochs: int = SPEECH_OPTIONS.epochs,
    seed: int = 1,
    command: str = "",
    validation: tuple[str, ...] = VALIDATION_SPEAKERS,
    progress: bool = True,
) -> Trained:
    """Train on all speakers but `validation`, report on those.

    The temperature, and the score for choices, come from folds over the training speakers.
    """
    train, held_out = split_speakers(load_speech(data), validation)
    if not len(train) or not len(held_out):
        raise InputError(f"{data} needs clips of the speakers {', '.join(validation)}, and of others.")
    features = features_of(train, VARIANTS, seed, progress)
    options = replace(SPEECH_OPTIONS, epochs=epochs, seed=seed)
    corpora = np.array(train.corpora)
    fold = speaker_folds(train, FOLDS, FOLD_SEED)
    unseen = np.zeros((len(train), len(EMOTIONS)), np.float32)
    for k in range(FOLDS):
        rest, inside = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        network = _fit_rows(train, features, rest, options, None, progress)
        unseen[inside] = speech_logits(network, torch.from_numpy(features[0, inside]))
    everyone = np.arange(len(train))
    network = _fit_rows(train, features, everyone, options, run / "fit", progress)
    chances = _chances(train, everyone)
    prior = np.bincount(train.labels, chances, len(EMOTIONS)) + 1e-3  # a class may be absent
    prior /= prior.sum()
    shares = np.bincount(train.labels, minlength=len(EMOTIONS)) / len(train)
    temperature = fit_temperature(unseen, train.labels, prior / np.maximum(shares, 1e-9))
    scores, of_whole_clips = (
        score(held_out.labels, softmax(speech_logits(network, torch.from_numpy(take)), temperature))
        for take in features_of(held_out, progress=progress)
    )
    guessed = softmax(unseen, temperature)
    folds = {
        f"{FOLDS}_folds_{name}_uar": score(train.labels[corpora == name], guessed[corpora == name]).uar
        for name in sorted(set(train.corpora))
    }
    trained = Trained(
        "speech",
        {},
        network.state_dict(),
        Report(
            prior=tuple(prior.tolist()),
            reliability=scores.uar,
            metrics={
                "split": f"speakers {', '.join(validation)}, apart from those of training; calm counted as neutral",
                "n": len(held_out),
                "uar": scores.uar,
                "accuracy": scores.accuracy,
                "weighted_f1": scores.weighted_f1,
                "ece": scores.ece,
                "uar_with_silence_around": of_whole_clips.uar,
                **folds,
            },
            data=tuple(CORPORA.get(name, name) for name in sorted(set(train.corpora))),
            terms=SPEECH_TERMS,
            command=command,
            about="Emotion of a voice: a CNN over the 34 short-term features of up to 100 frames (10 s), with "
            "normalisation and the masking of padding inside. Measured on the utterances that the live segmenter "
            "cuts from the corpora's clips; trained on these, and on the clips with the silence around them. The "
            "folds are over the training speakers.",
            limits=(
                "Learned from acted, clean, single sentences; spontaneous speech shows emotions far more faintly.",
                "Two languages (English, German) and 24 voices; older voices and children are hardly in it.",
                "The validation speakers were looked at when the way of cutting clips was chosen, so the folds are the "
                "steadier figure.",
                "Not for decisions about people.",
            ),
        ),
        (temperature,),
    )
    trained.save(run)
    return trained


def _chances(clips: Clips, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    chosen = clips.rows(rows)
    return balanced_chances(chosen.labels, chosen.corpora, CORPUS_SHARE)


def _fit_rows(
    clips: Clips,
    features: NDArray[np.float32],
    rows: NDArray[np.int64],
    options: FitOptions,
    run: Path | None,
    progress: bool,
) -> SpeechNet:
    torch.manual_seed(options.seed)
    network = SpeechNet(*statistics(features[:, rows]))
    fit_speech(
        network, features[:, rows], clips.labels[rows], _chances(clips, rows), options, run=run, progress=progress
    )
    return network


def speech_graph(trained: Trained) -> Graph:
    """The graph to export."""
    network = SpeechNet(trained.weights["mean"], trained.weights["deviation"])
    network.load_state_dict(trained.weights)
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(4, 100, 34, generator=generator) * network.deviation + network.mean
    features[1, 30:] = 0.0
    features[2] = 0.0
    return Graph(Head(network.eval(), trained.temperatures), {"features": features}, ("probabilities",))
