from __future__ import annotations

import numpy as np
import pytest
from model_files import add_model, make_entry, save_mean, save_text

from mer_ros.errors import InputError, ModelError, OptionError
from mer_ros.inference import Model, TensorSpec, load_model
from mer_ros.inference.providers import choose_providers, device_of

CPU, CUDA, TRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"


@pytest.fixture
def text(tmp_path):
    add_model(tmp_path, "text")
    return load_model(tmp_path, "text", device="cpu")


@pytest.fixture
def speech(tmp_path):
    add_model(tmp_path, "speech")
    return load_model(tmp_path, "speech", device="cpu")


def tokens(*words, length=20):
    row = np.full((1, length), "", object)
    row[0, : len(words)] = words
    return row


def test_text_runs(text):
    out = text.run(tokens=tokens("so", "happy"))
    assert set(out) == {"probabilities"}
    assert out["probabilities"].shape == (1, 7)
    assert out["probabilities"].dtype == np.float32
    assert out["probabilities"][0].argmax() == 3
    assert text.provider == "cpu"
    assert text.entry.name == "tiny-text"


def test_numpy_strings_are_taken(text):
    np.testing.assert_array_equal(
        text.run(tokens=tokens("sad").astype("U8"))["probabilities"], text.run(tokens=tokens("sad"))["probabilities"]
    )


def test_a_batch_is_its_rows(speech):
    features = np.random.default_rng(1).normal(size=(3, 100, 34)).astype(np.float32)
    rows = [speech.run(features=f[None])["probabilities"][0] for f in features]
    np.testing.assert_allclose(speech.run(features=features)["probabilities"], rows, atol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({}, "given nothing"),
        ({"other": np.zeros((1, 100, 34), np.float32)}, "takes features"),
        ({"features": np.zeros((1, 100, 34))}, "float64"),
        ({"features": np.zeros((1, 100, 33), np.float32)}, r"\[1, 100, 33\]"),
        ({"features": np.zeros((100, 34), np.float32)}, r"float32 \[n, 100, 34\]"),
        ({"features": np.zeros((0, 100, 34), np.float32)}, r"\[0, 100, 34\]"),
        ({"features": np.full((1, 100, 34), np.nan, np.float32)}, "NaN"),
        ({"features": np.full((1, 100, 34), np.inf, np.float32)}, "infinity"),
    ],
)
def test_odd_input(speech, arrays, sentence):
    with pytest.raises(InputError, match=sentence):
        speech.run(**arrays)


@pytest.mark.parametrize("odd", [np.zeros((1, 20), np.float32), np.full((1, 20), None), np.full((1, 20), 3, object)])
def test_odd_tokens(text, odd):
    with pytest.raises(InputError, match="tokens"):
        text.run(tokens=odd)


def test_batches_that_differ(tmp_path):
    add_model(tmp_path, "face")
    face = load_model(tmp_path, "face")
    with pytest.raises(InputError, match=r"\[1, 2\]"):
        face.run(face=np.zeros((2, 96, 96, 3), np.uint8), context=np.zeros((1, 112, 150, 3), np.uint8))


def test_input_need_not_be_contiguous(speech):
    features = np.random.default_rng(1).normal(size=(100, 34, 1)).astype(np.float32)
    moved = np.moveaxis(features, 2, 0)
    np.testing.assert_array_equal(
        speech.run(features=moved)["probabilities"], speech.run(features=moved.copy())["probabilities"]
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"inputs": {"sound": TensorSpec("float32", (None, 100, 34))}}, "inputs are features"),
        ({"inputs": {"features": TensorSpec("float32", (None, 50, 34))}}, "input features"),
        ({"inputs": {"features": TensorSpec("float32", (None, None, 34))}}, "input features"),
        ({"inputs": {"features": TensorSpec("uint8", (None, 100, 34))}}, "input features"),
        (
            {
                "outputs": {
                    "probabilities": TensorSpec("float32", (None, 7)),
                    "sentiment_probabilities": TensorSpec("float32", (None, 3)),
                }
            },
            "outputs are probabilities",
        ),
    ],
)
def test_a_file_that_breaks_its_promise(tmp_path, changes, sentence):
    save_mean(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=sentence):
        Model(tmp_path, make_entry(tmp_path / "m.onnx", "speech", **changes))


def test_logits_are_not_probabilities(tmp_path):
    save_mean(tmp_path / "m.onnx", softmax=False)
    with pytest.raises(ModelError, match="sum to 0"):
        Model(tmp_path, make_entry(tmp_path / "m.onnx", "speech"))


def test_a_graph_may_take_more_than_the_manifest_promises(tmp_path):
    save_mean(tmp_path / "m.onnx", shape=("frames", 34))
    model = Model(tmp_path, make_entry(tmp_path / "m.onnx", "speech"))
    with pytest.raises(InputError, match="100"):
        model.run(features=np.zeros((1, 99, 34), np.float32))


def test_what_is_no_onnx(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="cannot be opened by ONNX Runtime") as caught:
        Model(tmp_path, make_entry(tmp_path / "m.onnx", "text"))
    assert "\n" not in str(caught.value)


def test_an_altered_file_is_not_run(tmp_path):
    add_model(tmp_path, "text")
    save_text(tmp_path / "tiny-text.onnx", length=10)
    with pytest.raises(ModelError, match="altered"):
        load_model(tmp_path, "text")


@pytest.mark.parametrize(
    ("device", "have", "wanted"),
    [
        ("auto", [CPU], [CPU]),
        ("auto", [CPU, CUDA], [CUDA, CPU]),
        ("auto", [TRT, CUDA, CPU], [TRT, CUDA, CPU]),
        ("auto", ["AzureExecutionProvider", CPU], [CPU]),
        ("cpu", [TRT, CUDA, CPU], [CPU]),
        ("cuda", [TRT, CUDA, CPU], [CUDA, CPU]),
        ("tensorrt", [TRT, CUDA, CPU], [TRT, CPU]),
    ],
)
def test_devices(device, have, wanted):
    assert choose_providers(device, have) == wanted


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_device_that_is_not_there(device):
    with pytest.raises(OptionError, match="has only: cpu"):
        choose_providers(device, ["AzureExecutionProvider", CPU])


def test_a_device_whose_libraries_are_missing(tmp_path, monkeypatch):
    """ONNX Runtime may list CUDA and then, for want of a library, open the session on the CPU."""
    add_model(tmp_path, "text")
    monkeypatch.setattr("mer_ros.inference.model.choose_providers", lambda device: [CPU])
    with pytest.raises(OptionError, match="has only: cpu"):
        load_model(tmp_path, "text", device="cuda")


def test_unknown_device():
    with pytest.raises(OptionError, match="auto, tensorrt, cuda, cpu"):
        choose_providers("gpu")


def test_device_names():
    assert [device_of(p) for p in (CPU, CUDA, TRT)] == ["cpu", "cuda", "tensorrt"]
