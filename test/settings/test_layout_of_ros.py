"""Parameter files are read as ROS 2 reads them: asked of ROS 2 itself."""

from __future__ import annotations

import pytest

from mer_ros.errors import OptionError
from mer_ros.settings.layout import read_sections

P = "ros__parameters"
FILES = {
    "plain": f"camera:\n  {P}:\n    a: true\n",
    "nested": f"head:\n  camera:\n    {P}:\n      a: {{b: {{c: 1}}, d: 2}}\n",
    "mixed slashes": f"/head:\n  camera:\n    {P}: {{a: 1}}\n",
    "wildcards": f"/**:\n  {P}: {{a: 1, b: 2}}\n/*/camera:\n  {P}: {{b: 3}}\n/head/**:\n  {P}: {{c: 4}}\n",
    "another namespace": f"/robot2/camera:\n  {P}: {{a: 1}}\n/**/camera:\n  {P}: {{b: 1}}\n",
    "twice": f"/**/camera:\n  {P}: {{a: 1, b: {{c: 1}}}}\n/**/camera:\n  {P}: {{b: {{d: 2}}, a: 3}}\n",
    "documents": f"/**/camera:\n  {P}: {{a: 1}}\n---\n/**/camera:\n  {P}: {{b: 1}}\n",
    "truths": f"/**/camera:\n  {P}: {{a: y, b: On, c: FALSE, d: no, e: tRue, f: 'yes', g: !!str on}}\n",
    "whole numbers": f"/**/camera:\n  {P}: {{a: 010, b: 0x1F, c: +7, d: -3, e: 0b11, f: 1_000, g: 08, h: 0}}\n",
    "large numbers": f"/**/camera:\n  {P}: {{a: 9223372036854775807, b: 9223372036854775808}}\n",
    "numbers": f"/**/camera:\n  {P}: {{a: 1e3, b: 1.e3, c: .5, d: +.5, e: 1., f: 0x1p3, g: 1e400, h: 3_6.0}}\n",
    "no finite numbers": f"/**/camera:\n  {P}: {{a: .inf, b: -.INF, c: inf, d: infinity}}\n",
    "texts": f"/**/camera:\n  {P}: {{a: 2024-01-01, b: 'null', c: ~, d: '=', e: '1', f: Käse, g: !foo 90}}\n",
    "lists": f"/**/camera:\n  {P}: {{a: [1.0, 1e0], b: ['x', y2], c: [1, 2], d: [true, off]}}\n",
    "names of times": f"/**/camera:\n  {P}:\n    qos_overrides: {{/head/image_raw: {{subscription: {{depth: 3}}}}}}\n",
    "alias": f"/**/camera:\n  {P}: {{a: &a x, b: *a}}\n",
    "no value": f"/**/camera:\n  {P}:\n    a:\n    b: 1\n",
    "empty section": f"/**/camera:\n  {P}:\n/**/fusion:\n  {P}: {{a: 1}}\n",
    "empty node": f"/**/camera:\n  {P}: {{a: 1}}\nbase:\n",
    "beside": f"version: 3\n/**/camera:\n  {P}: {{a: 1}}\n",
    "misspelt": f"/**/camera:\n  ros_parameters: {{a: 1}}\n/**/fusion:\n  {P}: {{a: 1}}\n",
    "no node": f"{P}: {{a: 1}}\n",
    "two sections of one": f"/**/camera:\n  {P}: {{a: 1}}\n  {P}: {{b: 1}}\n",
    "a part of a name": f"/**/cam*:\n  {P}: {{a: 1}}\n",
    "slashes": f"//camera:\n  {P}: {{a: 1}}\n",
    "a slash behind": f"/camera/:\n  {P}: {{a: 1}}\n",
    "two slashes": f"/head:\n  /camera:\n    {P}: {{a: 1}}\n",
    "a number as a node": f"1:\n  {P}: {{a: 1}}\n",
    "mixed list": f"/**/camera:\n  {P}: {{a: [1, 2.0]}}\n",
    "list of lists": f"/**/camera:\n  {P}: {{a: [[1], [2]]}}\n",
    "another YAML": f"%YAML 1.2\n---\n/**/camera:\n  {P}: {{a: 1}}\n",
    "broken": "/**/camera: [",
}


def as_ros_reads(file) -> dict | None:
    """What the node /head/camera gets; None for a file that is refused."""
    rclpy = pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    from rclpy._rclpy_pybind11 import RCLError
    from rclpy.context import Context
    from rclpy.node import Node

    context = Context()
    try:
        rclpy.init(args=["--ros-args", "--params-file", str(file)], context=context)
    except RCLError:
        return None
    node = Node("camera", namespace="head", context=context, start_parameter_services=False, enable_rosout=False)
    try:
        found = {name: parameter.value for name, parameter in node._parameter_overrides.items()}
        return {name: list(v) if hasattr(v, "__len__") and not isinstance(v, str) else v for name, v in found.items()}
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


def as_we_read(file) -> dict | None:
    try:
        sections = read_sections(file)
    except OptionError:
        return None
    return {name: value for s in sections if s.is_for("/head/camera") for name, value in s.values.items()}


@pytest.mark.parametrize("name", FILES)
def test_it_is_read_as_ros_reads_it(tmp_path, name):
    file = tmp_path / "mine.yaml"
    file.write_text(FILES[name], encoding="utf-8")
    ours = as_we_read(file)
    assert ours == as_ros_reads(file)
    assert [type(v) for v in (ours or {}).values()] == [type(v) for v in (as_ros_reads(file) or {}).values()]


def test_rubbish_is_refused_at_once(tmp_path):
    deep, double = "{a: " * 3000, "\n".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 30))
    for content in ("[" * 200_000, deep, "a0: &a0 1\n" + double, "a: &a {b: *a}", "#" * (5 << 20), "a: {[1]: 2}"):
        (tmp_path / "mine.yaml").write_text(content)
        with pytest.raises(OptionError, match=r"mine\.yaml cannot be read"):
            read_sections(tmp_path / "mine.yaml")
    for path in ("/dev/zero", str(tmp_path)):
        with pytest.raises(OptionError, match="it is no file"):
            read_sections(type(tmp_path)(path))
