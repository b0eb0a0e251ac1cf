"""Trains both streams of CAER-Net where the scene tells something: on CAER-S, or on generated scenes."""

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
from mer_ros.errors import InputError
from mer_ros.evaluation.scores import score
from mer_ros.training.calibration import fit_temperature, softmax
from mer_ros.training.corpora.scenes import Scenes, find_caer_s, load_caer_s
from mer_ros.training.generated import telling_contexts
from mer_ros.training.loop import Batch, FitOptions, fit, shuffled, steps_of
from mer_ros.training.networks.face import CaerNet
from mer_ros.training.trained import Report, Trained, load_trained

CONTEXT_OPTIONS = FitOptions(epochs=12, batch_size=32, learning_rate=2e-3, weight_decay=5e-2, average=0.98)
GENERATED = 1200


def generated_scenes(n: int, seed: int) -> Scenes:
    """Faces of noise in scenes whose coloured square names the label."""
    generator = np.random.default_rng(seed)
    contexts, labels = telling_contexts(n, generator)
    return Scenes(generator.integers(0, 256, (n, 96, 96, 3), dtype=np.uint8), contexts, labels)


def fit_context(
    network: CaerNet,
    scenes: Scenes,
    options: FitOptions = CONTEXT_OPTIONS,
    *,
    run: Path | None = None,
    progress: bool = True,
) -> None:
    """Train everything in place, faces and contexts mirrored at random."""
    tensors = (torch.from_numpy(scenes.faces), torch.from_numpy(scenes.contexts), torch.from_numpy(scenes.labels))

    def batches(generator: np.random.Generator) -> Iterable[Batch]:
        for faces, contexts, labels in shuffled(tensors, options.batch_size, generator):
            if generator.random() < 0.5:
                faces, contexts = faces.flip(2), contexts.flip(2)
            yield faces, contexts, labels

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        return functional.cross_entropy(network(batch[0], batch[1]), batch[2], label_smoothing=0.05)

    fit(network, loss, batches, steps_of(len(scenes), options.batch_size), options, run=run, progress=progress)


@torch.no_grad()
def context_logits(network: CaerNet, scenes: Scenes) -> NDArray[np.float32]:
    """[N, 7], in evaluation mode."""
    network.eval()
    parts = zip(torch.from_numpy(scenes.faces).split(64), torch.from_numpy(scenes.contexts).split(64), strict=True)
    return torch.cat([network(*part) for part in parts]).numpy()


def train_context(
    data: Path | None,
    run: Path,
    *,
    epochs: int = CONTEXT_OPTIONS.epochs,
    seed: int = 1,
    face_run: Path | None = None,
    command: str = "",
    progress: bool = True,
) -> Trained:
    """On CAER-S inside of `data` (its test part is the report); None: on generated scenes.

    face_run: a run of `train_face` whose face stream is taken over. Raises InputError where there is no CAER-S.
    """
    if data is None:
        train, test = generated_scenes(GENERATED, seed), generated_scenes(GENERATED // 4, seed + 1)
        terms = "Generated data: none."
    else:
        from mer_ros.vision.detector import make_detector

        folder = find_caer_s(data)
        detector = make_detector()
        train, _ = load_caer_s(folder, "train", detector, progress)
        test, _ = load_caer_s(folder, "test", detector, progress)
        terms = "CAER-S: non-commercial research only."
    rest, held_out = split_rows(len(train), 0.1, seed)
    torch.manual_seed(seed)
    network = CaerNet()
    if face_run is not None:
        found = load_trained(face_run)
        if found.task != "face":
            raise InputError(f"--face {face_run} is a run of {found.task}; name one of `mer train face` or context.")
        weights = found.weights
        network.face.load_state_dict({k[5:]: v for k, v in weights.items() if k.startswith("face.")})
    fit_context(
        network,
        train.rows(rest),
        replace(CONTEXT_OPTIONS, epochs=epochs, seed=seed),
        run=run / "fit",
        progress=progress,
    )
    kept = train.rows(held_out)
    temperature = fit_temperature(context_logits(network, kept), kept.labels)
    scores = score(test.labels, softmax(context_logits(network, test), temperature))
    generated = data is None
    shares = np.bincount(train.labels, minlength=7) + 1.0
    trained = Trained(
        "face",
        {},
        network.state_dict(),
        Report(
            prior=tuple((shares / shares.sum()).tolist()),
            reliability=0.0 if generated else scores.accuracy,
            metrics={
                "split": "generated scenes of another seed" if generated else "CAER-S test",
                "n": len(test),
                "accuracy": scores.accuracy,
                "uar": scores.uar,
                "ece": scores.ece,
            },
            data=("generated scenes",) if generated else ("CAER-S train",),
            terms=terms,
            command=command,
            about="CAER-Net (arXiv 1908.05913), both streams trained together, "
            + ("on generated scenes that hold no emotion." if generated else "on CAER-S."),
            limits=("It shows that the mechanism learns, and knows nothing of emotion.",)
            if generated
            else ("Stills of TV series; non-commercial research only.", "Not for decisions about people."),
        ),
        (temperature,),
    )
    trained.save(run)
    return trained
