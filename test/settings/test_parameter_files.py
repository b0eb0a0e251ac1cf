"""Parameter files read without ROS 2: as the nodes would take them, or refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from mer_ros import resources
from mer_ros.errors import OptionError
from mer_ros.replay.options import ReplayOptions
from mer_ros.settings.files import Settings, read_settings
from mer_ros.settings.tables import TABLES


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def test_the_shipped_file_sets_every_default():
    for node, settings in read_settings(resources.config_dir() / "mer.yaml").items():
        assert dict(settings) == {item.name: item.default for item in TABLES[node]}
        assert settings.changed() == {}


@pytest.mark.parametrize(
    "text",
    [
        "/**/microphone:\n  ros__parameters:\n    segmenter.hang_over_ms: 900.0\n",
        "microphone:\n  ros__parameters:\n    segmenter:\n      hang_over_ms: 900.0\n",
        "/head/microphone:\n  ros__parameters: {segmenter.hang_over_ms: 900.0, use_sim_time: true}\n",
        "head:\n  microphone:\n    ros__parameters:\n      segmenter.hang_over_ms: 900.0\n",
        "/**:\n  ros__parameters:\n    segmenter.hang_over_ms: 900.0\n    something.of: another node\n",
        "/microphone:\n  ros__parameters: {segmenter.hang_over_ms: 9e2, start_type_description_service: false}\n",
        "other:\n  ros__parameters: {rate: 3}\n/*/microphone:\n  ros__parameters: {segmenter.hang_over_ms: 900.0}\n",
    ],
)
def test_every_layout_of_ros_is_understood(tmp_path, text):
    read = read_settings(write(tmp_path, text))
    assert read["microphone"]["segmenter.hang_over_ms"] == 900.0
    assert read["microphone"].group("segmenter")["hang_over_ms"] == 900.0
    assert {node: s.changed() for node, s in read.items() if s.changed()} == {
        "microphone": {"segmenter.hang_over_ms": 900.0}
    }


@pytest.mark.parametrize(
    ("node", "line", "said"),
    [
        ("microphone", "segmenter.hang_ms: 900.0", "no parameter segmenter.hang_ms"),
        ("microphone", "segmenter.hang_over_ms: 900", "decimal point"),
        ("microphone", "segmenter.hang_over_ms: 9.0", "100.0..5000.0"),
        ("microphone", "vad: loud", "webrtc, silero"),
        ("camera", "observer.window_frames: 16.0", "a whole number"),
        ("camera", "observer.window_frames: true", "a whole number"),
        ("fusion", "use_face: 1", "true or false"),
        ("fusion", "models: 3", "a text"),
        ("fusion", "fusion.trust: [1.0, 1.0]", "a list of 3"),
        ("fusion", "fusion.trust: [1, 1, 1]", "a list of 3"),
    ],
)
def test_what_a_node_would_refuse_is_refused(tmp_path, node, line, said):
    path = write(tmp_path, f"{node}:\n  ros__parameters:\n    {line}\n")
    with pytest.raises(OptionError, match=r"mine\.yaml") as error:
        read_settings(path)
    assert said in str(error.value)


@pytest.mark.parametrize("text", ["", "a: [", "- 1\n- 2\n", "microphone: {vad: webrtc}\n"])
def test_a_file_that_is_none_is_refused(tmp_path, text):
    with pytest.raises(OptionError, match=r"mine\.yaml"):
        read_settings(write(tmp_path, text))
    with pytest.raises(OptionError, match="cannot be read"):
        read_settings(tmp_path / "absent.yaml")


def test_a_file_for_other_nodes_alone_is_refused(tmp_path):
    with pytest.raises(OptionError, match=r"sets parameters of base, fusoin alone: the nodes are .*fusion"):
        read_settings(write(tmp_path, "fusoin: {ros__parameters: {a: 1}}\nbase: {ros__parameters: {b: 1}}\n"))


def test_options_go_before_the_file(tmp_path):
    path = write(tmp_path, "fusion:\n  ros__parameters: {device: auto, use_text: false}\n")
    settings = ReplayOptions(params_file=path, device="cpu", recogniser="vosk").settings()
    assert settings["fusion"]["device"] == "cpu"
    assert settings["fusion"]["use_text"] is False
    assert settings["speech_to_text"]["recogniser"] == "vosk"


@pytest.mark.parametrize("wrong", [{"models": "/no"}, {"device": "abacus"}, {"recogniser": "ear"}, {"chunk_ms": 0}])
def test_a_wrong_option_is_refused(wrong):
    with pytest.raises(OptionError, match=str(next(iter(wrong)))):
        ReplayOptions(**wrong)


def test_settings_refuse_what_a_node_does_not_have():
    with pytest.raises(OptionError, match="no parameter nose"):
        Settings("camera", {"nose": 1})
