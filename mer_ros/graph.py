"""The graph described once: what `ros2 launch` and `mer run` start, and with which settings.

Pure data; nothing here imports rclpy or launch.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mer_ros import resources
from mer_ros.errors import OptionError
from mer_ros.settings.checked import check_parameters, shipped_parameters

LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")
DEVICES = ("auto", "cpu", "cuda", "tensorrt")
FACES_FROM = ("detector", "humans")
RECOGNISERS = ("moonshine", "vosk", "outside")
SAMPLE = "sample"
# In the order of bringing up: who listens comes before who speaks, so that nothing is lost at the start.
LIFECYCLE = ("fusion", "speech_to_text", "camera", "microphone")
OPTIONAL = ("humans",)  # likewise, and before those
BROUGHT_UP = (*OPTIONAL, *LIFECYCLE)

_WITHOUT_IMAGES = ("fusion", "speech_to_text", "microphone", "humans", "audio_device", "lifecycle_manager")
_DRIVERS = {"webcam": "webcam", "audio_device": "audio_device", "file_player": "play"}  # by what starts them
_NAME = re.compile(r"(~?/)?[A-Za-z_]\w*(/[A-Za-z_]\w*)*", re.ASCII)
_LONGEST_NAME = 245  # RMW_NAMESPACE_MAX_LENGTH; that of topics is 247
_NODE_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NAMING = "ROS 2 names hold letters, digits and underscores, parts are set apart by '/', and none begins with a digit"


def _setting(default: Any, text: str, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"text": text, "choices": choices})


@dataclass(frozen=True)
class GraphSettings:
    """What can be chosen when the graph is started; each is a launch argument and an option of `mer run`.

    What is left empty (None or '') is as the parameter file says: a default here would override that file.
    """

    namespace: str = _setting("", "namespace of all nodes and topics")
    image_topic: str = _setting("image_raw", "topic of the camera driver")
    compressed: bool | None = _setting(
        None, "the camera driver publishes sensor_msgs/CompressedImage; empty: as the parameters say"
    )
    faces_from: str = _setting("", "who finds faces; humans: a ROS4HRI node; empty: as the parameters say", FACES_FROM)
    audio_topic: str = _setting("audio", "topic of the audio driver")
    robot_speaking_topic: str = _setting("robot_speaking", "topic that tells while the robot speaks (std_msgs/Bool)")
    words_topic: str = _setting("words", "topic of an outside recogniser, with the recogniser 'outside'")
    words_type: str = _setting(
        "", "type of that topic, for instance hri_msgs/msg/LiveSpeech; empty: as the parameters say"
    )
    emotion_topic: str = _setting("emotion", "topic of the emotions; below it are /live (interim ones) and /events")
    camera: bool = _setting(True, "start the camera node")
    microphone: bool = _setting(True, "start the microphone node")
    speech_to_text: bool = _setting(True, "start the speech-to-text node")
    fusion: bool = _setting(True, "start the fusion node")
    humans: bool = _setting(False, "start the humans node, which tells of people as ROS4HRI does; needs hri_msgs")
    lifecycle_manager: str = _setting(
        "lifecycle_manager", "name of the node that brings these up; give each machine of a graph its own"
    )
    webcam: str = _setting("", "start the webcam driver on this device: an index or a path; empty: no driver")
    audio_device: str = _setting(
        "", "start the audio driver on this device: an index, part of a name, or 'default'; empty: no driver"
    )
    play: str = _setting(
        "", "play this bag, video or sound as camera and microphone, and end with it; 'sample': the sample dialogue"
    )
    recogniser: str = _setting("", "speech recogniser; empty: as the parameters say", RECOGNISERS)
    recogniser_model: str = _setting("", "model folder of the recogniser, for vosk")
    params_file: str = _setting("", "parameter file; empty: config/mer.yaml of this package")
    models: str = _setting("", "model folder; empty: the models of this package")
    device: str = _setting("", "where models run; empty: as the parameters say", DEVICES)
    log_level: str = _setting("info", "least severity that is logged", LOG_LEVELS)
    use_sim_time: bool | None = _setting(None, "take the time from /clock; empty: as the parameters say")
    respawn: bool = _setting(True, "start a node again when it ends by itself")
    composed: bool = _setting(
        False, "run all nodes in one process: less memory, but a crash of the process is one of all"
    )

    def __post_init__(self) -> None:
        for name in ("play", "params_file", "models"):  # a shell leaves the ~ of play:=~/talk.mp4 as it is
            object.__setattr__(self, name, os.path.expanduser(getattr(self, name)))
        for item in fields(self):
            value, choices = getattr(self, item.name), item.metadata["choices"]
            if choices and value not in ("", *choices):
                raise OptionError(f"{item.name} is '{value}'; choose one of: {', '.join(choices)}")
            if item.name.endswith("_topic"):
                check_name(item.name, value)
        if not _NODE_NAME.fullmatch(self.lifecycle_manager):
            raise OptionError(f"lifecycle_manager is '{self.lifecycle_manager}'; {_NAMING}, and a node's has no '/'")
        if self.lifecycle_manager in (*BROUGHT_UP, *_DRIVERS):
            raise OptionError(
                f"lifecycle_manager is '{self.lifecycle_manager}', as another node is called; choose another"
            )
        if self.namespace:
            check_name("namespace", self.namespace.strip("/"), private=False)
        if self.models and not Path(self.models).is_dir():
            raise OptionError(f"models is '{self.models}', which is no folder; give one, or leave it empty")
        if self.params_file:
            check_parameters(Path(self.params_file), self.namespace, _started(self), self.lifecycle_manager)
        if self.play and (self.webcam or self.audio_device):
            raise OptionError(
                "play and webcam or audio_device exclude each other; choose one source of camera and sound"
            )
        if self.play not in ("", SAMPLE) and not Path(self.play).exists():
            raise OptionError(f"play is '{self.play}', which is no file; give a bag, video or sound, or '{SAMPLE}'")
        if not any(getattr(self, name) for name in (*BROUGHT_UP, "webcam", "audio_device", "play")):
            raise OptionError("no node is to be started; leave at least one of them on")


def check_name(setting: str, name: str, *, private: bool = True) -> None:
    """Raise OptionError for what is no name of a topic or namespace. private: whether one below ~/ is."""
    if not _NAME.fullmatch(name) or (name.startswith("~") and not private) or "__" in name:
        raise OptionError(f"{setting} is '{name}'; {_NAMING}, and no '__' is in it")
    if len(name) > _LONGEST_NAME:
        raise OptionError(f"{setting} has {len(name)} characters; ROS 2 takes {_LONGEST_NAME} at most")


def emotion_topics(emotion_topic: str) -> tuple[tuple[str, str], ...]:
    """The remappings that move the emotions, and what lies below them."""
    return tuple((f"emotion{below}", f"{emotion_topic}{below}") for below in ("", "/live", "/events"))


def _started(settings: GraphSettings) -> list[str]:
    """The names of the nodes that such a graph has."""
    chosen = [name for name in BROUGHT_UP if getattr(settings, name)]
    drivers = [name for name, source in _DRIVERS.items() if getattr(settings, source)]
    return chosen + drivers + [settings.lifecycle_manager] * bool(chosen)


def is_flag(setting: Field[Any]) -> bool:
    """Return whether a setting is yes or no; or, where its default is None, as the parameters say."""
    return setting.default is None or isinstance(setting.default, bool)


@dataclass(frozen=True)
class NodeSpec:
    """One process: an executable of this package, with its name, parameters and remappings.

    respawn: it is started again when it ends. ends_graph: when it ends, all others are ended as well.
    parts: the nodes that live in it; none for a process that is one node.
    far: the other nodes of the graph run on another machine.
    """

    executable: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    remappings: tuple[tuple[str, str], ...] = ()
    respawn: bool = True
    ends_graph: bool = False
    parts: tuple[NodeSpec, ...] = ()
    far: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """What it needs besides the environment of the graph."""
        if self.far and self.executable not in _DRIVERS:  # what those publish stays on their machine
            return resources.dds_environment(far=True)
        return resources.dds_environment(images=False) if self.executable in _WITHOUT_IMAGES else {}

    @property
    def again(self) -> NodeSpec:
        """As it is started after it has ended by itself: it does not wait until it is found and brought up."""
        parts = tuple(part.again for part in self.parts)
        return replace(self, parameters={**self.parameters, "autostart": True}, parts=parts)

    @property
    def own_arguments(self) -> list[str]:
        """Parameters and remappings as arguments of ROS 2."""
        arguments = []
        for name, value in self.parameters.items():
            arguments += ["-p", f"{name}:={json.dumps(value)}"]  # JSON is YAML, and keeps "0" a string
        for old, new in self.remappings:
            arguments += ["-r", f"{old}:={new}"]
        return arguments

    @property
    def part_arguments(self) -> list[str]:
        """What tells the executable `composed` which nodes it holds."""
        arguments = []
        for part in self.parts:
            arguments += [part.executable]
            arguments += ["--ends-graph"] * part.ends_graph + ["--no-respawn"] * (not part.respawn)
            arguments += ["--ros-args", *part.own_arguments, "--"]
        return arguments


@dataclass(frozen=True)
class Graph:
    """All processes in the order in which they are brought up, and the environment that they run in."""

    nodes: tuple[NodeSpec, ...]
    params_file: Path
    namespace: str
    log_level: str
    environment: Mapping[str, str]


def describe(settings: GraphSettings) -> Graph:
    """Return the graph for these settings."""
    common = _given(use_sim_time=settings.use_sim_time)
    specific: dict[str, dict[str, Any]] = {
        "fusion": _given(models=settings.models, device=settings.device),
        "speech_to_text": _given(
            recogniser=settings.recogniser, model=settings.recogniser_model, words_type=settings.words_type
        ),
        "camera": _given(compressed=settings.compressed, models=settings.models, faces_from=settings.faces_from),
        "microphone": {},
        "humans": _given(faces_from=settings.faces_from),
    }
    emotions = emotion_topics(settings.emotion_topic)
    remappings = {
        "fusion": (*emotions, ("emotion/classification", f"{settings.emotion_topic}/classification")),
        "humans": emotions,
        "speech_to_text": (("words", settings.words_topic),),
        "camera": (
            *emotions,  # which it draws
            ("image_raw", settings.image_topic),
            ("image_raw/compressed", f"{settings.image_topic}/compressed"),
        ),
        "microphone": (("audio", settings.audio_topic), ("robot_speaking", settings.robot_speaking_topic)),
    }
    chosen = [name for name in BROUGHT_UP if getattr(settings, name)]
    nodes = [
        NodeSpec(name, name, {**common, **specific[name]}, _real(remappings[name]), settings.respawn) for name in chosen
    ]
    nodes += _drivers(settings, common)
    if chosen:
        nodes.append(NodeSpec("lifecycle_manager", settings.lifecycle_manager, {**common, "nodes": chosen}))
    if settings.composed:
        ends_graph = any(node.ends_graph for node in nodes)
        nodes = [NodeSpec("composed", "composed", respawn=settings.respawn, ends_graph=ends_graph, parts=tuple(nodes))]
    # Without words alone, or with one of the sensors, it is all here.
    far = not (settings.fusion and (settings.camera or settings.microphone))
    return Graph(
        nodes=tuple(replace(node, far=far) for node in nodes),
        params_file=Path(settings.params_file) if settings.params_file else shipped_parameters(),
        namespace=settings.namespace,
        log_level=settings.log_level,
        environment=resources.dds_environment(),
    )


def _drivers(settings: GraphSettings, common: Mapping[str, Any]) -> list[NodeSpec]:
    image = _real((("image_raw", settings.image_topic),))
    audio = _real((("audio", settings.audio_topic),))
    told = _real((("words", settings.words_topic), ("robot_speaking", settings.robot_speaking_topic)))
    listeners = {"images": settings.camera, "audio": settings.microphone}
    drivers = []
    if settings.webcam:
        drivers.append(NodeSpec("webcam", "webcam", {**common, "device": settings.webcam}, image))
    if settings.audio_device:
        drivers.append(NodeSpec("audio_device", "audio_device", {**common, "device": settings.audio_device}, audio))
    if settings.play:
        parameters = {"file": settings.play, "use_sim_time": False, **_given(publish_clock=settings.use_sim_time)}
        # It does not wait for a listener that is not started.
        parameters |= {f"await_{kind}": False for kind, there in listeners.items() if not there}
        drivers.append(
            NodeSpec("file_player", "file_player", parameters, image + audio + told, respawn=False, ends_graph=True)
        )
    return drivers


def _given(**parameters: Any) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value not in ("", None)}


def _real(remappings: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((old, new) for old, new in remappings if old != new)
