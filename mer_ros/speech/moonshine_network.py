"""Moonshine's two networks (arXiv 2410.15608), run by ONNX Runtime on one thread: samples in, token numbers out."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import ModelError
from mer_ros.inference import Session
from mer_ros.utterance import SAMPLE_RATE

FILES = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")
BEGIN, END = 1, 2
#: Moonshine's authors stop it there (model card of the family): what comes then is made up. Scripts that its tokens,
#: made for English, cut up finely need twice as many.
MOST_TOKENS_PER_S = {"en": 6.5}
MOST_TOKENS_PER_S_ELSE = 13.0
#: More than that, for marks and the end have no length: without these, of 350 lines of Piper 45 were cut off.
SPARE_TOKENS = 4
#: So many tokens or more, so many times in a row at the end, are a loop, into which noise leads it; people say "no"
#: more often. Before the end they were said ("I know, I know, I know, I know, but"), unless it is LOOP_SURE times.
LOOP_TOKENS, LOOP_TIMES, LOOP_SURE = 3, 4, 8
_ENCODER_INPUTS = {"input_values", "attention_mask"}
_PAST, _PRESENT = "past_key_values.", "present."
_SPACE = "\u2581"  # SentencePiece's mark of a word's beginning
# Nobody says them, and it opens more than it closes; the apostrophes of "I'm", "the dogs'" and "goin'" stay.
_QUOTES = re.compile("[\"\u201c-\u201f\u00ab\u00bb]|(?<!\\w)['\u2018\u2019]|(?<!s)(?<!in)['\u2018\u2019](?!\\w)")


class MoonshineNetwork:
    """One model. The same samples give the same words: it keeps nothing."""

    def __init__(self, folder: Path, language: str) -> None:
        """Opens the files in the folder. Raises ModelError."""
        self._encoder, self._decoder = (Session((folder / name).read_bytes(), name) for name in FILES[:2])
        self._pieces = read_pieces((folder / FILES[2]).read_bytes())
        self._rate = MOST_TOKENS_PER_S.get(language, MOST_TOKENS_PER_S_ELSE)
        shapes = {i.name.removeprefix(_PAST): i.shape for i in self._decoder.inputs if i.name.startswith(_PAST)}
        told = {i.name for i in self._encoder.inputs}
        if told != _ENCODER_INPUTS or not shapes or not all(len(s) == 4 for s in shapes.values()):
            raise ModelError(f"{folder} holds no Moonshine model: its networks take other inputs than Moonshine's do")
        self._empty = {_PAST + name: np.zeros((1, s[1], 0, s[3]), np.float32) for name, s in shapes.items()}
        self._heard = [name for name in shapes if ".encoder." in name]
        self._written = [name for name in shapes if ".decoder." in name]

    def hear(self, signal: NDArray[np.float32]) -> str:
        """The words in a signal, float32 [n], 16 kHz, -1..1: at each step the likeliest token. Raises ModelError."""
        mask = np.ones((1, len(signal)), np.int64)  # both networks' is one of samples
        states = self._encoder.run(None, {"input_values": signal[None], "attention_mask": mask})[0]
        feed: dict[str, NDArray[Any]] = {
            **self._empty,
            "encoder_hidden_states": states,
            "encoder_attention_mask": mask,
            "use_cache_branch": np.array([False]),
        }
        wanted, token, tokens = [*self._heard, *self._written], BEGIN, []
        for _ in range(math.ceil(len(signal) / SAMPLE_RATE * self._rate) + SPARE_TOKENS):
            feed["input_ids"] = np.array([[token]], np.int64)
            logits, *kept = self._decoder.run(["logits", *(_PRESENT + name for name in wanted)], feed)
            feed.update({_PAST + name: value for name, value in zip(wanted, kept, strict=True)})
            # What it made of the sound stays; from here on only what it has written grows.
            wanted, feed["use_cache_branch"] = self._written, np.array([True])
            token = int(logits[0, -1].argmax())
            if token == END:
                break
            tokens.append(token)
            if loop_length(tokens, LOOP_SURE):
                break
        text = b"".join(self._pieces[token] for token in without_loop(tokens) if token < len(self._pieces))
        return unquoted(text.decode("utf-8", "replace").replace(_SPACE, " "))


def without_loop(tokens: list[int]) -> list[int]:
    """What is repeated at the end, LOOP_TIMES or more in a row, is there once."""
    length, end = loop_length(tokens), len(tokens)
    while length and tokens[end - 2 * length : end - length] == tokens[end - length : end]:
        end -= length
    return tokens[:end]


def loop_length(tokens: Sequence[int], times: int = LOOP_TIMES) -> int:
    """Of what is repeated at the end, `times` in a row; 0 where nothing is."""
    for length in range(LOOP_TOKENS, len(tokens) // times + 1):
        end = len(tokens) - length
        if all(tokens[end - k * length : end - (k - 1) * length] == tokens[end:] for k in range(1, times)):
            return length
    return 0


def unquoted(text: str) -> str:
    """Words without quotation marks, and no blanks around them."""
    return " ".join(_QUOTES.sub("", text).split())


def read_pieces(content: bytes) -> list[bytes]:
    """The text of each token: its length in bytes (7 bits, and 7 more where the first is marked), then the bytes.

    Raises ModelError for a file that is cut off.
    """
    pieces, at = [], 0
    while at < len(content):
        length, at = content[at], at + 1
        if length > 0x7F and at < len(content):
            length, at = (length & 0x7F) + (content[at] << 7), at + 1
        pieces.append(content[at : at + length])
        at += length
    if at > len(content) or len(pieces) <= END:
        raise ModelError(f"{FILES[2]} is no table of tokens, or is cut off: put the model's own file there")
    return pieces
