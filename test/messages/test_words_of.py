"""Words of recognisers elsewhere: each type by its fields, and what cannot be is refused."""

import math

import pytest
from message_standins import LIVE_SPEECH, STRING, TRANSCRIPT, TRANSCRIPTION, kind, stamped

from mer_ros.errors import InputError
from mer_ros.messages.words import words_of

S = 1_000_000_000
NOW = 1_700_000_000 * S


def test_a_string_is_final_words_that_were_said_before():
    words = words_of(STRING(data="hello there"), NOW, "elsewhere")
    assert (words.utterance_id, words.start_ns, words.end_ns, words.text) == (0, NOW, NOW, "hello there")
    assert (words.is_final, words.language, words.source) == (True, "", "elsewhere")
    assert math.isnan(words.confidence)


@pytest.mark.parametrize(
    ("release", "told", "language"),
    [
        ("language", {"language": "en-GB"}, "en-GB"),
        ("both", {"language": "en-GB", "locale": "en_GB"}, "en-GB"),
        ("both", {"language": "de"}, "de"),
        ("locale", {"locale": "en_GB"}, "en-GB"),
        ("locale", {}, ""),
    ],
)
def test_live_speech_of_each_release(release, told, language):
    message = LIVE_SPEECH[release](header=stamped(NOW - S), final="hello", confidence=0.75, **told)
    words = words_of(message, NOW)
    assert (words.text, words.is_final, words.confidence) == ("hello", True, 0.75)
    assert (words.start_ns, words.end_ns, words.language) == (NOW - S, NOW - S, language)


@pytest.mark.parametrize("release", LIVE_SPEECH)
def test_incremental_live_speech_is_partial(release):
    words = words_of(LIVE_SPEECH[release](incremental="hel", confidence=0.9), NOW)
    assert (words.text, words.is_final, words.start_ns) == ("hel", False, NOW)  # its stamp was never filled
    assert math.isnan(words.confidence)  # the message's confidence is that of final words


def test_final_words_go_before_incremental_ones():
    words = words_of(LIVE_SPEECH["locale"](incremental="hello th", final="hello there"), NOW)
    assert (words.text, words.is_final) == ("hello there", True)


@pytest.mark.parametrize("confidence", [0.0, -0.5, 1.5, math.nan, math.inf])
def test_a_confidence_that_is_none_is_unknown(confidence):
    assert math.isnan(words_of(LIVE_SPEECH["locale"](final="hello", confidence=confidence), NOW).confidence)


def test_a_transcription_tells_when_it_was_said():
    words = words_of(TRANSCRIPTION(text=" Hello.", audio_time=2.0, transcription_time=0.5), NOW)
    assert (words.start_ns, words.end_ns) == (NOW - 5 * S // 2, NOW - S // 2)
    assert (words.text, words.is_final, words.latency_ms) == (" Hello.", True, 500.0)


@pytest.mark.parametrize("now_ns", [0, S])
def test_a_transcription_when_the_clock_has_just_begun(now_ns):
    words = words_of(TRANSCRIPTION(text="hello", audio_time=2.0, transcription_time=0.5), now_ns)
    assert 0 == words.start_ns <= words.end_ns <= now_ns


def test_a_transcript_of_ours_is_taken_by_its_times():
    start, end = (stamped(NOW + n * S).stamp for n in (0, 2))
    message = TRANSCRIPT(
        utterance_id=7, start=start, end=end, text="hello", is_final=False, confidence=0.5, language="en", source="me"
    )
    words = words_of(message, NOW + 9 * S)
    assert (words.utterance_id, words.start_ns, words.end_ns) == (0, NOW, NOW + 2 * S)
    assert (words.text, words.is_final, words.confidence, words.source) == ("hello", False, 0.5, "me")


@pytest.mark.parametrize("text", ["[BLANK_AUDIO]", " (upbeat music)", "[ Silence ] (wind)", "*laughs*"])
def test_what_whisper_notes_are_no_words(text):
    assert words_of(TRANSCRIPTION(text=text, audio_time=1.0), NOW).text == ""
    assert words_of(TRANSCRIPTION(text=f"{text} yes", audio_time=1.0), NOW).text == f"{text} yes"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            kind("Transcript", text="hello")(text="hello"),
            "std_msgs/String, hri_msgs/LiveSpeech, whisper_msgs/Transcription and mer_msgs/Transcript",
        ),
        (kind("UInt8MultiArray", data=b"hello")(), "holds no words"),
        (STRING(data="a" * 10_001), "10001 characters"),
        (LIVE_SPEECH["locale"](incremental="a" * 10_001), "10001 characters"),
        (TRANSCRIPTION(text="a" * 10_001), "10001 characters"),
        (TRANSCRIPTION(text="hello", audio_time=-1.0), "audio_time -1.0 s"),
        (TRANSCRIPTION(text="hello", audio_time=math.nan), "audio_time nan s"),
        (TRANSCRIPTION(text="hello", transcription_time=1e9), "transcription_time"),
    ],
)
def test_other_messages_are_refused(message, reason):
    with pytest.raises(InputError, match=reason):
        words_of(message, NOW)


@pytest.mark.parametrize(
    ("package", "name", "field"),
    [("std_msgs", "String", "data"), ("hri_msgs", "LiveSpeech", "final"), ("whisper_msgs", "Transcription", "text")],
)
def test_the_real_messages(package, name, field):
    types = pytest.importorskip(f"{package}.msg", reason=f"{package} is not installed")
    message = getattr(types, name)()
    setattr(message, field, "hello")
    words = words_of(message, NOW)
    assert (words.text, words.is_final) == ("hello", True)
