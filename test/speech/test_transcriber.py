from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.errors import OptionError
from mer_ros.speech.recogniser import Recognition, SpeechOptions, check_samples
from mer_ros.speech.transcriber import Transcriber
from mer_ros.utterance import PAUSE, SpeechState, Utterance

RATE = 16_000


class CountingRecogniser:
    """Its words are what it heard: the number of samples, and their sum. Raises on a sample of -1."""

    name, language = "counting", "en"

    def __init__(self):
        self.reset()

    def reset(self):
        self.samples = np.zeros(0, np.int16)

    def accept(self, samples):
        if (check_samples(samples) == -1).any():
            raise RuntimeError("cannot hear that")
        self.samples = np.concatenate([self.samples, samples])

    def partial(self):
        return f"{len(self.samples)} {self.samples.astype(int).sum()}"

    def finish(self):
        result = Recognition(self.partial(), 0.75)
        self.reset()
        return result


def pieces(samples, cuts, utterance_id=1, start_ns=10**9):
    """An utterance as the microphone publishes it: growing pieces, then all of it."""
    edges = [0, *sorted(cuts), len(samples)]
    out = []
    for n, (a, b) in enumerate(pairwise(edges)):
        state = SpeechState.STARTED if n == 0 else SpeechState.ONGOING
        out.append(Utterance(utterance_id, state, start_ns, start_ns + b * 62_500, samples[a:b], a))
    out.append(ended(samples, utterance_id, start_ns))
    return out


def ended(samples, utterance_id=1, start_ns=10**9):
    return Utterance(utterance_id, SpeechState.ENDED, start_ns, start_ns + len(samples) * 62_500, samples)


def speech(n):
    return np.arange(n, dtype=np.int16) % 100


def push_all(transcriber, utterances):
    return [t for u in utterances for t in transcriber.push(u)]


def test_partials_then_one_final():
    transcriber = Transcriber(CountingRecogniser(), SpeechOptions(partial_period_ms=1000))
    samples = speech(2 * RATE + 100)
    out = push_all(transcriber, pieces(samples, [RATE // 2, RATE, RATE + 10]))
    assert [t.is_final for t in out] == [False, False, True]
    assert [int(t.text.split()[0]) for t in out] == [RATE, 2 * RATE, len(samples)]
    final = out[-1]
    assert (final.utterance_id, final.start_ns, final.end_ns) == (1, 10**9, 10**9 + len(samples) * 62_500)
    assert (final.source, final.language, final.confidence) == ("counting", "en", 0.75)
    assert all(t.latency_ms > 0 for t in out)
    assert not transcriber.counts


@settings(deadline=None)
@given(st.lists(st.integers(1, 3 * RATE), max_size=6), st.integers(1, 3 * RATE))
def test_words_do_not_depend_on_the_cuts(cuts, length):
    samples = speech(length)
    transcriber = Transcriber(CountingRecogniser(), SpeechOptions(partial_period_ms=500))
    out = push_all(transcriber, pieces(samples, [c for c in cuts if c < length]))
    assert out[-1].text == f"{length} {samples.astype(int).sum()}"
    assert sum(t.is_final for t in out) == 1
    for partial in out[:-1]:
        heard, total = map(int, partial.text.split())
        assert heard % (RATE // 2) == 0
        assert total == samples[:heard].astype(int).sum()


def test_no_partials():
    transcriber = Transcriber(CountingRecogniser(), SpeechOptions(partial_period_ms=0))
    out = push_all(transcriber, pieces(speech(3 * RATE), [RATE, 2 * RATE]))
    assert [t.is_final for t in out] == [True]


class TellingRecogniser(CountingRecogniser):
    """Remembers how many samples it had at each partial()."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def partial(self):
        self.asked.append(len(self.samples))
        return super().partial()


@pytest.mark.parametrize("period_ms", [0, 1000])
def test_words_are_heard_at_a_pause(period_ms):
    """At 0.7 s somebody pauses and goes on, at 1.5 s for good."""
    said = pieces(speech(RATE * 3 // 2), [RATE // 2, RATE * 7 // 10, RATE])
    for n in (1, 3):
        said[n] = replace(said[n], ended_by=PAUSE)
    told = {}
    for pauses in (True, False):
        recogniser = TellingRecogniser()
        options = SpeechOptions(partial_period_ms=period_ms, hear_at_pauses=pauses)
        out = told[pauses] = push_all(Transcriber(recogniser, options), said)
        partials = [RATE * 7 // 10, RATE, RATE * 3 // 2] if pauses else [RATE]
        if not period_ms:
            partials = [n for n in partials if n != RATE]
        assert recogniser.asked[:-1] == partials  # the last is that of finish()
        assert [int(t.text.split()[0]) for t in out if not t.is_final] == (partials if period_ms else [])
    assert told[True][-1].text == told[False][-1].text


def test_the_end_alone_is_enough():
    out = Transcriber(CountingRecogniser()).push(ended(speech(500)))
    assert [t.text for t in out] == [f"500 {speech(500).astype(int).sum()}"]


def test_a_missing_piece_costs_partials_only():
    transcriber = Transcriber(CountingRecogniser(), SpeechOptions(partial_period_ms=100))
    samples = speech(RATE)
    whole = pieces(samples, [2000, 4000, 8000])
    out = push_all(transcriber, [whole[0], whole[2], whole[3], whole[4]])
    assert [int(t.text.split()[0]) for t in out] == [1600, RATE]
    assert transcriber.counts == {"gaps": 1}


def test_a_missed_start():
    transcriber = Transcriber(CountingRecogniser(), SpeechOptions(partial_period_ms=100))
    samples = speech(RATE)
    out = push_all(transcriber, pieces(samples, [2000, 4000])[1:])
    assert [t.text for t in out] == [f"{RATE} {samples.astype(int).sum()}"]


def test_an_end_shorter_than_what_came():
    """The segmenter may trim silence from the end that it had given before."""
    transcriber = Transcriber(CountingRecogniser())
    push_all(transcriber, pieces(speech(RATE), [1000])[:-1])
    assert transcriber.push(ended(speech(900)))[0].text.startswith("900 ")


def test_the_final_comes_once():
    transcriber = Transcriber(CountingRecogniser())
    assert len(transcriber.push(ended(speech(100)))) == 1
    assert transcriber.push(ended(speech(100))) == []
    assert transcriber.push(pieces(speech(100), [50])[1]) == []
    assert transcriber.counts == {"repeated": 2}


@pytest.mark.parametrize("starts_s", [[1], [1, 5, 9]])
@pytest.mark.parametrize("first", [0, 1])
def test_a_recording_may_be_played_again(starts_s, first):
    """Ids and times are those of the first play; the microphone may miss its first utterance."""
    transcriber = Transcriber(CountingRecogniser())
    play = [pieces(speech(1000), [500], n, start * 10**9) for n, start in enumerate(starts_s, 1)]
    once = [t.utterance_id for u in play for t in push_all(transcriber, u) if t.is_final]
    again = [t.utterance_id for u in play[first:] for t in push_all(transcriber, u) if t.is_final]
    assert again == once[first:]
    assert not transcriber.counts


def test_an_earlier_utterance_tells_that_time_began_again():
    """Even if what STARTED sent is lost."""
    transcriber = Transcriber(CountingRecogniser())
    for n in (1, 2, 3):
        transcriber.push(ended(speech(100), n, n * 10**9))
    out = [transcriber.push(ended(speech(100), n, start)) for n, start in ((9, 10**8), (1, 10**9), (3, 3 * 10**9))]
    assert [len(t) for t in out] == [1, 1, 1]
    assert not transcriber.counts


def test_ids_may_begin_again():
    transcriber = Transcriber(CountingRecogniser())
    assert len(transcriber.push(ended(speech(100), 1, 10**9))) == 1
    assert len(transcriber.push(ended(speech(100), 1, 5 * 10**9))) == 1
    assert not transcriber.counts


def test_an_end_that_never_comes():
    transcriber = Transcriber(CountingRecogniser(), SpeechOptions(max_utterance_s=1))
    for n in range(1, 101):
        transcriber.push(pieces(speech(RATE), [], n, n * 10**9)[0])
    assert transcriber.counts == {"unfinished": 99}
    out = transcriber.push(ended(speech(50), 101, 10**12))
    assert [t.text.split()[0] for t in out] == ["50"]


def test_speech_without_end_is_bounded():
    recogniser = CountingRecogniser()
    transcriber = Transcriber(recogniser, SpeechOptions(max_utterance_s=1, partial_period_ms=0))
    for n in range(50):
        state = SpeechState.ONGOING if n else SpeechState.STARTED
        transcriber.push(Utterance(1, state, 0, 1, speech(1000), n * 1000))
    assert len(recogniser.samples) == RATE
    assert transcriber.push(ended(speech(50_000), 1, 0))[0].text.split()[0] == str(RATE)
    assert transcriber.counts == {"too_long": 1}


def test_a_recogniser_that_raises():
    transcriber = Transcriber(CountingRecogniser())
    bad = np.full(100, -1, np.int16)
    out = push_all(transcriber, [*pieces(bad, [50]), ended(speech(10), 2, 5)])
    assert [(t.utterance_id, t.text.split()[:1], t.is_final) for t in out] == [(1, [], True), (2, ["10"], True)]
    assert math.isnan(out[0].confidence)
    assert transcriber.counts == {"failed": 2}


def test_a_recogniser_that_cannot_begin_anew(monkeypatch):
    transcriber = Transcriber(CountingRecogniser())
    begin, tries = transcriber.recogniser.reset, iter((True, True, False))

    def reset():
        if next(tries, False):
            raise RuntimeError("the device is gone")
        begin()

    monkeypatch.setattr(transcriber.recogniser, "reset", reset)
    out = push_all(transcriber, [ended(speech(10)), *pieces(speech(10), [5], 2, 2 * 10**9)])
    assert [(t.utterance_id, t.text.split()[:1], t.is_final) for t in out] == [(1, [], True), (2, ["10"], True)]
    assert transcriber.counts == {"failed": 2}


@pytest.mark.parametrize("samples", [np.zeros(10, np.float32), np.zeros((10, 2), np.int16)])
def test_odd_samples_are_counted(samples):
    transcriber = Transcriber(CountingRecogniser())
    out = transcriber.push(ended(samples))
    assert [t.text for t in out] == [""]
    assert transcriber.counts == {"failed": 1}


def test_an_utterance_without_samples():
    assert [t.text for t in Transcriber(CountingRecogniser()).push(ended(speech(0)))] == ["0 0"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"backend": "whisper"}, "moonshine, vosk"),
        ({"partial_period_ms": 50}, "partial_period_ms is 50"),
        ({"partial_period_ms": -1}, "partial_period_ms is -1"),
        ({"max_utterance_s": 0.5}, "max_utterance_s is 0.5"),
        ({"max_utterance_s": float("nan")}, "max_utterance_s is nan"),
    ],
)
def test_options(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        SpeechOptions(**options)
