"""Trains the early-fusion network on MELD's clips, or on generated samples that need all three modalities."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from mer_ros.corpora.faces import split_rows
from mer_ros.emotion import SENTIMENTS
from mer_ros.evaluation.scores import score
from mer_ros.text.tokens import TOKENS, tokenize
from mer_ros.training.calibration import fit_temperature, softmax
from mer_ros.training.corpora.clips import find_clips, load_clips
from mer_ros.training.export import Graph, Head
from mer_ros.training.generated import MADE_UP, Aligned, aligned_samples
from mer_ros.training.glove import Vocabulary, make_vocabulary
from mer_ros.training.loop import Batch, FitOptions, fit, shuffled, steps_of
from mer_ros.training.networks.early_fusion import EarlyFusionNet
from mer_ros.training.speech import statistics
from mer_ros.training.trained import Report, Trained

EARLY_OPTIONS = FitOptions(epochs=12, batch_size=32, learning_rate=3e-3, weight_decay=1e-2, average=0.98)
GENERATED = 600
FREQUENT_WORDS = 5_000


def as_batch(samples: Aligned, vocabulary: Vocabulary) -> Batch:
    """Frames, ids, features, emotions, sentiments."""
    return (
        torch.from_numpy(samples.frames),
        torch.from_numpy(vocabulary.ids(samples.texts)),
        torch.from_numpy(samples.features),
        torch.from_numpy(samples.emotions),
        torch.from_numpy(samples.sentiments),
    )


def fit_early_fusion(
    network: EarlyFusionNet,
    batch: Batch,
    options: FitOptions = EARLY_OPTIONS,
    *,
    run: Path | None = None,
    progress: bool = True,
) -> None:
    """Train in place, both heads."""

    def batches(generator: np.random.Generator) -> Iterable[Batch]:
        return shuffled(batch, options.batch_size, generator)

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        told, felt = network(*batch[:3])
        return functional.cross_entropy(told, batch[3]) + 0.5 * functional.cross_entropy(felt, batch[4])

    fit(network, loss, batches, steps_of(len(batch[0]), options.batch_size), options, run=run, progress=progress)


@torch.no_grad()
def early_logits(network: nn.Module, batch: Batch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """[N, 7] and [N, 3], in evaluation mode."""
    network.eval()
    parts = zip(*(tensor.split(64) for tensor in batch[:3]), strict=True)
    told, felt = zip(*(network(*part) for part in parts), strict=True)
    return torch.cat(told).numpy(), torch.cat(felt).numpy()


def train_early_fusion(
    data: Path | None,
    run: Path,
    *,
    epochs: int = EARLY_OPTIONS.epochs,
    seed: int = 1,
    command: str = "",
    progress: bool = True,
) -> Trained:
    """On MELD's clips inside of `data` (its dev part is the report); None: on generated samples.

    Raises InputError where the clips are not.
    """
    generated = data is None
    if data is None:
        generator = np.random.default_rng(seed)
        train, test = aligned_samples(GENERATED, generator), aligned_samples(GENERATED // 4, generator)
    else:
        for part in ("train", "dev"):  # before the long reading begins
            find_clips(data, part)
        train, _ = load_clips(data, "train", progress)
        test, _ = load_clips(data, "dev", progress)
    vocabulary = make_vocabulary({t for text in train.texts for t in tokenize(text)}, FREQUENT_WORDS)
    torch.manual_seed(seed)
    network = EarlyFusionNet(torch.from_numpy(vocabulary.vectors), *statistics(train.features))
    batch = as_batch(train, vocabulary)
    rest, held_out = (torch.from_numpy(rows) for rows in split_rows(len(train), 0.1, seed))
    options = replace(EARLY_OPTIONS, epochs=epochs, seed=seed)
    fit_early_fusion(network, tuple(t[rest] for t in batch), options, run=run / "fit", progress=progress)
    network.words.compress()
    kept = tuple(t[held_out] for t in batch)
    told, felt = early_logits(network, kept)
    temperatures = (fit_temperature(told, kept[3].numpy()), fit_temperature(felt, kept[4].numpy()))
    told, felt = early_logits(network, as_batch(test, vocabulary))
    scores = score(test.emotions, softmax(told, temperatures[0]))
    felt_scores = score(test.sentiments, softmax(felt, temperatures[1]), SENTIMENTS)
    shares = np.bincount(train.emotions, minlength=7) + 1.0
    kind = "generated_" if generated else ""  # such scores are no accuracy of anything
    trained = Trained(
        "early_fusion",
        {},
        network.state_dict(),
        Report(
            prior=tuple((shares / shares.sum()).tolist()),
            reliability=0.0 if generated else scores.weighted_f1,
            metrics={
                "split": "generated samples, apart from those of training" if generated else "MELD dev clips",
                "n": len(test),
                f"{kind}weighted_f1": scores.weighted_f1,
                f"{kind}accuracy": scores.accuracy,
                f"{kind}ece": scores.ece,
                f"{kind}sentiment_weighted_f1": felt_scores.weighted_f1,
            },
            data=(MADE_UP if generated else "MELD train clips", "GloVe 6B 50d"),
            terms="Generated data: none. GloVe: PDDL 1.0." if generated else "MELD: research only. GloVe: PDDL 1.0.",
            command=command,
            about="Ten frames through a convolutional LSTM, twenty words of GloVe and the voice's features through "
            "convolutions, concatenated; a head for emotion and one for sentiment. "
            + (_MECHANISM if generated else "Trained on MELD's clips."),
            limits=(
                ("It knows nothing of emotion: do not use its answers. Train it on MELD's clips first.",)
                if generated
                else ("One English TV series; research only.", "Not for decisions about people.")
            ),
        ),
        temperatures,
        vocabulary.words,
    )
    trained.save(run)
    return trained


_MECHANISM = (
    "Trained on generated samples whose label needs all three modalities (the side of a flash, the kind of words, a "
    "level): it shows that the mechanism learns, and takes the place of a model trained on aligned recordings."
)


def early_graph(trained: Trained) -> Graph:
    """The graph to export."""
    weights = trained.weights
    network = EarlyFusionNet(
        torch.zeros(weights["words.table"].shape), weights["voice.mean"], weights["voice.deviation"]
    )
    network.words.compress()
    network.load_state_dict(weights)
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, len(trained.words), (2, TOKENS), generator=generator)
    ids[:, -4:] = 0
    features = torch.randn(2, 100, 34, generator=generator)
    features[1, 30:] = 0.0
    frames = torch.randint(0, 256, (2, 10, 84, 150, 3), generator=generator, dtype=torch.uint8)
    return Graph(
        Head(network.eval(), trained.temperatures),
        {"frames": frames, "ids": ids, "features": features},
        ("probabilities", "sentiment_probabilities"),
        trained.words,
    )
