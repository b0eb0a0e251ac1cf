"""Sound of any file, as the pipeline hears it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from mer_ros.audio.listener import SpeechListener
from mer_ros.errors import InputError
from mer_ros.utterance import SAMPLE_RATE, AudioChunk, SpeechState

SILENCE_S = 0.7  # around a clip, for the listener to settle and to notice its end


def read_sound(path: Path) -> NDArray[np.int16]:
    """The sound of any file that FFmpeg reads: int16 [n], mixed to mono, resampled to 16 kHz. Raises InputError."""
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError(f"{path} holds no sound; name a file that does")
            frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path} cannot be read as sound ({error}); name a FLAC, WAV or video file") from error
    return np.concatenate([np.zeros(0, np.int16), *(frame.to_ndarray()[0] for frame in frames)])


def heard(samples: NDArray[np.int16], listener: SpeechListener) -> NDArray[np.int16]:
    """The longest utterance that the live graph would cut from a clip, or all of it when it would hear none.

    Corpora leave silence around their sentences, and the segmenter does not: a network that has only met the one
    takes the other for something else. samples: int16 [n] at 16 kHz. The listener is reset.
    """
    silence = np.zeros(round(SILENCE_S * SAMPLE_RATE), np.int16)
    listener.reset()
    clip = AudioChunk(0, np.concatenate([silence, samples, silence]), SAMPLE_RATE)
    pieces = [piece for piece in listener.push(clip) + listener.flush() if piece.state is SpeechState.ENDED]
    return max((piece.samples for piece in pieces), key=len, default=samples)
