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
from mer_ros.audio.prosody import prosody
from mer_ros.audio.voice_memory import MOST_HEARD
from mer_ros.corpora.speech import Clips
from mer_ros.errors import InputError, MissingDependencyError
from mer_ros.training import moonshine, voice_copies
from mer_ros.training.export import disagreement, write_onnx
from mer_ros.training.moonshine import encoder_file, load_encoder
from mer_ros.training.networks.voice import CALM, NEUTRAL, STYLES, VoiceNet, centre_of, without_calm
from mer_ros.training.networks.voice_encoder import frames_of
from mer_ros.training.trained import Report, Trained
from mer_ros.training.voice import voice_graph
from mer_ros.training.voice_copies import lower_layers, make_copies
from mer_ros.training.voice_fit import (
    HEAD_OPTIONS,
    VOICE_OPTIONS,
    _gather,
    _turns,
    fit_branch,
    fit_head,
    new_branch,
    voice_logits,
    voices_of,
)
from mer_ros.training.voice_past import NOTHING_HEARD, Pasts
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


@pytest.fixture(scope="module")
def voices(copies):
    _, clips, made = copies
    return voices_of(clips, made, np.arange(12))


def test_a_branch_and_a_head_learn_and_their_export_agrees(voices, tmp_path):
    rows, alone = np.arange(12), torch.zeros(12, voices.numbers.shape[2])
    options = replace(VOICE_OPTIONS, epochs=8, batch_size=6)
    branch = fit_branch(voices, rows, options, run=tmp_path / "fit", progress=False)
    head = fit_head(
        voices, rows, replace(HEAD_OPTIONS, batch_size=6, average=0.9), run=tmp_path / "head", progress=False
    )
    logits = voice_logits(voices, branch, [head], rows, alone)
    assert (logits.argmax(axis=1) == voices.clips.labels).mean() > 0.9
    again = fit_branch(voices, rows, options, run=tmp_path / "fit", progress=False)  # from its checkpoint
    np.testing.assert_array_equal(voice_logits(voices, again, [head], rows, alone), logits)

    weights = VoiceNet(lower_layers(), voices.pooled, [branch], [head]).state_dict()
    trained = Trained("speech", {"arch": "encoder", "branches": 1, "heads": 1}, weights, REPORT, (1.3, 0.9))
    trained.save(tmp_path / "run")
    graph = voice_graph(trained)
    assert list(graph.inputs) == ["samples", "prosody", "past", "heard"]
    plain, small = tmp_path / "plain.onnx", tmp_path / "small.onnx"
    write_onnx(replace(graph, finish=None), plain)
    assert disagreement(graph, plain) < 1e-4
    write_onnx(graph, small)
    assert disagreement(graph, small) < graph.tolerance
    assert small.stat().st_size < 0.45 * plain.stat().st_size

    session = onnxruntime.InferenceSession(str(plain), providers=["CPUExecutionProvider"])
    sound = buzz(110, 1.0, 3).astype(np.float32)

    def told(samples, past=0.0, heard=0.0):
        feed = {"samples": samples[None].astype(np.float32), "prosody": prosody(samples)[None]}
        feed |= {"past": np.full((1, alone.shape[1]), past, np.float32), "heard": np.full((1, 1), heard, np.float32)}
        return session.run(None, feed)[0][0]

    for gain in (1e-2, 1e2):
        np.testing.assert_allclose(told(sound * gain), told(sound), atol=1e-4)
    for count in (1, 500, 20 * RATE):
        assert np.isfinite(told(np.resize(sound, count))).all()
    assert np.isfinite(told(np.zeros(RATE))).all()
    np.testing.assert_array_equal(told(sound, past=1.0), told(sound))  # a mean of nothing counts for nothing
    assert np.abs(told(sound, past=1.0, heard=9.0) - told(sound)).max() > 1e-3


def test_a_batch_is_answered_as_its_clips_alone(voices):
    torch.manual_seed(1)
    branch = new_branch(voices.pooled).eval()
    rows = np.array([0, 5, 11])
    frames, numbers, lengths = _gather(voices.copies, rows, np.zeros(3, np.int64))
    centre = torch.randn(3, voices.numbers.shape[2])

    def asked(frames, numbers, centre, lengths=None):
        with torch.no_grad():
            return branch(frames, numbers, _turns(frames), centre, lengths).numpy()

    together = asked(frames, numbers, centre, lengths)
    for i in range(3):
        one = asked(frames[i : i + 1, : lengths[i]], numbers[i : i + 1], centre[i : i + 1])
        np.testing.assert_allclose(together[i], one[0], atol=1e-3)


def test_numbers_of_a_clip_are_those_that_its_branch_begins_with(voices):
    branch = new_branch(voices.pooled).eval()
    frames, numbers, _ = _gather(voices.copies, np.array([4]), np.ones(1, np.int64))
    with torch.no_grad():
        found = branch.states(frames, numbers, _turns(frames))[0][0]
    np.testing.assert_allclose(voices.numbers[1, 4], found, atol=1e-3)
    np.testing.assert_allclose(voices.numbers[0].mean(axis=0), 0.0, atol=1e-2)


def test_calm_counts_as_neutral():
    logits = torch.randn(5, STYLES)
    wanted = logits.softmax(dim=1)
    wanted[:, NEUTRAL] += wanted[:, CALM]
    torch.testing.assert_close(without_calm(logits).softmax(dim=1), wanted[:, :CALM])


def test_the_more_was_heard_the_more_a_person_counts():
    past = torch.ones(3, 2)
    centre = centre_of(past, torch.tensor([[0.0], [4.0], [1e9]]))
    torch.testing.assert_close(centre[:, 0], torch.tensor([0.0, 0.5, 1.0]))


def test_what_was_heard_before_is_of_the_same_speaker_and_of_other_clips():
    clips = Clips(tuple(map(Path, "abcdef")), np.array([0, 1, 2, 3, 4, 5]), ("x-1",) * 3 + ("x-2",) * 2 + ("x-3",))
    numbers = np.eye(6, dtype=np.float32)[None]
    pasts, generator = Pasts(clips, numbers), np.random.default_rng(1)
    empty = 0
    for _ in range(200):
        mean, heard = pasts.draw(np.arange(6), generator)
        assert not mean[5].any()  # the only clip of its speaker
        assert not heard[5].any()
        assert heard.max() <= MOST_HEARD
        np.testing.assert_allclose(mean[:5].sum(axis=1), heard[:5, 0] > 0, atol=1e-6)
        assert not np.diag(mean).any()
        assert not mean[:3, 3:].any()
        assert not mean[3:5, :3].any()
        empty += np.count_nonzero(heard[:5] == 0)
    assert 0.8 * NOTHING_HEARD < empty / 1000 < 1.5 * NOTHING_HEARD

    mean, heard = pasts.in_turn()
    assert sorted(heard[:3, 0]) == [0, 1, 2]
    assert sorted(heard[3:5, 0]) == [0, 1]
    np.testing.assert_allclose(mean.sum(axis=1), heard[:, 0] > 0, atol=1e-6)


def test_varied_voices_are_finite_and_repeatable():
    clip, others = buzz(140, 1.0, 1), [buzz(220, 0.5, 2), buzz(90, 0.7, 3)]
    for seed in range(20):
        first, second = (vary_voice(clip, others, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(first, second)
        assert np.isfinite(first).all()
        assert 0.7 * RATE < len(first) < 1.2 * RATE
