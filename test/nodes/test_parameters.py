"""The parameter tables: texts, ranges, and the file that ships with them."""

from pathlib import Path

import pytest
import yaml

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from mer_ros.nodes import parameter_file
from mer_ros.nodes.parameters import Parameter, describe

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("node", parameter_file.NODES)
def test_every_parameter_is_described_and_accepts_its_default(node):
    names = [item.name for item in parameter_file.table(node)]
    assert len(names) == len(set(names))
    for item in parameter_file.table(node):
        assert item.text, item.name
        assert item.check(item.default) == "", item.name
        assert describe(item).description == item.text
        numeric = isinstance(item.default, (int, float)) and not isinstance(item.default, bool)
        assert (item.low is not None) == numeric, f"{item.name} needs a range if and only if it is a number"
        if item.low is not None:
            assert type(item.low) is type(item.default) or isinstance(item.default, float), item.name
            assert bool(describe(item).integer_range) == isinstance(item.default, int)


def test_the_shipped_file_is_what_the_nodes_declare():
    shipped = (ROOT / "config" / "mer.yaml").read_text()
    assert shipped == parameter_file.render(), "run: python -m mer_ros.nodes.parameter_file > config/mer.yaml"
    loaded = yaml.safe_load(shipped)
    for node in parameter_file.NODES:
        values = loaded[f"/**/{node}"]["ros__parameters"]
        assert values == {item.name: item.default for item in parameter_file.table(node)}


@pytest.mark.parametrize(
    ("value", "reason"),
    [(0.5, ""), (1.5, "must lie in 0..1"), (float("nan"), "must lie in")],
)
def test_a_number_out_of_range_is_refused(value, reason):
    problem = Parameter("share", 0.5, "a share", 0, 1).check(value)
    assert (reason in problem) if reason else problem == ""


def test_an_unknown_choice_lists_the_known_ones():
    problem = Parameter("colour", "red", "a colour", choices=("red", "blue")).check("green")
    assert "'green'" in problem
    assert "red, blue" in problem
