"""The Foxglove layout: every panel is placed, every topic is one of the graph's, every field exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mer_ros.emotion import EMOTIONS
from mer_ros.replay.messages import typestore

LAYOUT = Path(__file__).resolve().parents[2] / "config" / "foxglove.json"
TOPICS = {
    "/image_raw": "sensor_msgs/msg/Image",
    "/image_annotated/compressed": "sensor_msgs/msg/CompressedImage",
    "/utterance": "mer_msgs/msg/Utterance",
    "/visual_window": "mer_msgs/msg/VisualWindow",
    "/emotion": "mer_msgs/msg/Emotion",
    "/emotion/live": "mer_msgs/msg/Emotion",
    "/emotion/events": "mer_msgs/msg/EmotionEvent",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
}
PANELS = {"Tab", "Image", "Indicator", "RawMessages", "Table", "Plot", "StateTransitions", "DiagnosticSummary"}
BASE, NAME, ARRAY, SEQUENCE = 1, 2, 3, 4  # of rosbags


@pytest.fixture(scope="module")
def layout() -> dict:
    return json.loads(LAYOUT.read_text())


def placed(tree) -> list[str]:
    if isinstance(tree, str):
        return [tree]
    assert tree["direction"] in ("row", "column")
    assert 0 < tree["splitPercentage"] < 100
    return placed(tree["first"]) + placed(tree["second"])


def paths(layout: dict) -> list[str]:
    found = []
    for config in layout["configById"].values():
        found += [config["imageMode"]["imageTopic"]] if "imageMode" in config else []
        found += [config[key] for key in ("path", "topicPath", "topicToRender") if key in config]
        found += [item["value"] for item in config.get("paths", [])]
    return found


def kind_of(path: str):
    """The type that a message path leads to; fails where it leads nowhere."""
    topic, _, fields = path.partition(".")
    kind = (NAME, TOPICS[topic])
    for part in filter(None, fields.split(".")):
        name, index, filtered = re.fullmatch(r"(\w+)(\[(?:\d+|:)\])?(\{.*\})?", part).groups()
        kind = dict(typestore().fielddefs[kind[1]][1])[name]
        if kind[0] in (ARRAY, SEQUENCE) and index:
            content, length = kind[1]
            assert index == "[:]" or not length or int(index[1:-1]) < length, path
            kind = content
        else:
            assert not index, path
        if filtered:
            field, value = re.fullmatch(r'\{(\w+)=="(\w+)"\}', filtered).groups()
            assert field in dict(typestore().fielddefs[kind[1]][1])
            assert value
    return kind


def test_every_panel_is_placed_once_and_has_a_configuration(layout):
    panels = placed(layout["layout"])
    for panel in [name for name in panels if name.startswith("Tab!")]:
        tabs = layout["configById"][panel]["tabs"]
        assert 0 <= layout["configById"][panel]["activeTabIdx"] < len(tabs)
        panels += [name for tab in tabs for name in placed(tab["layout"])]
    assert sorted(panels) == sorted(layout["configById"])
    assert {panel.partition("!")[0] for panel in panels} == PANELS
    assert set(layout) == {"configById", "globalVariables", "userNodes", "playbackConfig", "layout"}


def test_every_path_leads_somewhere(layout):
    assert len(paths(layout)) > 25
    for path in paths(layout):
        kind_of(path)


def test_plots_show_numbers_and_tables_show_lists(layout):
    for panel, config in layout["configById"].items():
        if panel.startswith("Plot!"):
            assert all(item["enabled"] for item in config["paths"])
            assert {kind_of(item["value"])[1][0] for item in config["paths"]} == {"float32"}
        if panel.startswith("Table!"):
            assert kind_of(config["topicPath"])[0] == SEQUENCE


@pytest.mark.parametrize(("panel", "topic"), [("Plot!probabilities", "/emotion"), ("Plot!live", "/emotion/live")])
def test_probabilities_carry_the_names_of_the_emotions(layout, panel, topic):
    lines = {item["value"]: item["label"] for item in layout["configById"][panel]["paths"]}
    assert lines == {f"{topic}.probabilities[{number}]": emotion for number, emotion in enumerate(EMOTIONS)}


def test_the_indicator_knows_every_emotion(layout):
    assert [rule["rawValue"] for rule in layout["configById"]["Indicator!emotion"]["rules"]] == list(EMOTIONS)


def test_the_overlay_reads_topics_and_fields_that_exist(layout):
    (script,) = layout["userNodes"].values()
    source = script["sourceCode"]
    inputs = json.loads(re.search(r"inputs = (\[.*\]);", source)[1])
    assert set(inputs) <= set(TOPICS)
    output = re.search(r'output = "(.*)";', source)[1]
    assert layout["configById"]["Image!camera"]["imageMode"]["annotations"] == {output: {"visible": True}}
    for path in ("/visual_window.samples[:].box.x_offset", "/visual_window.track_id", "/emotion.face_id"):
        kind_of(path)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_overlay_draws_the_last_face_with_what_was_said_of_its_person(layout):
    (script,) = layout["userNodes"].values()
    source = re.sub(r"^import .*$", "", script["sourceCode"], flags=re.M)  # and without its types
    source = re.sub(r"^type \w+ = \{.*?\};$", "", source, flags=re.M | re.S)
    source = re.sub(r"const said: .*? =", "const said =", source).replace(" as unknown as Fields", "")
    source = re.sub(r"script\(.*?\): .*? \{$", "script(event) {", source, flags=re.M | re.S)
    box = {"x_offset": 10, "y_offset": 20, "width": 30, "height": 40}
    stamp = {"sec": 1, "nsec": 2}
    events = [
        {"topic": "/emotion/live", "message": {"face_id": 3, "emotion": "joy", "confidence": 0.456}},
        {"topic": "/visual_window", "message": {"track_id": 3, "samples": [{"stamp": stamp, "box": box}]}},
        {"topic": "/visual_window", "message": {"track_id": 4, "samples": []}},
    ]
    run = f"{source}\nconsole.log(JSON.stringify({json.dumps(events)}.map((event) => script(event) ?? null)));"
    done = subprocess.run(["node", "--input-type=module", "-e", run], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    nothing, drawn, empty = json.loads(done.stdout)
    assert nothing is None
    assert drawn["texts"][0]["text"] == "joy 46%"
    assert drawn["texts"][0]["position"] == {"x": 10, "y": 20}
    assert drawn["points"][0]["points"][2] == {"x": 40, "y": 60}
    assert drawn["points"][0]["timestamp"] == stamp
    assert empty == {"circles": [], "points": [], "texts": []}
