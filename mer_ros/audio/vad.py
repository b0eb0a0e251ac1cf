"""Voice activity: how probably a frame of sound holds speech. Two detectors, one contract."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError, MissingDependencyError, ModelError, OptionError
from mer_ros.inference import Session
from mer_ros.utterance import SAMPLE_RATE

VAD_NAMES = ("webrtc", "silero")


class VoiceActivity(Protocol):
    """Judges successive frames of one signal, each int16 [frame_length] at 16 kHz."""

    frame_length: int

    def probability(self, frame: NDArray[np.int16]) -> float:
        """0..1 that the frame holds speech; InputError for another length or type."""

    def reset(self) -> None:
        """Forget the signal so far."""


class WebRtcVad:
    """The detector of WebRTC, a Gaussian mixture over six bands: 0 or 1 for each frame, some 10 us.

    aggressiveness: 0 (takes most for speech) to 3 (takes least). frame_ms: 10, 20 or 30.
    """

    def __init__(self, aggressiveness: int = 2, frame_ms: int = 30) -> None:
        if aggressiveness not in range(4):
            raise OptionError(f"VAD aggressiveness is {aggressiveness}: give 0, 1, 2 or 3")
        if frame_ms not in (10, 20, 30):
            raise OptionError(f"VAD frame_ms is {frame_ms}: give 10, 20 or 30")
        try:
            import webrtcvad
        except ImportError as error:
            raise MissingDependencyError("webrtcvad is not installed: pip install webrtcvad-wheels") from error
        self._make = lambda: webrtcvad.Vad(aggressiveness)
        self.frame_length = SAMPLE_RATE * frame_ms // 1000
        self.reset()

    def reset(self) -> None:
        """Forget the signal so far."""
        self._vad = self._make()

    def probability(self, frame: NDArray[np.int16]) -> float:
        """1.0 for speech, else 0.0."""
        _check(frame, self.frame_length)
        return float(self._vad.is_speech(frame.tobytes(), SAMPLE_RATE))


class SileroVad:
    """Silero VAD (version 5 or 6, MIT), a recurrent network in ONNX; frames of 512 samples, 32 ms.

    model_file: its `silero_vad.onnx`; None takes the one inside an installed `silero_vad` package, which is not
    imported and need not have its own dependencies.
    """

    frame_length = 512
    _CONTEXT = 64  # samples of the frame before that the network wants to see again

    def __init__(self, model_file: str | Path | None = None) -> None:
        path = Path(model_file) if model_file else _packaged_silero()
        if not path.is_file():
            raise ModelError(f"no Silero VAD model at {path}: give the path of silero_vad.onnx")
        self._session = Session(path.read_bytes(), path.name)
        names = {value.name for value in self._session.inputs}
        if names != {"input", "state", "sr"}:
            raise ModelError(f"{path} takes {sorted(names)}, not input, sr and state: give silero_vad.onnx of v5 or v6")
        self.reset()

    def reset(self) -> None:
        """Forget the signal so far."""
        self._state: NDArray[Any] = np.zeros((2, 1, 128), np.float32)
        self._input = np.zeros((1, self._CONTEXT + self.frame_length), np.float32)
        self._rate = np.array(SAMPLE_RATE, np.int64)

    def probability(self, frame: NDArray[np.int16]) -> float:
        """0..1, given the frames before."""
        _check(frame, self.frame_length)
        self._input[0, : self._CONTEXT] = self._input[0, -self._CONTEXT :]
        self._input[0, self._CONTEXT :] = frame / np.float32(32768)
        feed: dict[str, NDArray[Any]] = {"input": self._input, "state": self._state, "sr": self._rate}
        output, self._state = self._session.run(["output", "stateN"], feed)
        return float(output[0, 0])


def make_vad(
    name: str, *, aggressiveness: int = 2, frame_ms: int = 30, model_file: str | Path | None = None
) -> VoiceActivity:
    """The detector of that name, one of `VAD_NAMES`; OptionError for another name."""
    if name == "webrtc":
        return WebRtcVad(aggressiveness, frame_ms)
    if name == "silero":
        return SileroVad(model_file)
    raise OptionError(f"voice activity detector {name!r}: give one of {', '.join(VAD_NAMES)}")


def _packaged_silero() -> Path:
    spec = importlib.util.find_spec("silero_vad")
    if spec is None or spec.origin is None:
        raise MissingDependencyError("silero_vad is not installed: pip install --no-deps silero-vad, or name its file")
    return Path(spec.origin).parent / "data" / "silero_vad.onnx"


def _check(frame: NDArray[np.int16], length: int) -> None:
    if frame.shape != (length,) or frame.dtype != np.int16:
        raise InputError(f"a VAD frame of {frame.shape} {frame.dtype}: int16 of shape ({length},) is accepted")
