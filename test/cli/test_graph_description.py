"""The graph as data: what the settings make of nodes, parameters and topics."""

from __future__ import annotations

import argparse
from contextlib import nullcontext

import pytest

from mer_ros import resources
from mer_ros.errors import OptionError
from mer_ros.graph import RECOGNISERS, GraphSettings, NodeSpec, describe
from mer_ros.run import add_setting_arguments, command, settings_from
from mer_ros.speech.recogniser import BACKENDS


def node(name: str, **settings) -> NodeSpec:
    return next(spec for spec in describe(GraphSettings(**settings)).nodes if spec.name == name)


def chosen(*arguments: str) -> GraphSettings:
    parser = argparse.ArgumentParser()
    add_setting_arguments(parser)
    return settings_from(parser.parse_args(arguments))


def test_defaults_leave_everything_to_the_parameter_file():
    graph = describe(chosen())
    for spec in graph.nodes:
        assert dict(spec.parameters) == (
            {"nodes": list(spec.parameters["nodes"])} if "nodes" in spec.parameters else {}
        )
        assert "-p" not in command(spec, graph) or spec.name == "lifecycle_manager"


@pytest.mark.parametrize("composed", [False, True])
def test_who_is_started_again_brings_itself_up(composed):
    graph = describe(GraphSettings(device="cpu", composed=composed))
    for spec in graph.nodes:
        again = spec.again
        words = command(again, graph)
        assert words.count("autostart:=true") == max(1, len(spec.parts)) + bool(spec.parts)
        assert "autostart:=true" not in command(spec, graph)
        assert {part.name for part in again.parts} == {part.name for part in spec.parts}
        assert again.again == again


@pytest.mark.parametrize(
    ("argument", "name", "parameter", "value"),
    [
        ("--compressed", "camera", "compressed", True),
        ("--no-compressed", "camera", "compressed", False),
        ("--use-sim-time", "microphone", "use_sim_time", True),
        ("--no-use-sim-time", "microphone", "use_sim_time", False),
        ("--device=cpu", "fusion", "device", "cpu"),
        ("--recogniser=vosk", "speech_to_text", "recogniser", "vosk"),
    ],
)
def test_what_is_given_overrides_it(argument, name, parameter, value):
    spec = next(spec for spec in describe(chosen(argument)).nodes if spec.name == name)
    assert spec.parameters[parameter] is value or spec.parameters[parameter] == value


def test_an_unknown_device_is_refused():
    with pytest.raises(OptionError, match="abacus"):
        GraphSettings(device="abacus")


def test_the_image_topic_is_meant_for_compressed_images_too():
    assert set(node("camera", image_topic="/cam/image_raw").remappings) == {
        ("image_raw", "/cam/image_raw"),
        ("image_raw/compressed", "/cam/image_raw/compressed"),
    }
    assert node("camera").remappings == ()


def test_what_lies_below_the_topic_of_the_emotions_goes_with_it():
    below = {(f"emotion{part}", f"/head/feelings{part}") for part in ("", "/live", "/events")}
    for listener in ("fusion", "camera", "humans"):
        assert below <= set(node(listener, emotion_topic="/head/feelings", humans=True).remappings), listener


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {}),
        ({"camera": False}, {"await_images": False}),
        ({"microphone": False}, {"await_audio": False}),
        ({"use_sim_time": True}, {"publish_clock": True}),
    ],
)
def test_the_player_waits_only_for_those_who_are_started(settings, expected):
    parameters = dict(node("file_player", play="sample", **settings).parameters)
    assert parameters == {"file": "sample", "use_sim_time": False, **expected}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"namespace": "bad ns"}, "namespace is 'bad ns'"),
        ({"image_topic": "1st"}, "image_topic is '1st'"),
        ({"image_topic": "a__b"}, "image_topic is 'a__b'"),
        ({"audio_topic": "a" * 250}, "has 250 characters"),
        ({"namespace": "~/head"}, "namespace is '~/head'"),
        ({"lifecycle_manager": "camera"}, "as another node is called"),
        ({"lifecycle_manager": "a/b"}, "lifecycle_manager is 'a/b'"),
        ({"lifecycle_manager": ""}, "lifecycle_manager is ''"),
        ({"recogniser": "parrot"}, "moonshine, vosk, outside"),
        ({"play": "nothing.mp4"}, "is no file"),
        ({"models": "nowhere"}, "is no folder"),
        ({"play": "sample", "webcam": "0"}, "exclude each other"),
        (dict.fromkeys(("camera", "microphone", "speech_to_text", "fusion"), False), "no node"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, reason):
    with pytest.raises(OptionError, match=reason):
        GraphSettings(**settings)


def test_a_graph_in_two_halves_is_the_whole_graph():
    robot = describe(GraphSettings(speech_to_text=False, fusion=False, lifecycle_manager="robot_manager"))
    desk = describe(GraphSettings(camera=False, microphone=False, humans=True))
    names = [spec.name for graph in (robot, desk) for spec in graph.nodes]
    assert sorted(names) == sorted(set(names))
    managed = [
        spec.parameters["nodes"] for graph in (robot, desk) for spec in graph.nodes if "nodes" in spec.parameters
    ]
    assert managed == [["camera", "microphone"], ["humans", "fusion", "speech_to_text"]]


@pytest.mark.parametrize("content", ["", "just words", "a: 1", "{broken", "- 1"])
def test_a_file_without_parameters_is_refused(tmp_path, content):
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(OptionError, match=r"mine\.yaml"):
        GraphSettings(params_file=str(file))


@pytest.mark.parametrize(
    ("node", "line", "said"),
    [
        (
            "camera",
            "observer.window_frame: 8",
            "no parameter observer.window_frame: did you mean observer.window_frames?",
        ),
        ("camera", 'observer.window_frames: "many"', "must be a whole number"),
        ("camera", "colour: red", "camera has no parameter colour: config/mer.yaml holds all that there are"),
        ("webcam", "rate_hz: 15", "must be a number with a decimal point"),
        ("robot_manager", "nodes: camera", "must be a list of texts"),
        ("fusoin", "use_face: false", "sets parameters of /**/fusoin alone: the nodes are /camera, /mic"),
    ],
)
def test_what_no_node_has_or_takes_is_refused_before_the_start(tmp_path, node, line, said):
    file = tmp_path / "mine.yaml"
    file.write_text(f"/**/{node}:\n  ros__parameters:\n    {line}\n")
    with pytest.raises(OptionError, match=r"mine\.yaml") as error:
        GraphSettings(params_file=str(file), lifecycle_manager="robot_manager", webcam="0")
    assert said in str(error.value)


@pytest.mark.parametrize("settings", [{"namespace": "head"}, {"camera": False}, {"lifecycle_manager": "of_emotions"}])
def test_nodes_of_others_may_have_the_same_names(tmp_path, settings):
    """A driver that is called camera, in its own namespace or where there is none of ours; nav2's manager."""
    name = "lifecycle_manager" if "lifecycle_manager" in settings else "camera"
    file = tmp_path / "robot.yaml"
    file.write_text(
        f"/**/fusion: {{ros__parameters: {{live: true}}}}\n/{name}: {{ros__parameters: {{enable_color: true}}}}\n"
    )
    GraphSettings(params_file=str(file), **settings)
    with pytest.raises(OptionError, match="no parameter enable_color"):
        GraphSettings(params_file=str(file))


def test_parameters_for_another_namespace_alone_are_refused(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("camera: {ros__parameters: {compressed: true}}\n")
    GraphSettings(params_file=str(file))
    with pytest.raises(OptionError, match="sets parameters of /camera alone: the nodes are /a/b/camera"):
        GraphSettings(params_file=str(file), namespace="/a/b/")


def test_the_shipped_parameters_and_those_of_other_nodes_are_taken(tmp_path):
    GraphSettings(params_file=str(resources.config_dir() / "mer.yaml"))
    file = tmp_path / "robot.yaml"
    file.write_text(
        "/**: {ros__parameters: {use_sim_time: true, of_a_driver: 3}}\nbase: {ros__parameters: {wheels: 4}}\n"
        "head: {camera: {ros__parameters: {people: {forget_s: 1e3}, start_type_description_service: false}}}\n"
    )
    GraphSettings(params_file=str(file))


@pytest.mark.parametrize(("name", "is_one"), [("~/mine", True), ("/a/b", True), ("~mine", False), ("a//b", False)])
def test_private_and_absolute_topics(name, is_one):
    with nullcontext() if is_one else pytest.raises(OptionError, match="image_topic"):
        GraphSettings(image_topic=name)


@pytest.mark.parametrize("namespace", ["", "head", "/head", "/a/b_2/"])
def test_namespaces_with_and_without_slashes(namespace):
    assert GraphSettings(namespace=namespace).namespace == namespace


def test_the_recognisers_are_those_of_the_speech_room():
    assert (*BACKENDS, "outside") == RECOGNISERS


def test_only_who_publishes_images_keeps_memory_for_them():
    graph = describe(GraphSettings(play="sample"))
    small = {spec.name for spec in graph.nodes if any("small" in file for file in spec.environment.values())}
    assert small == {"fusion", "speech_to_text", "microphone", "lifecycle_manager"}
    assert not describe(GraphSettings(composed=True)).nodes[0].environment


@pytest.mark.parametrize("composed", [False, True])
def test_a_part_of_a_graph_is_set_up_for_a_link_to_another_machine(composed):
    graph = describe(GraphSettings(speech_to_text=False, fusion=False, play="sample", composed=composed))
    far = {spec.name for spec in graph.nodes if any("far" in file for file in spec.environment.values())}
    assert far == ({"composed"} if composed else {"camera", "microphone", "lifecycle_manager"})
    assert not any("far" in file for file in graph.environment.values())


@pytest.mark.parametrize("without", ["speech_to_text", "camera", "microphone"])
def test_a_graph_that_does_without_a_sense_is_all_here(without):
    assert not any(spec.far for spec in describe(GraphSettings(**{without: False})).nodes)
