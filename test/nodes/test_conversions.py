"""Messages to the pipeline's vocabulary and back. Needs the messages, but no running graph."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from mer_msgs.msg import AudioChunk as AudioChunkMsg
from mer_msgs.msg import Emotion as EmotionMsg
from mer_msgs.msg import ModalityEstimate as ModalityEstimateMsg
from mer_msgs.msg import Transcript as TranscriptMsg
from mer_msgs.msg import Utterance as UtteranceMsg
from message_standins import LIVE_SPEECH
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header, String

from mer_ros.emotion import DialogueTurn, EmotionEstimate, Modality, ModalityEstimate
from mer_ros.errors import InputError
from mer_ros.fusion.experts import Expert, Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.fusion.options import FusionOptions
from mer_ros.messages.audio import SoundFormat, chunk_of
from mer_ros.messages.image import frame_of
from mer_ros.messages.words import words_of
from mer_ros.nodes.conversions.audio import chunk_message, utterance_message, utterance_of
from mer_ros.nodes.conversions.emotions import emotion_message, estimate_of
from mer_ros.nodes.conversions.stamps import header, to_ns, to_time
from mer_ros.nodes.conversions.vision import image_message, window_message, window_of
from mer_ros.nodes.conversions.words import sane_text, transcript_message, transcript_of, words_message
from mer_ros.utterance import AudioChunk, Box, FaceSample, SpeechState, Transcript, Utterance, VisualWindow

START = 1_700_000_000_123_456_789


@pytest.mark.parametrize("ns", [0, 1, 999_999_999, 1_000_000_000, START])
def test_times_survive_both_ways(ns):
    assert to_ns(to_time(ns)) == ns
    assert to_ns(header(ns).stamp) == ns


@pytest.mark.parametrize(("ns", "kept"), [(-1, 0), (2**63, (2**31 - 1) * 10**9 + 999_999_999)])
def test_times_that_no_message_can_hold_are_clamped(ns, kept):
    assert to_ns(to_time(ns)) == kept


@pytest.mark.parametrize("shape", [(320,), (320, 2)])
def test_chunk_survives_both_ways(shape):
    samples = np.random.default_rng(0).integers(-32768, 32768, shape).astype(np.int16)
    chunk = chunk_of(chunk_message(AudioChunk(START, samples, 44_100), "mic"), 0)
    assert (chunk.stamp_ns, chunk.sample_rate) == (START, 44_100)
    assert np.array_equal(chunk.samples, samples)


def test_a_message_carries_int16_only():
    with pytest.raises(InputError, match="int16"):
        chunk_message(AudioChunk(0, np.zeros(4, np.float32), 16_000))


@pytest.mark.parametrize("channels", [0, 3])
def test_samples_that_do_not_divide_into_channels_are_refused(channels):
    with pytest.raises(InputError, match="channels"):
        chunk_of(AudioChunkMsg(samples=[1, 2, 3, 4], sample_rate=16_000, channels=channels), 0)


class StandIn(SimpleNamespace):
    """A message of a package that is not installed, with the same fields."""

    def get_fields_and_field_types(self):
        return dict.fromkeys(vars(self), "")


def portaudio(format_, **data):
    info = StandIn(format=format_, channels=1, rate=48_000)
    return StandIn(header=header(START), audio=StandIn(audio_data=StandIn(**data), info=info))


@pytest.mark.parametrize(
    ("message", "stamp", "rate", "samples"),
    [
        (StandIn(data=np.array([1, -2], "<i2").tobytes()), START - 250_000, 8_000, [1, -2]),
        (StandIn(header=header(START), audio=StandIn(data=[1, 0, 255, 255])), START, 8_000, [1, -1]),
        (portaudio(8, int16_data=[5, -6]), START, 48_000, [5, -6]),
        (portaudio(1, float32_data=[0.5, -0.5]), START, 48_000, [0.5, -0.5]),
        (portaudio(16, int8_data=[1, -1]), START, 48_000, [256, -256]),
        (portaudio(32, uint8_data=[128, 0]), START, 48_000, [128, 0]),
    ],
    ids=["AudioData", "AudioDataStamped", "int16", "float32", "int8", "uint8"],
)
def test_audio_messages_are_told_apart_by_their_fields(message, stamp, rate, samples):
    chunk = chunk_of(message, received_ns=START, format=SoundFormat(8_000))
    assert (chunk.stamp_ns, chunk.sample_rate, chunk.stamped) == (stamp, rate, stamp == START)
    assert chunk.samples.tolist() == samples


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (StandIn(text="hello"), "no known audio message"),
        (StandIn(data=b"odd"), "even number"),
        (portaudio(99, int16_data=[]), "PortAudio format 99"),
    ],
)
def test_other_audio_messages_are_refused(message, reason):
    with pytest.raises(InputError, match=reason):
        chunk_of(message, 0)


@pytest.mark.parametrize(("channels", "duration_ns"), [(1, 1_000_000), (2, 500_000)])
def test_a_chunk_whose_stamp_was_never_filled_ended_when_it_came(channels, duration_ns):
    message = AudioChunkMsg(samples=[1] * 16, sample_rate=16_000, channels=channels)
    chunk = chunk_of(message, START)
    assert (chunk.stamp_ns, chunk.stamped) == (START - duration_ns, False)
    assert chunk_of(message, 5).stamp_ns == 0  # a simulation that has just begun


def test_utterance_survives_both_ways():
    samples = np.arange(-800, 800, dtype=np.int16)
    spoken = Utterance(7, SpeechState.ONGOING, START, START + 10**8, samples, 3200, 12.5, 160, "")
    message = utterance_message(spoken, "mic")
    assert to_ns(message.header.stamp) == START + 200_000_000
    heard = utterance_of(message)
    assert np.array_equal(heard.samples, samples)
    assert {**vars(heard), "samples": 0} == {**vars(spoken), "samples": 0}


@pytest.mark.parametrize(
    "changes", [{"sample_rate": 8000}, {"sample_rate": 16000, "state": 9}, {"sample_rate": 16000, "start": to_time(5)}]
)
def test_odd_utterances_are_refused(changes):
    with pytest.raises(InputError):
        utterance_of(UtteranceMsg(**changes))


def pixels(height=48, width=64) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_image_survives_both_ways():
    frame = frame_of(image_message(pixels(), START, "cam"), 0)
    assert frame.stamp_ns == START
    assert np.array_equal(frame.image, pixels())


@pytest.mark.parametrize(
    "message",
    [
        Image(height=2, width=2, encoding="rgb8", step=6, data=[0] * 11),
        Image(height=2, width=2, encoding="no such", step=6, data=[0] * 12),
        Image(),
        CompressedImage(format="jpeg", data=b"rubbish"),
    ],
)
def test_odd_images_are_refused(message):
    with pytest.raises(InputError):
        frame_of(message, 1)


def test_visual_window_survives_both_ways():
    sample = FaceSample(START, Box(1, 2, 30, 40), 0.5, True, pixels(96, 96), pixels(112, 150))
    window = VisualWindow(3, True, START, START + 9, 5, (sample, sample), 2, 30, 640, 480, 0.5, 0.25, "person-2")
    back = window_of(window_message(window, "cam"))
    assert {**vars(back), "samples": 0} == {**vars(window), "samples": 0}
    assert len(back.samples) == 2
    assert back.samples[0].box == sample.box
    assert np.array_equal(back.samples[0].face, sample.face)
    assert np.array_equal(back.samples[0].context, sample.context)


def test_transcript_survives_both_ways():
    words = Transcript(3, START, START + 9, "héllo", True, 0.5, "en", "vosk", 12.0)
    assert transcript_of(transcript_message(words)) == words


def test_absurdly_long_words_are_refused():
    with pytest.raises(InputError, match="characters"):
        sane_text("a" * 10_001)


def test_emotion_message_is_whole():
    uniform = np.full(7, 1 / 7)
    face = ModalityEstimate(Modality.FACE, uniform, quality=0.5, weight=1.0, model="m")
    silent = ModalityEstimate(Modality.AUDIO, reason="silent")
    turn = DialogueTurn(1, START, START + 5, "face-1", "joy", 0.5, uniform, "hi")
    estimate = EmotionEstimate(
        utterance_id=9,
        start_ns=START,
        end_ns=START + 10,
        is_final=True,
        probabilities=uniform,
        sentiment_probabilities=np.array([0.2, 0.3, 0.5]),
        emotion="anger",
        confidence=1 / 7,
        sentiment="positive",
        valence=0.1,
        arousal=0.2,
        modalities=(face, silent),
        transcript="words",
        person_id="face-1",
        face_id=1,
        dialogue_id="d",
        turn=2,
        context=(turn,),
        previous_emotion="joy",
        dialogue_emotion="fear",
        latency_ms={"fusion": 1.5},
    )
    message = emotion_message(estimate, "map")
    assert to_ns(message.header.stamp) == START
    assert message.probabilities == pytest.approx(uniform, abs=1e-6)
    assert (message.modalities[0].available, message.modalities[1].available) == (True, False)
    assert np.isnan(message.modalities[1].probabilities).all()
    assert message.modalities[1].reason == "silent"
    assert message.shifted
    assert (message.context[0].turn, message.context[0].emotion, message.context[0].text) == (1, "joy", "hi")
    assert (message.latency[0].stage, message.latency[0].milliseconds) == ("fusion", 1.5)


def test_a_fuser_that_abstains_says_so_in_its_one_message():
    def estimate(*_part):
        return ModalityEstimate(Modality.AUDIO, np.array([0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]), quality=1.0, model="m")

    expert = Expert(estimate, np.full(7, 1 / 7), 1.0)
    options = FusionOptions(target_prior=(1.0,) * 7, abstain=0.5)
    fuser = EmotionFuser(Experts(audio=expert), options)
    utterance = Utterance(1, SpeechState.ENDED, START, START + 10**9, np.zeros(16_000, np.int16))
    messages = [emotion_message(e) for e in fuser.utterance(utterance, START + 10**9) + fuser.poll(START + 10**11)]
    assert [(m.emotion, m.is_final, m.shifted) for m in messages] == [("unknown", True, False)]
    assert messages[0].confidence == pytest.approx(0.4)
    assert messages[0].probabilities.argmax() == 0
    assert messages[0].sentiment == "negative"  # more probable than the emotion: 0.65
    back = estimate_of(messages[0])
    assert (back.emotion, back.shifted) == ("unknown", False)


def test_an_emotion_with_a_modality_that_is_none_is_refused():
    message = EmotionMsg(modalities=[ModalityEstimateMsg(modality="smell")])
    with pytest.raises(InputError, match="'smell'; it must be one of: face, audio, text"):
        estimate_of(message)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("emotion", "rage", "emotion 'rage'; it must be anger, .* or unknown"),
        ("sentiment", "meh", "sentiment 'meh'; it must be negative, neutral, positive or unknown"),
        ("probabilities", [float("nan")] * 7, "does not lie in 0..1"),
        ("probabilities", [5.0] * 7, "does not lie in 0..1"),
        ("confidence", float("inf"), "does not lie in 0..1"),
        ("valence", float("nan"), "valence nan, arousal 0"),
        ("arousal", -2.0, "valence 0, arousal -2"),
    ],
)
def test_an_emotion_with_labels_or_numbers_that_are_none_is_refused(field, value, sentence):
    message = EmotionMsg(emotion="joy", sentiment="positive")
    assert estimate_of(message).emotion == "joy"
    setattr(message, field, value)
    with pytest.raises(InputError, match=sentence):
        estimate_of(message)


@pytest.mark.parametrize("kind", [String, TranscriptMsg, *LIVE_SPEECH.values()])
@pytest.mark.parametrize("is_final", [True, False])
def test_words_that_are_published_again_are_read_as_they_were(kind, is_final):
    words = Transcript(0, START, START, "try again", is_final, source="outside")
    message = words_message(words, kind)
    if kind is String and not is_final:  # a String holds final words
        assert message is None
        return
    again = words_of(message, START)
    assert (again.text, again.is_final, again.start_ns, again.end_ns) == ("try again", is_final, START, START)


def test_words_cannot_be_told_in_a_type_without_them():
    assert words_message(Transcript(0, START, START, "try again", True), Header) is None
