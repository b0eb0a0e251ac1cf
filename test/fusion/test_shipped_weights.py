"""The weights that ship are those of the models that ship, and are what the live fusion uses."""

import numpy as np
import pytest

from mer_ros.emotion import Modality
from mer_ros.evaluation.held_out import TASKS
from mer_ros.experts import UNFITTED_INDEPENDENCE, ExpertOptions, load_experts, load_weights
from mer_ros.inference import load_manifest
from mer_ros.inference.manifest import FUSION, choose_entry


def test_they_were_fitted_on_the_default_models(models_dir):
    weights = load_weights(models_dir)
    assert weights is not None
    entries = load_manifest(models_dir)
    for modality, task in TASKS.items():
        name = choose_entry(entries, task).name
        assert weights.worth(modality, name) is not None, f"{name} is new: mer train fusion, mer export fusion"
    experts, _ = load_experts(ExpertOptions(models_dir, device="cpu"))
    assert experts.independence == weights.independence
    for modality in Modality:
        assert experts.of(modality).trust(0.5) == weights.worths[modality](0.5)


def test_another_model_is_weighed_by_its_reliability(models_dir):
    other = next(e for e in load_manifest(models_dir) if e.task == "text" and not e.default)
    options = ExpertOptions(models_dir, "cpu", (Modality.TEXT,), {"text": other.name}, dialogue=False)
    experts, _ = load_experts(options)
    assert experts.text.trust(0.5) == pytest.approx(other.reliability / 2)


def test_a_folder_without_weights_is_no_fault(tmp_path):
    from model_files import add_model

    add_model(tmp_path, "text", name="a")
    assert load_weights(tmp_path) is None
    assert 0 <= UNFITTED_INDEPENDENCE <= 1


def test_the_card_tells_what_was_measured_and_calls_it_synthetic(models_dir):
    entry = choose_entry(load_manifest(models_dir), FUSION)
    assert "synthetic" in entry.metrics["split"]
    subsets = entry.metrics["synthetic_tuples, without the dialogue model"]
    assert len(subsets) == 7
    for name, row in subsets.items():
        assert row["accuracy"] >= max(subsets[part]["accuracy"] for part in name.split("+"))
    assert subsets["face+audio+text"]["ece"] <= 0.05
    assert entry.metrics["synthetic_ece"] <= 0.05
    named = entry.metrics["synthetic_tuples at a least confidence, all three with the dialogue model"]
    for row in named.values():
        assert row["accuracy"] == pytest.approx(row["mean_confidence"], abs=0.05)
    assert np.all(np.diff([row["accuracy"] for row in named.values()]) > 0)
