"""Sound of any file, as the pipeline hears it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError
from mer_ros.utterance import SAMPLE_RATE


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
