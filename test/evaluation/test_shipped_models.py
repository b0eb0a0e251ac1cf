"""The shipped models answer as they did when they were exported, and score about as their cards say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from golden import FILE, answers

from mer_ros.corpora.faces import read_faces
from mer_ros.corpora.speech import read_clips
from mer_ros.corpora.text import read_meld
from mer_ros.evaluation.run import data_file, evaluate_face, evaluate_speech, evaluate_text, held_out_speakers
from mer_ros.inference import load_manifest, load_model

TOLERANCE = 1e-3  # in probability; processors round otherwise
QUANTISED = {"text-minilm-dialogue": 0.1, "speech-encoder": 0.1}  # 8-bit activations make more of that
SAMPLE, CLIPS = 150, 60


def test_generated_inputs_are_answered_as_ever(models_dir):
    known = json.loads(FILE.read_text())
    entries = [entry for entry in load_manifest(models_dir) if entry.task != "fusion"]
    mend = "run `python test/evaluation/golden.py` when that is meant"
    assert {entry.name: entry.sha256 for entry in entries} == {n: m["sha256"] for n, m in known.items()}, mend
    for entry in entries:
        rows, wanted = np.array(answers(models_dir, entry)), np.array(known[entry.name]["rows"])
        assert np.abs(rows - wanted).max() < QUANTISED.get(entry.name, TOLERANCE), f"{entry.name}: {mend}"
        assert np.ptp(wanted, axis=0).max() > 1e-3, f"{entry.name} gives one answer to everything"


@pytest.mark.parametrize("task", ["text", "speech", "face"])
def test_a_sample_of_the_validation_scores_as_the_card_says(task, models_dir, shared):
    path = data_file(shared / "data", task)
    if not path.is_file():
        pytest.skip(f"no validation data for {task}: {path.name} is missing")
    model = load_model(models_dir, task, None, "cpu")
    if task == "text":
        lines = read_meld(path)
        found = evaluate_text(model, lines.rows(np.arange(SAMPLE)))
    elif task == "speech":
        clips = read_clips(path, held_out_speakers(model.entry))
        found = evaluate_speech(model, clips.rows(np.random.default_rng(1).permutation(len(clips))[:CLIPS]))
    else:
        found = evaluate_face(model, read_faces(path).rows(np.arange(SAMPLE)))
    assert found.unavailable <= 2
    slack = 3 * (0.25 / found.scores.n) ** 0.5  # three standard deviations of a share
    assert abs(found.scores.accuracy - model.entry.metrics["accuracy"]) < slack
