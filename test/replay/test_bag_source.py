"""What real bags hold: every encoding of images, every kind of audio message, and bags that lack something."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from bags import ENCODINGS, NS, PORTAUDIO, RAW, SOUNDS, STORAGES, Layout, TestBag, write_recording
from rosbags.typesys import get_types_from_msg

from mer_ros.errors import InputError, OptionError
from mer_ros.messages.pcm import as_int16
from mer_ros.replay.bag import RecordingOptions, find_recordings, open_recording
from mer_ros.utterance import AudioChunk, Frame

START = 1_700_000_000 * NS
MS = 1_000_000
FRAMES, RATE = 6, 16_000


def picture(number: int) -> np.ndarray:
    """Three grey-green bars, smooth enough that no encoding loses much; each frame brighter."""
    image = np.zeros((32, 48, 3), np.uint8)
    for bar, colour in enumerate([(60, 90, 60), (120, 130, 110), (170, 180, 170)]):
        image[:, bar * 16 : bar * 16 + 16] = np.array(colour) + 5 * number
    return image


def tone(samples: int, channels: int = 1) -> np.ndarray:
    wave = np.round(9000 * np.sin(np.arange(samples) * 0.2)).astype(np.int16)
    return wave if channels == 1 else np.stack([wave, *[wave // 2] * (channels - 1)], axis=1)


def recording(seconds: float = 0.2, rate: int = RATE, channels: int = 1, start_ns: int = START):
    """Frames at 30 Hz and chunks of 20 ms."""
    sound, length = tone(round(rate * seconds), channels), rate // 50
    frames = [Frame(start_ns + n * NS // 30, picture(n)) for n in range(round(seconds * 30))]
    chunks = [
        AudioChunk(start_ns + at * NS // rate, sound[at : at + length], rate) for at in range(0, len(sound), length)
    ]
    return sorted([*frames, *chunks], key=lambda event: event.stamp_ns)


def split(source):
    events = list(source.events())
    return [e for e in events if isinstance(e, Frame)], [e for e in events if isinstance(e, AudioChunk)]


def said(events):
    """All of a stream of events that matters."""
    return [
        (e.stamp_ns, e.image.tobytes()) if isinstance(e, Frame) else (e.stamp_ns, e.samples.tobytes()) for e in events
    ]


@pytest.mark.parametrize("encoding", [*ENCODINGS, "jpeg", "png"])
def test_images_of_every_encoding_give_the_same_picture(tmp_path, encoding):
    layout = Layout(encoding=encoding, padding=7, big_endian=encoding.endswith("16"), audio_topic="")
    path = write_recording(tmp_path / "bag", recording(), "mcap", layout)
    source = open_recording(path)
    assert (source.size, source.chosen) == ((48, 32), {"image": "/image_raw"})
    assert source.frame_rate_hz == pytest.approx(30, rel=0.01)
    frames, chunks = split(source)
    assert not chunks
    assert [frame.stamp_ns for frame in frames] == [START + n * NS // 30 for n in range(FRAMES)]
    grey = encoding.startswith("mono") or encoding.endswith("C1")
    for number, frame in enumerate(frames):
        wanted = picture(number).astype(int)
        found = frame.image.astype(int)
        if grey:
            wanted, found = wanted.mean(axis=2), found.mean(axis=2)
        # away from the bars' edges, where YUV and bayer share colours between pixels
        inner = [column for column in range(48) if 4 <= column % 16 < 12]
        assert np.abs(found - wanted)[4:-4, inner].max() <= 8


@pytest.mark.parametrize(
    ("kind", "rate", "channels", "storage"),
    [
        *((kind, 16_000, 1, "mcap") for kind in SOUNDS),
        *((kind, 48_000, 2, "sqlite3") for kind in SOUNDS),
        *(("mer", rate, 4, "mcap") for rate in (8_000, 22_050, 44_100)),
    ],
)
def test_sound_of_every_package_gives_the_same_samples(tmp_path, kind, rate, channels, storage):
    sound = [event for event in recording(0.1, rate, channels) if isinstance(event, AudioChunk)]
    path = write_recording(tmp_path / "bag", sound, storage, Layout(sound=kind, audio_topic="/mic"))
    source = open_recording(path, RecordingOptions(audio_rate_hz=rate, audio_channels=channels))
    _, chunks = split(source)
    assert {chunk.sample_rate for chunk in chunks} == {rate}
    assert {chunk.samples.shape[1:] for chunk in chunks} == {() if channels == 1 else (channels,)}
    assert {chunk.stamped for chunk in chunks} == {kind != "raw"}
    assert all(abs(a.stamp_ns - b.stamp_ns) <= 1 for a, b in zip(chunks, sound, strict=True))
    found = np.concatenate([as_int16(chunk.samples) for chunk in chunks])
    assert np.abs(found - np.concatenate([c.samples for c in sound])).max() <= (255 if kind.endswith("int8") else 1)


@pytest.mark.parametrize(
    ("format", "as_bytes"),
    [
        ("S16LE", lambda s: s.astype("<i2")),
        ("S16BE", lambda s: s.astype(">i2")),
        ("S24LE", lambda s: np.stack([s * 0, s & 255, s >> 8], axis=1).astype(np.uint8)),
        ("S32LE", lambda s: s.astype("<i4") << 16),
        ("F32LE", lambda s: (s / 32768).astype("<f4")),
    ],
)
def test_raw_sound_is_what_the_info_beside_it_tells(tmp_path, format, as_bytes):
    samples = tone(960).astype(np.int64)
    with TestBag(tmp_path / "bag") as bag:
        data = np.frombuffer(as_bytes(samples).tobytes(), np.uint8)
        info = {"sample_format": format, "bitrate": 0, "coding_format": "wave"}
        bag.add("/mic/audio_info", "audio_common_msgs/msg/AudioInfo", START, channels=2, sample_rate=48_000, **info)
        bag.add("/mic/audio", "audio_common_msgs/msg/AudioData", START, logged_ns=START + 10 * MS, data=data)
    source = open_recording(tmp_path / "bag")
    assert source.chosen == {"audio": "/mic/audio", "audio_info": "/mic/audio_info"}
    (chunk,) = split(source)[1]
    assert (chunk.sample_rate, chunk.samples.shape, chunk.stamp_ns) == (48_000, (480, 2), START)
    assert np.array_equal(as_int16(chunk.samples).reshape(-1), samples)


def test_a_format_that_nobody_tells_is_guessed_and_said(tmp_path):
    sound = [event for event in recording(0.1) if isinstance(event, AudioChunk)]
    path = write_recording(tmp_path / "bag", sound, "mcap", Layout(sound="raw"))
    source = open_recording(path)
    assert {chunk.sample_rate for chunk in split(source)[1]} == {16_000}
    assert any("16000 Hz, 1 channel, S16LE" in warning for warning in source.warnings)
    assert source.counts["unstamped_audio_chunks"] == 5


def test_the_microphones_parameters_tell_the_format(tmp_path):
    from mer_ros.replay.options import ReplayOptions
    from mer_ros.replay.run import open_source

    sound = [event for event in recording(0.1, 8_000) if isinstance(event, AudioChunk)]
    path = write_recording(tmp_path / "bag", sound, "mcap", Layout(sound="raw"))
    params = tmp_path / "params.yaml"
    params.write_text("microphone:\n  ros__parameters:\n    sample_rate: 8000\n    sample_format: S16BE\n")
    chunk = next(open_source(path, ReplayOptions(params_file=params)).events())
    assert chunk.sample_rate == 8_000
    assert np.array_equal(chunk.samples.byteswap(), sound[0].samples)


def test_coded_sound_is_refused_and_the_images_play(tmp_path):
    with TestBag(tmp_path / "bag") as bag:
        info = {"sample_format": "", "bitrate": 128, "coding_format": "mp3"}
        bag.add("/audio_info", "audio_common_msgs/msg/AudioInfo", START, channels=1, sample_rate=16_000, **info)
        bag.add("/audio", "audio_common_msgs/msg/AudioData", START, data=np.zeros(64, np.uint8))
        bag.image("/image_raw", START, picture(0))
    source = open_recording(tmp_path / "bag")
    assert source.has_video
    assert not source.has_audio
    assert any("'mp3'" in warning for warning in source.warnings)


@pytest.mark.parametrize("portaudio", [False, True])
@pytest.mark.parametrize("storage", STORAGES)
def test_types_are_told_apart_by_the_definitions_in_the_bag(tmp_path, storage, portaudio):
    """Both packages have the same name; here their messages have the same type name too."""
    texts = PORTAUDIO if portaudio else RAW
    message = texts["AudioStamped" if portaudio else "AudioDataStamped"].replace("audio_common_msgs/", "my_sounds/")
    with TestBag(tmp_path / "bag", storage) as bag:
        for name in ("AudioData", "AudioInfo", *(["Audio"] if portaudio else [])):
            bag.define(f"my_sounds/msg/{name}", texts[name].replace("audio_common_msgs/", "my_sounds/"))
        bag.define("my_sounds/msg/Heard", message)
        types = bag.types().types
        samples = tone(320)
        if portaudio:
            arrays = {f"{k}_data": np.zeros(0, k) for k in ("float32", "int32", "int16", "int8", "uint8")}
            data = types["my_sounds/msg/AudioData"](**{**arrays, "int16_data": samples})
            info = types["my_sounds/msg/AudioInfo"](format=8, channels=1, rate=16_000, chunk=320)
            audio = types["my_sounds/msg/Audio"](audio_data=data, info=info)
        else:
            audio = types["my_sounds/msg/AudioData"](data=samples.astype("<i2").view(np.uint8))
        bag.add("/ear", "my_sounds/msg/Heard", START, audio=audio)
    (chunk,) = split(open_recording(tmp_path / "bag"))[1]
    assert np.array_equal(chunk.samples, samples)


@pytest.mark.parametrize("change", ["uint8 extra\n", "string note\nfloat64[3] where\n"])
def test_images_of_another_version_are_read_by_their_own_definition(tmp_path, change):
    text = (
        "std_msgs/Header header\n" + change + "uint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\n"
        "uint32 step\nuint8[] data\n"
    )
    fields = {"extra": 3} if "extra" in change else {"note": "x", "where": np.zeros(3)}
    with TestBag(tmp_path / "bag") as bag:
        bag.types().fielddefs.pop("sensor_msgs/msg/Image")
        bag.types().types.pop("sensor_msgs/msg/Image")
        bag.types().register(get_types_from_msg(text, "sensor_msgs/msg/Image"))
        image = picture(1)
        shape = {"height": 32, "width": 48, "encoding": "rgb8", "is_bigendian": 0, "step": 144}
        bag.add("/eye", "sensor_msgs/msg/Image", START, **fields, **shape, data=image.reshape(-1))
    (frame,) = split(open_recording(tmp_path / "bag"))[0]
    assert np.array_equal(frame.image, image)


def two_of_each(path):
    with TestBag(path) as bag:
        for camera in ("left", "right"):
            bag.image(f"/{camera}/image_raw", START, picture(1 if camera == "left" else 2))
        for ear in ("a", "b"):
            bag.sound(f"/{ear}", START, tone(320), RATE)
        bag.announce("/silent", "mer_msgs/msg/AudioChunk")
        bag.add("/words", "std_msgs/msg/String", START, data="hello")
    return path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"audio_topic": "a"}, ["2 image topics", "/left/image_raw (sensor_msgs/msg/Image)", "/right/image_raw"]),
        ({"image_topic": "/left/image_raw"}, ["2 audio topics, /a (mer_msgs/msg/AudioChunk), /b"]),
        ({"image_topic": "/words", "audio_topic": "/a"}, ["no image topic /words", "/left/image_raw"]),
        ({"image_topic": "/nowhere"}, ["no image topic /nowhere", "/right/image_raw"]),
    ],
)
def test_of_several_topics_one_has_to_be_named(tmp_path, options, said):
    path = two_of_each(tmp_path / "bag")
    with pytest.raises(InputError) as error:
        open_recording(path, RecordingOptions(**options))
    assert all(part in str(error.value) for part in said)
    assert "\n" not in str(error.value)


def test_named_topics_are_used(tmp_path):
    path = two_of_each(tmp_path / "bag")
    source = open_recording(path, RecordingOptions(image_topic="/right/image_raw", audio_topic="b"))
    assert source.chosen == {"image": "/right/image_raw", "audio": "/b"}
    assert np.array_equal(split(source)[0][0].image, picture(2))
    narrow = open_recording(path, RecordingOptions("/right/image_raw", "b", max_width=24))
    assert (narrow.size, split(narrow)[0][0].image.shape) == ((24, 16), (16, 24, 3))


@pytest.mark.parametrize(("missing", "word"), [("image_topic", "images"), ("audio_topic", "sound")])
def test_what_is_absent_is_said_and_the_other_plays(tmp_path, missing, word):
    path = write_recording(tmp_path / "bag", recording(), "mcap", Layout(**{missing: ""}))
    source = open_recording(path)
    frames, chunks = split(source)
    assert (bool(frames), bool(chunks)) == (word == "sound", word == "images")
    assert [warning for warning in source.warnings if f"no {word}" in warning]


@pytest.mark.parametrize("storage", STORAGES)
def test_a_topic_that_starts_late_and_one_that_stops(tmp_path, storage):
    layout = Layout(image_late_s=0.4, audio_until_s=0.3)
    source = open_recording(write_recording(tmp_path / "bag", recording(1.0), storage, layout))
    frames, chunks = split(source)
    assert source.zero_ns == chunks[0].stamp_ns == START
    assert frames[0].stamp_ns >= START + 400 * MS > chunks[-1].stamp_ns + 100 * MS
    assert (len(frames), len(chunks)) == (18, 15)
    assert source.duration_ns == pytest.approx(0.95e9, abs=0.05e9)


def empty(path):
    with TestBag(path) as bag:
        bag.announce("/image_raw", "sensor_msgs/msg/Image")


def only_words(path):
    with TestBag(path) as bag:
        bag.define("their_msgs/msg/Blob", "uint8[] jelly")
        bag.add("/words", "std_msgs/msg/String", START, data="hello")
        bag.add("/blob", "their_msgs/msg/Blob", START, jelly=np.zeros(3, np.uint8))


def unknown_encoding(path):
    with TestBag(path) as bag:
        depth = {"height": 2, "width": 2, "encoding": "32FC1", "is_bigendian": 0, "step": 8}
        bag.add("/depth", "sensor_msgs/msg/Image", START, **depth, data=np.zeros(16, np.uint8))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (empty, ["holds no messages"]),
        (only_words, ["neither images nor sound", "/blob", "/words"]),
        (unknown_encoding, ["1 of 1 messages of /depth cannot be used", "32FC1"]),
    ],
)
def test_a_bag_with_nothing_to_play_is_one_sentence(tmp_path, make, said):
    make(tmp_path / "bag")
    with pytest.raises(InputError) as error:
        open_recording(tmp_path / "bag")
    assert all(part in str(error.value) for part in said)
    assert "\n" not in str(error.value)


def test_corrupt_messages_are_counted_and_passed_over(tmp_path):
    with TestBag(tmp_path / "bag") as bag:
        for number in range(6):
            at_ns = START + number * 20 * MS
            bag.sound("/audio", at_ns, tone(320), RATE)
            if number == 2:
                bag.raw("/audio", "", at_ns + 5 * MS, b"\x00\x01\x00\x00rubbish")
                bag.raw("/audio", "", at_ns + 6 * MS, b"")
                bag.sound("/audio", at_ns + 7 * MS, tone(3, 1), 16_000, logged_ns=at_ns + 7 * MS)
    source = open_recording(tmp_path / "bag")
    assert len(split(source)[1]) == 7
    assert source.counts["refused_audio_chunks"] == 2
    assert any("2 of 9 messages of /audio cannot be used" in warning for warning in source.warnings)


def test_messages_that_come_twice_are_taken_once(tmp_path):
    with TestBag(tmp_path / "bag") as bag:
        for number in range(5):
            at_ns = START + number * 20 * MS
            for logged_ns in (at_ns, at_ns + MS):
                bag.sound("/audio", at_ns, tone(320) + number, RATE, logged_ns=logged_ns)
                bag.image("/image_raw", at_ns, picture(number), logged_ns=logged_ns)
        silence = np.zeros(320, np.int16)  # the same content at another time is no copy
        for number in range(5, 8):
            bag.sound("/audio", START + number * 20 * MS, silence, RATE)
    source = open_recording(tmp_path / "bag")
    frames, chunks = split(source)
    assert (len(frames), len(chunks), source.counts["duplicates"]) == (5, 8, 10)


def test_stamps_are_shifted_when_asked(tmp_path):
    path = write_recording(tmp_path / "bag", recording())
    source = open_recording(path)
    plain, shifted = list(source.events()), list(source.events(5 * NS - source.zero_ns))
    assert [e.stamp_ns - START for e in plain] == [e.stamp_ns - 5 * NS for e in shifted]
    assert all(a.stamp_ns <= b.stamp_ns for a, b in pairwise(plain))


def test_a_folder_of_recordings_is_found_in_the_order_of_names(tmp_path):
    for name in ("b_10", "b_9", "a"):
        write_recording(tmp_path / name, recording(0.1))
    for name in ("b_9.5.mp4", "Z.wav", "notes.txt", ".hidden.wav"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "pictures").mkdir()
    assert [path.name for path in find_recordings(tmp_path)] == ["Z.wav", "a", "b_9", "b_9.5.mp4", "b_10"]
    assert find_recordings(tmp_path / "a") == [tmp_path / "a"]
    for nothing in (tmp_path / "pictures", tmp_path / "nowhere", "~nobody-of-this-name/talk.mp4"):
        with pytest.raises(InputError, match=str(nothing)):
            find_recordings(nothing)
    with pytest.raises(InputError, match="folder but no bag"):
        open_recording(tmp_path)


def test_a_bag_of_ros_1_is_sent_to_its_converter(tmp_path):
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(InputError, match="rosbags-convert"):
        open_recording(tmp_path / "old.bag")


@pytest.mark.parametrize("options", [{"audio_rate_hz": -1}, {"audio_format": "MP3"}, {"max_width": 10**6}])
def test_odd_options_are_refused(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        RecordingOptions(**options)


@pytest.mark.parametrize("other", ["talk.mp4", "walk/"])
def test_a_bag_file_beside_other_recordings_does_not_hide_them(tmp_path, other):
    (tmp_path / "single.mcap").write_bytes(b"")
    if other.endswith("/"):
        write_recording(tmp_path / other, recording(0.1))
    else:
        (tmp_path / other).write_bytes(b"")
    assert find_recordings(tmp_path) == [tmp_path / "single.mcap", tmp_path / other]


def test_the_numbered_files_of_one_bag_are_one_recording(tmp_path):
    for name in ("walk_0.mcap", "walk_1.mcap"):
        (tmp_path / name).write_bytes(b"")
    assert find_recordings(tmp_path) == [tmp_path]
