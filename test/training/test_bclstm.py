"""The causal bc-LSTM: learns from the past, knows nothing of what is said later, and runs live as it was trained."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from mer_ros.corpora.text import Lines  # noqa: E402
from mer_ros.emotion import EMOTIONS  # noqa: E402
from mer_ros.inference import load_model  # noqa: E402
from mer_ros.text.conversation import Said  # noqa: E402
from mer_ros.text.emotion import TextEmotion  # noqa: E402
from mer_ros.training.bclstm import TURNS, fit_turns, turns_batch, turns_graph, turns_logits  # noqa: E402
from mer_ros.training.export import export  # noqa: E402
from mer_ros.training.glove import Vocabulary  # noqa: E402
from mer_ros.training.loop import FitOptions  # noqa: E402
from mer_ros.training.networks.bclstm import DialogueLstm, TurnsNet  # noqa: E402
from mer_ros.training.networks.text import TextNet  # noqa: E402
from mer_ros.training.trained import Report, Trained  # noqa: E402

WORDS = ("", "<unknown>", "good", "bad", "day", "not", ".")


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network():
    torch.manual_seed(3)
    utterance = TextNet("cnn", torch.randn(len(WORDS), 16))
    utterance.words.compress()
    return TurnsNet(utterance, DialogueLstm(utterance.encoder.features)).eval()


def rows(texts):
    return torch.from_numpy(Vocabulary(WORDS, np.zeros((len(WORDS), 0), np.float32)).ids(texts))


def lines(dialogues, rng, said):
    """In each dialogue the first line tells the label of all that follow."""
    labels = np.repeat(rng.integers(0, 2, dialogues), 4)
    n = len(labels)
    return Lines(
        tuple(("good" if label else "bad") if i % 4 == 0 else said for i, label in enumerate(labels)),
        np.eye(len(EMOTIONS), dtype=np.float32)[labels],
        labels.astype(np.int64),
        np.repeat(np.arange(dialogues), 4),
        np.tile(np.arange(4), dialogues),
        ("",) * n,
    )


def test_it_learns_what_only_the_past_tells():
    rng = np.random.default_rng(1)
    net = network()
    with torch.no_grad():
        parts = [
            (part, turns_batch(part, net.features(rows(part.texts))))
            for part in (lines(60, rng, "not"), lines(30, rng, "not"))
        ]
    options = FitOptions(epochs=25, batch_size=20, learning_rate=1e-2)
    weights = np.ones(len(EMOTIONS), np.float32)
    fit_turns(net.dialogue, parts[0][1], parts[1], weights, options, progress=False)
    told = turns_logits(net.dialogue, parts[1][1])[0].argmax(axis=1)
    assert (told == parts[1][0].labels).mean() > 0.95


def test_what_is_said_later_changes_nothing():
    net = network()
    turns = torch.randn(1, 9, net.encoder.features, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = net.dialogue(turns)[0]
        for count in range(1, 9):
            changed = turns.clone()
            changed[:, count:] = 7.0
            assert torch.allclose(net.dialogue(changed)[0][:, :count], whole[:, :count], atol=1e-6)
            assert not torch.allclose(net.dialogue(changed)[0][:, count:], whole[:, count:], atol=1e-3)


def test_the_file_answers_turn_by_turn_as_the_network_does_on_the_whole_dialogue(tmp_path):
    net = network()
    metrics = {"split": "made up", "n": 1, "weighted_f1": 0.5}
    report = Report((1 / 7,) * 7, 0.5, metrics, ("made up",), "none", "none", "A test.", ("None.",))
    trained = Trained("text", {"arch": "bclstm"}, net.state_dict(), report, (1.0, 1.0), WORDS)
    entry = export("text-turns", trained, turns_graph, tmp_path)
    assert entry.inputs["tokens"].shape == (None, TURNS, 20)
    emotion = TextEmotion(load_model(tmp_path, "text"))
    texts = ["good day.", "not bad", "bad!", "a day", "not", "good good"]
    with torch.no_grad():
        wanted = torch.softmax(net.dialogue(net.features(rows(texts)[None]))[0][0], dim=1).numpy()
    for i, text in enumerate(texts):
        given = emotion.estimate(text, past=[Said(past) for past in texts[:i]])
        assert np.allclose(given.probabilities, wanted[i], atol=1e-4)
    alone = emotion.estimate(texts[-1])
    assert not np.allclose(alone.probabilities, wanted[-1], atol=1e-4), "the past counts"
    assert emotion.estimate("xyzzy", past=[Said("good")]).reason == "no known words"
    long = [Said(f"{'good' if i % 2 else 'bad'} day") for i in range(40)]
    kept = emotion.estimate("not", past=long[-TURNS + 1 :]).probabilities
    assert np.array_equal(emotion.estimate("not", past=long).probabilities, kept), "the oldest turns are left out"
