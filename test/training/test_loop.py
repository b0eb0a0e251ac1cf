"""The loop: the same seed gives the same weights, also when a run was stopped and resumed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs torch, which is not installed")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from mer_ros.errors import OptionError  # noqa: E402
from mer_ros.evaluation.scores import score  # noqa: E402
from mer_ros.training.calibration import fit_temperature, softmax  # noqa: E402
from mer_ros.training.curves import read_histories  # noqa: E402
from mer_ros.training.loop import FitOptions, fit, set_bfloat16, shuffled, steps_of, use_bfloat16  # noqa: E402

GENERATOR = np.random.default_rng(1)
DATA = (torch.from_numpy(GENERATOR.normal(size=(64, 5)).astype(np.float32)), torch.arange(64) % 3)
OPTIONS = FitOptions(epochs=4, batch_size=16, learning_rate=1e-2, average=0.5)


class Stopped(Exception):
    pass


def run(options=OPTIONS, folder=None, stop_in=None, score=None, until=None, data=DATA):
    torch.manual_seed(options.seed)
    network = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
    steps = []

    def batches(generator):
        return shuffled(data, options.batch_size, generator)

    def loss(network, batch):
        steps.append(1)
        if stop_in is not None and len(steps) > 4 * stop_in:
            raise Stopped
        return functional.cross_entropy(network(batch[0]), batch[1])

    history = fit(network, loss, batches, 4, options, run=folder, score=score, until=until, progress=False)
    return network.state_dict(), history, len(steps) // 4


def same(one, two):
    return all(torch.equal(a, b) for a, b in zip(one.values(), two.values(), strict=True))


def test_the_seed_decides_everything():
    assert same(run()[0], run()[0])
    assert not same(run()[0], run(replace(OPTIONS, seed=2))[0])


def test_a_pass_that_ends_early_is_the_beginning_of_the_whole(tmp_path):
    weights, history, _ = run(folder=tmp_path, until=2)
    _, whole, _ = run()
    assert [row["lr"] for row in history] == [row["lr"] for row in whole[:2]]
    assert [row["loss"] for row in history] == [row["loss"] for row in whole[:2]]
    assert same(weights, run(folder=tmp_path, until=2)[0])  # resumed, there is nothing left to do
    assert same(run(folder=tmp_path)[0], run()[0])  # and it can still be finished


def test_a_resumed_run_ends_like_one_that_was_not_stopped(tmp_path):
    with pytest.raises(Stopped):
        run(folder=tmp_path, stop_in=2)
    weights, history, epochs = run(folder=tmp_path)
    assert epochs == 2
    whole, whole_history, _ = run()
    assert same(weights, whole)
    timeless = [[{k: v for k, v in row.items() if k != "seconds"} for row in rows] for rows in (history, whole_history)]
    assert timeless[0] == timeless[1]
    assert run(folder=tmp_path)[2] == 0  # finished: nothing is left to do


def test_the_history_is_kept_and_drawn(tmp_path):
    scores = iter([0.1, 0.2, 0.3, 0.4])
    _, history, _ = run(folder=tmp_path / "phase", score=lambda network: next(scores))
    assert [set(row) for row in history] == [{"epoch", "loss", "score", "lr", "seconds"}] * 4
    assert [row["score"] for row in history] == [0.1, 0.2, 0.3, 0.4]
    assert history[-1]["lr"] < history[0]["lr"] <= OPTIONS.learning_rate  # one cycle
    assert read_histories(tmp_path) == {"phase": history}
    with Image.open(tmp_path / "phase" / "curves.png") as picture:
        assert picture.format == "PNG"
        assert len(np.unique(np.asarray(picture.convert("L")))) > 4  # lines and words


def test_a_rate_of_nothing_keeps_a_parameter():
    before, after = nn.Linear(5, 3), nn.Linear(5, 3)
    after.load_state_dict(before.state_dict())

    def loss(network, batch):
        return functional.cross_entropy(network(batch[0]), batch[1])

    def rate(name):
        return 0.0 if name == "weight" else 1.0

    fit(after, loss, lambda g: shuffled(DATA, 16, g), 4, replace(OPTIONS, average=0.0), rate=rate, progress=False)
    assert torch.equal(before.weight, after.weight)
    assert not torch.equal(before.bias, after.bias)


def test_mixed_precision_is_used_when_told(monkeypatch):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": True})
    assert use_bfloat16(True)
    assert not use_bfloat16(False)
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx2": True})
    assert not use_bfloat16(True)
    single = run()[0]
    try:
        set_bfloat16("on")
        assert use_bfloat16(False)
        assert not same(run()[0], single)
        set_bfloat16("off")
        assert same(run(replace(OPTIONS, bfloat16=True))[0], single)
    finally:
        set_bfloat16("auto")
    with pytest.raises(OptionError, match="auto, on, off"):
        set_bfloat16("maybe")


def test_the_arrival_is_told(capsys):
    run_options = replace(OPTIONS, epochs=2)
    network = nn.Linear(5, 3)

    def loss(network, batch):
        return functional.cross_entropy(network(batch[0]), batch[1])

    fit(network, loss, lambda g: shuffled(DATA, 16, g), 4, run_options)
    lines = [line for line in capsys.readouterr().err.splitlines() if "loss" in line and " s" in line]
    assert any("fit 1/2: loss" in line and "the last at about" in line for line in lines)


def test_a_checkpoint_of_other_options_is_refused(tmp_path):
    run(folder=tmp_path)
    with pytest.raises(OptionError, match="other options"):
        run(replace(OPTIONS, learning_rate=1e-3), folder=tmp_path)


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    features, labels = DATA
    run(folder=tmp_path, until=2)
    for other in ((features * 1.1, labels), (features, 2 - labels), (features[:63], labels[:63])):
        with pytest.raises(OptionError, match="made of other data") as refused:
            run(folder=tmp_path, data=other)
        assert str(tmp_path) in str(refused.value)
    assert run(folder=tmp_path, data=(features * (1 + 1e-5), labels))[2] == 2  # as another processor rounds


def test_a_checkpoint_of_other_labels_or_another_start_is_refused(tmp_path):
    features, labels = DATA
    row = torch.eye(3)[labels]  # any labels have the same mean and deviation so
    run(folder=tmp_path, until=2, data=(features, row))
    with pytest.raises(OptionError, match="made of other data"):
        run(folder=tmp_path, data=(features, row.roll(1, dims=1)))

    def begun(seed):
        torch.manual_seed(seed)
        network = nn.Linear(5, 3)

        def loss(network, batch):
            return functional.cross_entropy(network(batch[0]), batch[1])

        fit(network, loss, lambda g: shuffled(DATA, 16, g), 4, OPTIONS, run=tmp_path / "start", progress=False)

    begun(1)
    begun(1)
    with pytest.raises(OptionError, match="began with another network"):
        begun(2)


@pytest.mark.parametrize(
    "content",
    [b"", b"rubbish", {"optimiser": None}, {"network": {}}, {"averaged": []}, {"state": {}}, {"began": [1]}, None],
)
def test_a_broken_checkpoint_is_told_in_a_sentence(tmp_path, content):
    run(folder=tmp_path, until=1)
    file = tmp_path / "checkpoint.pt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        whole = torch.load(file, weights_only=True)
        torch.save({"options": whole["options"]} if content is None else {**whole, **content}, file)
    with pytest.raises(OptionError, match="cannot be read, or is of another version; remove"):
        run(folder=tmp_path)


def test_missing_numbers_are_no_other_data(tmp_path):
    features, labels = DATA
    missing = features.clone()
    missing[0, 0] = float("nan")
    run(folder=tmp_path, until=1, data=(missing, labels))
    run(folder=tmp_path, until=2, data=(missing, labels))


@pytest.mark.parametrize(("share", "steps"), [(0.2, 4), (0.1, 9), (0.05, 19)])
def test_a_warm_up_of_a_single_step(share, steps):
    network = nn.Linear(5, 3)

    def loss(network, batch):
        return functional.cross_entropy(network(batch[0]), batch[1])

    options = FitOptions(epochs=1, batch_size=2, learning_rate=1e-2, warm_up=share)
    rows = tuple(column[: 2 * steps] for column in DATA)
    history = fit(network, loss, lambda g: shuffled(rows, 2, g), steps, options, progress=False)
    assert np.isfinite(history[0]["loss"])


def test_the_best_weights_are_kept():
    scores = iter([0.1, 0.9, 0.2, 0.3])
    seen = []

    def score(network):
        seen.append({k: v.clone() for k, v in network.state_dict().items()})
        return next(scores)

    weights = run(replace(OPTIONS, keep="best"), score=score)[0]
    assert same(weights, seen[1])


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 0}, {"average": 1.0}, {"keep": "first"}])
def test_options_are_checked(wrong):
    with pytest.raises(OptionError):
        FitOptions(**wrong)


def test_batches_cover_a_pass_and_follow_the_chances():
    rows = torch.arange(70)
    batches = list(shuffled((rows,), 16, np.random.default_rng(1)))
    assert len(batches) == steps_of(70, 16) == 4
    assert len({int(i) for (part,) in batches for i in part}) == 64
    chances = np.zeros(70)
    chances[[3, 5]] = 0.5
    drawn = torch.cat([part for (part,) in shuffled((rows,), 16, np.random.default_rng(1), chances)])
    assert set(drawn.tolist()) == {3, 5}
    assert [len(part) for (part,) in shuffled((rows[:5],), 16, np.random.default_rng(1))] == [5]


def test_temperature_makes_confidence_true():
    generator = np.random.default_rng(1)
    true_logits = generator.normal(size=(4000, 7)) * 1.5
    chances = softmax(true_logits)
    labels = np.array([generator.choice(7, p=p) for p in chances])
    temperature = fit_temperature(true_logits * 3.0, labels)
    assert temperature == pytest.approx(3.0, rel=0.1)
    before = score(labels, softmax(true_logits * 3.0)).ece
    after = score(labels, softmax(true_logits * 3.0, temperature)).ece
    assert after < 0.03 < before
