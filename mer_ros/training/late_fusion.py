"""`mer train fusion`: fits the fusion's weights on one half of the held-out data, and reports on the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mer_ros.emotion import Modality
from mer_ros.evaluation.answers import Answers, View
from mer_ros.evaluation.fusion import draw, evaluate_tuples
from mer_ros.evaluation.held_out import HeldOut
from mer_ros.evaluation.tuples import Tuples
from mer_ros.fusion.experts import Experts
from mer_ros.fusion.options import FusionOptions
from mer_ros.fusion.weights import FusionWeights, read_weights, write_weights
from mer_ros.inference import ModelEntry, TensorSpec
from mer_ros.inference.manifest import FUSION
from mer_ros.inference.writer import add_entry, check_new
from mer_ros.training.card import summary
from mer_ros.training.joined import tuples_of
from mer_ros.training.measure import write_card, write_table
from mer_ros.training.record import Record, rounded, write_record
from mer_ros.training.trained import Report, Trained
from mer_ros.training.weighing import fit_independence, fit_worth, likelihood_ratios

WRONG_WORDS = (0.1, 0.25)
SNR_DB = (20.0, 10.0, 5.0, 0.0)
SHORTEST_S = 0.7
VIEWS = (View(frames=8), View(32, 3), View(24, 3), View(18, 3), View(frames=3, blur_px=1.5), View(frames=3, light=0.2))
FACES_A_VIEW = 200
WEIGHTS = "weights"  # what the settings of a trained fusion hold, as YAML

Array = np.ndarray[Any, np.dtype[np.float64]]


def answers_of(held_out: HeldOut) -> dict[Modality, list[Answers]]:
    """Of each modality: the answers to its inputs as they are, then to the same made worse."""
    return {
        Modality.FACE: [held_out.seen(), *(held_out.seen(view, FACES_A_VIEW) for view in VIEWS)],
        Modality.AUDIO: [
            held_out.voices(),
            *(held_out.voices(snr_db=snr) for snr in SNR_DB),
            held_out.voices(longest_s=SHORTEST_S),
        ],
        Modality.TEXT: [held_out.text(), *(held_out.text(wrong=wrong) for wrong in WRONG_WORDS)],
    }


def fit_weights(
    answers: dict[Modality, list[Answers]],
    priors: dict[Modality, tuple[float, ...]],
    names: dict[Modality, str],
    tuples: Iterable[Tuples],
    target: Array,
) -> FusionWeights:
    """The worth of each modality by the quality of its input; then what agreement is worth, on tuples."""
    worths = {m: fit_worth(parts, priors[m], target, names[m]) for m, parts in answers.items()}
    found = list(tuples)

    def of_all(modality: Modality) -> tuple[Array, Array]:
        rows = [t.answers[modality] for t in found]
        ratios = np.concatenate([likelihood_ratios(a, priors[modality]) for a in rows])
        quality = np.concatenate([a.quality for a in rows])
        return ratios, np.array([worths[modality](q) if q > 0 else 0.0 for q in quality])

    ratios, trusts = zip(*(of_all(m) for m in Modality), strict=True)
    labels = np.concatenate([t.labels for t in found])
    return FusionWeights(worths, fit_independence(ratios, trusts, labels, target))


def with_weights(experts: Experts, weights: FusionWeights, names: dict[Modality, str]) -> Experts:
    """The same experts, weighed anew."""
    changed = {}
    for modality, name in names.items():
        expert = experts.of(modality)
        assert expert is not None
        changed[modality.value] = replace(expert, worth=weights.worth(modality, name))
    return replace(experts, independence=weights.independence, **changed)  # type: ignore[arg-type]


def train_fusion(
    data: Path, run: Path, *, models: Path, seed: int = 1, command: str = "", progress: bool = True
) -> Trained:
    """Fit on one half of what the models of a folder were not trained on; report on the other half."""
    target = np.asarray(FusionOptions().target_prior)
    target = target / target.sum()
    fit, rest = (HeldOut(data, models, first=first) for first in (True, False))
    names = {m: entry.name for m, entry in fit.entries.items()}
    priors = {m: entry.prior for m, entry in fit.entries.items()}
    weights = fit_weights(answers_of(fit), priors, names, draw(fit, fit.text(), seed), target)
    experts = with_weights(rest.experts, weights, names)
    counts = (len(rest.lines), len(rest.clips), len(rest.faces))
    tuples, alone = (draw(rest, rest.text(context=context), seed) for context in (True, False))
    found = evaluate_tuples(experts, tuples, alone, counts)
    told = {**found.as_mapping(), "on": tuples_of(*counts), "kind": "synthetic"}
    metrics = {**summary(FUSION, told), "independence": weights.independence}
    sources = [fit.entries[m] for m in Modality]
    trained = Trained(
        FUSION,
        {WEIGHTS: write_weights(weights).decode()},
        {},
        Report(
            prior=tuple(target.tolist()),
            reliability=found.scores.weighted_f1,
            metrics=rounded(metrics, 5),
            data=("MELD dev", "the speech corpora's held-out speakers", "FER2013 validation"),
            terms=" ".join(dict.fromkeys(entry.terms for entry in sources)),
            command=command,
            about="How far each of "
            + ", ".join(entry.name for entry in sources)
            + " can be relied on, by the quality of its input (face: size, light, sharpness, number of frames; voice: "
            "signal-to-noise ratio, length; words: the recogniser's confidence, how many are known), and how much "
            "modalities that agree add to each other's certainty. Fitted on held-out inputs, as they are and made "
            "worse. The classes' shares in each model's training are divided out before.",
            limits=(
                "Synthetic tuples match a line, a voice and a face by their label alone, so that they err "
                "independently of each other; people do not. The figures compare subsets, and are no accuracy.",
                "On real talk agreement is worth less than here: the parameter fusion.independence lowers it.",
                "It holds for the models named; another model is weighed by its reliability.",
                "Few voices are held out: the calibration error of the voice alone cannot be told apart from what a "
                "calibrated model would show by chance, which stands beside it.",
                "Validation data chose the models' epochs and temperatures as well: they are not wholly unseen.",
            ),
        ),
    )
    trained.save(run)
    return trained


def export_fusion(name: str, trained: Trained, models: Path) -> ModelEntry:
    """Write `models`/NAME.yaml, its entry as the one in use, its record, card, and the table of models.

    Raises ModelError for a name that is none or another task's.
    """
    check_new(models, name, FUSION)
    path, report = models / f"{name}.yaml", trained.report
    content = trained.settings.get(WEIGHTS, "").encode()
    weights = read_weights(content, "the weights of this run")
    entry = ModelEntry(
        name=name,
        file=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        task=FUSION,
        inputs={"probabilities": TensorSpec("float32", (None, 3, 7)), "quality": TensorSpec("float32", (None, 3))},
        outputs={"probabilities": TensorSpec("float32", (None, 7)), "weights": TensorSpec("float32", (None, 3))},
        prior=tuple(report.prior),
        reliability=float(report.reliability),
        metrics=dict(report.metrics),
        data=tuple(report.data),
        terms=report.terms,
        command=report.command,
        default=True,
    )
    models.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    count = 1 + sum(len(worth.trust) for worth in weights.worths.values())
    write_record(models, name, Record(report.about, tuple(report.limits), report.metrics["split"], count))
    add_entry(models, entry)
    write_card(models, entry)
    write_table(models)
    return entry
