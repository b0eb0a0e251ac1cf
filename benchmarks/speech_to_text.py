"""Words: what they cost, and how soon after an utterance's end they are there, beside Moonshine's own library.

python benchmarks/speech_to_text.py [--cores 0] [--write]

Speech: the sample dialogue's, cut into utterances as the microphone node does. Both have the same model files. What
counts as cost is the processor time of the whole process, threads included; what counts as wait is the time from the
end of an utterance, the hang-over over, to its words. Exit code 1 when a mark is missed.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
from common import Mark, Result, begin, finish, options, percentile, spread, table

from mer_ros.audio.listener import SpeechListener
from mer_ros.replay.sample import TURNS, SampleDialogue
from mer_ros.speech.recogniser import SpeechOptions, make_recogniser
from mer_ros.speech.transcriber import Transcriber
from mer_ros.utterance import SAMPLE_RATE, AudioChunk, SpeechState, Utterance

ROUNDS = 5
LEAST_RATIO, MOST_WAIT_MS = 2.0, 20.0


@dataclass
class Tally:
    """cost_s: in all. waits_ms: one for each utterance. words: those of the first round."""

    cost_s: float
    waits_ms: list[float]
    words: list[str]


def utterances() -> list[Utterance]:
    """As the microphone node publishes them."""
    listener, heard = SpeechListener(), []
    for event in SampleDialogue(size=(64, 48)).events():
        if isinstance(event, AudioChunk):
            heard += listener.push(event)
    return heard + listener.flush()


def measure(heard: Sequence[Utterance], push: Callable[[Utterance], str]) -> Tally:
    """push: takes a piece; gives the words when it was the last one."""
    waits, words = [], []
    worked = time.process_time()
    for _ in range(ROUNDS):
        for piece in heard:
            begun = time.perf_counter()
            text = push(piece)
            if piece.state is SpeechState.ENDED:
                waits.append((time.perf_counter() - begun) * 1e3)
                words.append(text)
    return Tally(time.process_time() - worked, waits, words[: len(words) // ROUNDS])


def ours(options: SpeechOptions) -> Callable[[Utterance], str]:
    recogniser = make_recogniser(options)
    state = {"transcriber": Transcriber(recogniser, options)}

    def push(piece: Utterance) -> str:
        if piece.state is SpeechState.STARTED and piece.id == 1:  # the next round
            state["transcriber"] = Transcriber(recogniser, options)
        final = [t.text for t in state["transcriber"].push(piece) if t.is_final]
        return final[0] if final else ""

    return push


def library() -> Callable[[Utterance], str]:
    """Moonshine's own, asked for one piece, as its users get it otherwise."""
    from moonshine_voice.moonshine_api import ModelArch
    from moonshine_voice.transcriber import Transcriber as Peer
    from moonshine_voice.utils import get_model_path

    options = {"vad_threshold": "0.0", "vad_max_segment_duration": "60"}
    engine: Any = Peer(str(Path(get_model_path("tiny-en"))), ModelArch.TINY, options=options)

    def push(piece: Utterance) -> str:
        if piece.state is not SpeechState.ENDED:
            return ""
        signal = (piece.samples / np.float32(32768)).tolist()
        lines = engine.transcribe_without_streaming(signal, SAMPLE_RATE).lines
        return " ".join(line.text.strip() for line in lines)

    return push


def wrong(words: Sequence[str]) -> int:
    """Words of the dialogue that were not heard, and such that were heard in their stead."""
    said, heard = (re.findall(r"[a-z']+", " ".join(t).lower()) for t in ((turn.words for turn in TURNS), words))
    blocks = SequenceMatcher(None, said, heard, autojunk=False).get_matching_blocks()
    return max(len(said), len(heard)) - sum(block.size for block in blocks)


def main() -> int:
    given = begin(options(__doc__), None)
    heard = utterances()
    speech_s = ROUNDS * sum(len(u.samples) for u in heard if u.state is SpeechState.ENDED) / SAMPLE_RATE
    plans = {
        "final words alone, as in a replay": ours(SpeechOptions(partial_period_ms=0, hear_at_pauses=False)),
        "with words at each second and pause, as in the graph": ours(SpeechOptions()),
        "the same without pauses": ours(SpeechOptions(hear_at_pauses=False)),
        "Moonshine's library, final words alone": library(),
    }
    tallies = {}
    for name, push in plans.items():
        push(next(u for u in heard if u.state is SpeechState.ENDED))
        tallies[name] = measure(heard, push)
    alone, early, _, peer = tallies.values()
    rows = [
        [name, f"{t.cost_s / speech_s * 1e3:.1f}", spread(t.waits_ms), str(wrong(t.words))]
        for name, t in tallies.items()
    ]
    head = ("what", "ms of processor a second of speech", "wait for the words, ms: median, p95, most", "wrong words")
    marks = [
        Mark(
            "words: how often cheaper than Moonshine's library", LEAST_RATIO, peer.cost_s / alone.cost_s, at_least=True
        ),
        Mark("words: wait after an utterance's end, p95", MOST_WAIT_MS, percentile(early.waits_ms, 95), "ms"),
    ]
    lines = [f"{speech_s / ROUNDS:.1f} s of speech, {ROUNDS} times.", "", *table(head, rows)]
    return finish(
        Result("speech_to_text", "Words", "python benchmarks/speech_to_text.py", 70, marks, lines), given.write
    )


if __name__ == "__main__":
    sys.exit(main())
