"""The speech model on the recogniser's encoder: its weights, its training, its export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("moonshine_voice")
pytest.importorskip("onnx")

# ruff: noqa: E402
from mer_ros.audio.prosody import PROSODY_NAMES, prosody
from mer_ros.corpora.speech import Clips
from mer_ros.errors import InputError, MissingDependencyError
from mer_ros.training import moonshine, voice_copies
from mer_ros.training.export import disagreement, write_onnx
from mer_ros.training.moonshine import encoder_file, load_encoder
from mer_ros.training.networks.voice import POOLED, VoiceBranch, VoiceNet
from mer_ros.training.networks.voice_encoder import frames_of
from mer_ros.training.trained import Report, Trained
from mer_ros.training.voice import VOICE_OPTIONS, _gather, _turns, branch_logits, fit_branch, voice_graph
from mer_ros.training.voice_copies import lower_layers, make_copies
from mer_ros.training.voices import vary_voice

RATE = 16_000
REPORT = Report((1 / 7,) * 7, 0.5, {"split": "x", "n": 1}, (), "", "", "", ())


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def buzz(hz, seconds, seed):
    t = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return 0.2 * sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 12)) + 0.01 * noise


def test_our_network_says_what_the_packages_file_says():
    """But for the 8-bit numbers that its activations are rounded to."""
    samples = buzz(140, 2.0, 1).astype(np.float32)[None]
    session = onnxruntime.InferenceSession(str(encoder_file()), providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {"input_values": samples, "attention_mask": np.ones(samples.shape, np.int64)})
    encoder = load_encoder()
    with torch.no_grad():
        ours = encoder.norm(encoder(torch.from_numpy(samples))[-1]).numpy()
    assert ours.shape == theirs.shape == (1, frames_of(samples.shape[1]), 288)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.998


def test_padding_changes_nothing():
    encoder = load_encoder()
    samples = torch.from_numpy(buzz(140, 1.0, 1).astype(np.float32))[None]
    padded = torch.cat((samples, torch.zeros(1, 4000)), dim=1)
    with torch.no_grad():
        alone = encoder(samples)[-1]
        beside = encoder(padded, torch.tensor([samples.shape[1]]))[-1][:, : alone.shape[1]]
    torch.testing.assert_close(beside, alone, atol=0.01, rtol=1e-3)


def test_a_missing_package_is_named(monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install moonshine-voice"):
        moonshine.encoder_file()


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Twelve made-up voices, low and high, in two copies; their labels tell which."""
    run = tmp_path_factory.mktemp("run")
    voices = [buzz(hz, 0.4 + 0.03 * i, i) for i, hz in enumerate([110, 290] * 6)]
    pieces = [np.round(v * 8000).astype(np.int16) for v in voices]
    voice_copies._save(run / "voices.npz", lengths=[len(p) for p in pieces], samples=np.concatenate(pieces))
    clips = Clips(
        tuple(Path(f"{i}.flac") for i in range(12)), np.array([0, 5] * 6), tuple(f"tess-{i % 3}" for i in range(12))
    )
    return run, clips, make_copies(clips, run, 2, progress=False)


def test_copies_are_kept_and_the_same_again(copies, tmp_path):
    run, clips, made = copies
    (tmp_path / "voices.npz").write_bytes((run / "voices.npz").read_bytes())
    again = make_copies(clips, tmp_path, 2, progress=False)
    for one, other in zip(made, again, strict=True):
        np.testing.assert_array_equal(one.prosody, other.prosody)
        for mine, yours in zip(one.frames, other.frames, strict=True):
            np.testing.assert_array_equal(mine, yours)
    assert [len(f) for f in made[0].frames] != [len(f) for f in made[1].frames]
    with pytest.raises(InputError, match="of 12 clips, not 3"):
        make_copies(clips.rows(np.arange(3)), run, 2, progress=False)


def test_a_branch_learns_and_its_export_agrees(copies, tmp_path):
    _, clips, made = copies
    options = replace(VOICE_OPTIONS, epochs=8, batch_size=6)
    branch = fit_branch(clips, made, np.arange(12), options, run=tmp_path / "fit", progress=False)
    again = fit_branch(clips, made, np.arange(12), options, run=tmp_path / "fit", progress=False)  # from its checkpoint
    logits = branch_logits([branch], made[0], np.arange(12))
    np.testing.assert_array_equal(branch_logits([again], made[0], np.arange(12)), logits)
    assert (logits.argmax(axis=1) == clips.labels).mean() > 0.9

    weights = VoiceNet(lower_layers(), [branch]).state_dict()
    trained = Trained("speech", {"arch": "encoder", "branches": 1}, weights, REPORT, (1.3,))
    trained.save(tmp_path / "run")
    graph = voice_graph(trained)
    assert list(graph.inputs) == ["samples", "prosody"]
    plain, small = tmp_path / "plain.onnx", tmp_path / "small.onnx"
    write_onnx(replace(graph, finish=None), plain)
    assert disagreement(graph, plain) < 1e-4
    write_onnx(graph, small)
    assert disagreement(graph, small) < graph.tolerance
    assert small.stat().st_size < 13e6 < plain.stat().st_size

    session = onnxruntime.InferenceSession(str(plain), providers=["CPUExecutionProvider"])
    sound = buzz(110, 1.0, 3).astype(np.float32)

    def told(samples):
        feed = {"samples": samples[None].astype(np.float32), "prosody": prosody(samples)[None]}
        return session.run(None, feed)[0][0]

    for gain in (1e-2, 1e2):
        np.testing.assert_allclose(told(sound * gain), told(sound), atol=1e-4)
    for count in (1, 500, 20 * RATE):
        assert np.isfinite(told(np.resize(sound, count))).all()
    assert np.isfinite(told(np.zeros(RATE))).all()


def test_a_batch_is_answered_as_its_clips_alone(copies):
    _, _, made = copies
    torch.manual_seed(1)
    branch = VoiceBranch(torch.zeros(POOLED + len(PROSODY_NAMES)), torch.ones(POOLED + len(PROSODY_NAMES))).eval()
    rows = np.array([0, 5, 11])
    frames, numbers, lengths = _gather(made, rows, np.zeros(3, np.int64))
    with torch.no_grad():
        together = branch(frames, numbers, _turns(frames), lengths).numpy()
    np.testing.assert_allclose(together, branch_logits([branch], made[0], rows), atol=1e-3)


def test_varied_voices_are_finite_and_repeatable():
    clip, others = buzz(140, 1.0, 1), [buzz(220, 0.5, 2), buzz(90, 0.7, 3)]
    for seed in range(20):
        first, second = (vary_voice(clip, others, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(first, second)
        assert np.isfinite(first).all()
        assert 0.7 * RATE < len(first) < 1.2 * RATE
