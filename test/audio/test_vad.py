from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from mer_ros.audio.vad import VAD_NAMES, SileroVad, WebRtcVad, make_vad
from mer_ros.errors import InputError, ModelError, OptionError


@pytest.fixture(params=VAD_NAMES)
def vad(request):
    if request.param == "silero" and importlib.util.find_spec("silero_vad") is None:
        pytest.skip("silero_vad, which carries the model, is not installed")
    return make_vad(request.param)


def judged(vad, samples):
    frames = samples[: len(samples) // vad.frame_length * vad.frame_length].reshape(-1, vad.frame_length)
    return np.array([vad.probability(frame) for frame in frames])


def test_speech_and_silence(vad, speech):
    said = judged(vad, speech[: 16_000 * 10])
    assert ((said >= 0) & (said <= 1)).all()
    assert np.mean(said > 0.5) > 0.5
    vad.reset()
    assert np.mean(judged(vad, np.zeros(16_000, np.int16))) < 0.1


def test_reset_forgets(vad, speech):
    first = judged(vad, speech[:32_000])
    assert len(np.unique(first)) > 1
    vad.reset()
    np.testing.assert_array_equal(judged(vad, speech[:32_000]), first)


@pytest.mark.parametrize("frame", [np.zeros(100, np.int16), np.zeros(0, np.int16), np.zeros((2, 512), np.int16)])
def test_wrong_frames_are_refused(vad, frame):
    with pytest.raises(InputError, match=str(vad.frame_length)):
        vad.probability(frame)
    with pytest.raises(InputError, match="float32"):
        vad.probability(np.zeros(vad.frame_length, np.float32))


@pytest.mark.parametrize("frame_ms", [10, 20, 30])
@pytest.mark.parametrize("aggressiveness", [0, 1, 2, 3])
def test_webrtc_options(frame_ms, aggressiveness):
    vad = WebRtcVad(aggressiveness, frame_ms)
    assert vad.frame_length == 16 * frame_ms
    assert vad.probability(np.zeros(vad.frame_length, np.int16)) == 0.0


@pytest.mark.parametrize("options", [{"aggressiveness": 4}, {"aggressiveness": -1}, {"frame_ms": 25}])
def test_bad_webrtc_options_are_refused(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        WebRtcVad(**options)


def test_unknown_name_lists_the_known():
    with pytest.raises(OptionError, match="webrtc, silero"):
        make_vad("energy")


def test_bad_silero_files_are_refused(tmp_path):
    with pytest.raises(ModelError, match="no Silero"):
        SileroVad(tmp_path / "none.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="cannot be opened by ONNX Runtime"):
        SileroVad(broken)


def test_silero_brings_no_torch():
    if importlib.util.find_spec("silero_vad") is None:
        pytest.skip("silero_vad, which carries the model, is not installed")
    code = "import sys; from mer_ros.audio.vad import SileroVad; SileroVad(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
