from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from mer_ros.errors import InputError
from mer_ros.replay.media import MediaSource
from mer_ros.utterance import AudioChunk, Frame

RATE = 48_000
START = 1_700_000_000_000_000_000


def write(path: Path, times_ms: list[int] | None, sound_s: float = 0.0, sound_at_ms: int = 0, channels: int = 1):
    """A file whose frame k is grey k*8 at times_ms[k], and whose sound is a tone of 440 Hz."""
    with av.open(str(path), "w") as out:
        if times_ms is not None:
            video = out.add_stream("ffv1", rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "bgr0"
            video.codec_context.time_base = video.time_base = Fraction(1, 1000)
        if sound_s:
            sound = out.add_stream("pcm_s16le", rate=RATE, layout="stereo" if channels == 2 else "mono")
        for number, time in enumerate(times_ms or []):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 8 % 256, np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            out.mux(video.encode(frame))
        if times_ms is not None:
            out.mux(video.encode(None))
        if sound_s:
            tone = 8000 * np.sin(2 * np.pi * 440 * np.arange(int(RATE * sound_s)) / RATE)
            data = np.repeat(tone.astype(np.int16), channels)[None]
            block = av.AudioFrame.from_ndarray(data, format="s16", layout="stereo" if channels == 2 else "mono")
            block.sample_rate = RATE
            block.pts, block.time_base = RATE * sound_at_ms // 1000, Fraction(1, RATE)
            out.mux(sound.encode(block))
            out.mux(sound.encode(None))
    return path


def split(events):
    events = list(events)
    frames = [e for e in events if isinstance(e, Frame)]
    return events, frames, [e for e in events if isinstance(e, AudioChunk)]


def test_variable_frame_rate_keeps_every_stamp(tmp_path):
    times = [0, 40, 200, 210, 900, 905, 1000]
    source = MediaSource(write(tmp_path / "a.mkv", times, 1.0))
    assert (source.has_video, source.has_audio, source.size) == (True, True, (64, 48))
    events, frames, chunks = split(source.events(START))
    assert [f.stamp_ns - START for f in frames] == [t * 1_000_000 for t in times]
    assert [int(f.image[0, 0, 0]) for f in frames] == [8 * k for k in range(7)]
    assert [e.stamp_ns for e in events] == sorted(e.stamp_ns for e in events)
    assert all(isinstance(e.stamp_ns, int) for e in events)
    assert frames[0].image.dtype == np.uint8
    assert frames[0].image.shape == (48, 64, 3)
    assert chunks[0].stamp_ns == START


@pytest.mark.parametrize("chunk_ms", [1, 20, 33, 400, 5000])
def test_sound_is_whole_whatever_the_chunk(tmp_path, chunk_ms):
    source = MediaSource(write(tmp_path / "a.mkv", None, 1.3, channels=2))
    assert not source.has_video
    assert source.has_audio
    _, frames, chunks = split(source.events(START, chunk_ms=chunk_ms))
    assert not frames
    sound = np.concatenate([c.samples for c in chunks])
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(int(RATE * 1.3)) / RATE)).astype(np.int16)
    assert sound.dtype == np.int16
    assert np.array_equal(sound, np.repeat(tone[:, None], 2, axis=1))
    counted = 0
    for chunk in chunks:
        assert abs(chunk.stamp_ns - START - counted * 1_000_000_000 / RATE) < 1000
        counted += len(chunk.samples)
    assert {len(c.samples) for c in chunks[:-1]} <= {RATE * chunk_ms // 1000}


def test_sound_and_video_stay_aligned(tmp_path):
    source = MediaSource(write(tmp_path / "a.mkv", [300, 340, 380], 0.5, sound_at_ms=100))
    _, frames, chunks = split(source.events(0))
    assert chunks[0].stamp_ns == 0  # the earliest of the two
    assert frames[0].stamp_ns == 200_000_000


def test_video_without_sound(tmp_path):
    source = MediaSource(write(tmp_path / "a.mkv", [0, 40, 80]))
    assert source.has_video
    assert not source.has_audio
    assert len(split(source.events())[1]) == 3


def test_wide_frames_are_scaled_when_asked(tmp_path):
    path = write(tmp_path / "a.mkv", [0, 40])
    source = MediaSource(path, max_width=32)
    assert source.size == (32, 24)
    assert next(source.events()).image.shape == (24, 32, 3)
    assert MediaSource(path, max_width=1000).size == (64, 48)


def test_a_file_cut_short_gives_what_it_has(tmp_path):
    path = write(tmp_path / "a.mkv", list(range(0, 4000, 40)), 2.0)
    whole = len(split(MediaSource(path).events())[1])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 0 < len(split(MediaSource(path).events())[1]) < whole


def test_damage_within_a_file_is_counted(tmp_path):
    path = write(tmp_path / "a.mkv", list(range(0, 4000, 40)))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = b"\xff" * 3000
    path.write_bytes(bytes(data))
    source = MediaSource(path)
    stamps = [e.stamp_ns for e in source.events()]
    assert stamps == sorted(stamps)
    assert 10 < len(stamps) <= 100


@pytest.mark.parametrize(
    ("content", "part"),
    [(None, "there is no file"), (b"", "no sound or video file"), (b"words, not pictures\n" * 40, "")],
)
def test_what_is_no_recording_is_refused_in_one_sentence(tmp_path, content, part):
    path = tmp_path / "x.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as error:
        list(MediaSource(path).events())
    assert part in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_and_an_address_are_refused(tmp_path):
    for path in (tmp_path, "http://127.0.0.1:9/film.mp4"):
        with pytest.raises(InputError, match=r"is no file|there is no file"):
            MediaSource(path)


def with_sounds(path: Path, rates: list[int]) -> Path:
    """A file with a stream of sound at each rate, the first a second of silence, each next one louder."""
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("pcm_s16le", rate=rate, layout="mono") for rate in rates]
        for number, (stream, rate) in enumerate(zip(streams, rates, strict=True)):
            block = av.AudioFrame.from_ndarray(np.full((1, rate), 1000 * number, np.int16), format="s16", layout="mono")
            block.sample_rate, block.pts, block.time_base = rate, 0, Fraction(1, rate)
            out.mux(stream.encode(block))
    return path


def test_of_several_sounds_the_first_is_heard_and_that_is_told(tmp_path):
    source = MediaSource(with_sounds(tmp_path / "a.mkv", [16_000, 48_000]))
    assert not np.concatenate([c.samples for c in split(source.events())[2]]).any()
    assert "a.mkv: stream 0 alone is heard, of its sound streams 0, 1" in source.warnings


def test_what_is_too_slow_for_a_sound_is_left_out(tmp_path):
    source = MediaSource(with_sounds(tmp_path / "a.mkv", [100, 16_000]))
    chunks = split(source.events())[2]
    assert {c.sample_rate for c in chunks} == {16_000}
    assert chunks[0].samples.max() == 1000
    assert source.warnings[:1] == ["a.mkv: the sound of stream 0 has 100 Hz, and is left out; 8000 to 192000 are taken"]
    with pytest.raises(InputError, match=r"neither sound nor video \(the sound of stream 0 has 1 Hz"):
        MediaSource(with_sounds(tmp_path / "b.wav", [1]))


def test_a_sound_that_nothing_decodes_is_left_out(tmp_path):
    path = with_sounds(tmp_path / "a.mkv", [16_000, 16_000])
    path.write_bytes(path.read_bytes().replace(b"A_PCM/INT/LIT", b"A_NEW/FOR/ALL", 1))
    source = MediaSource(path)
    assert split(source.events())[2][0].samples.max() == 1000
    fault = "the sound of stream 0 is of a kind that nothing here decodes, and is left out"
    assert source.warnings[:1] == [f"a.mkv: {fault}"]
    path.write_bytes(path.read_bytes().replace(b"A_PCM/INT/LIT", b"A_NEW/FOR/ALL"))
    with pytest.raises(InputError, match=rf"neither sound nor video \({fault}; "):
        MediaSource(path)


def test_chunk_length_is_checked(tmp_path):
    source = MediaSource(write(tmp_path / "a.mkv", None, 0.1))
    with pytest.raises(InputError, match="chunk_ms is 0"):
        next(source.events(chunk_ms=0))


def test_real_clip(shared):
    source = MediaSource(shared / "clips" / "bbaf2n.mpg")
    _, frames, chunks = split(source.events(START))
    assert len(frames) == 75
    assert frames[0].image.shape == (288, 360, 3)
    assert {c.sample_rate for c in chunks} == {44_100}
    assert abs(sum(len(c.samples) for c in chunks) / 44_100 - 3) < 0.1
    assert np.abs(np.concatenate([c.samples for c in chunks])).max() > 1000
    assert source.duration_ns == pytest.approx(3e9, rel=0.02)
