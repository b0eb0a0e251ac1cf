from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from model_files import save_text

from mer_ros.errors import ModelError
from mer_ros.inference import Session

onnx = pytest.importorskip("onnx", reason="onnx makes the models of these tests")
from onnx import TensorProto, helper  # noqa: E402

GROWTH = """
import numpy as np
from onnx import TensorProto, helper
from mer_ros.inference import Session

def resident():
    status = open("/proc/self/status").read()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024

ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xyz"]
nodes = [helper.make_node("Exp", ["x"], ["y"]), helper.make_node("Neg", ["y"], ["z"])]
graph = helper.make_graph(nodes, "g", ends[:1], ends[2:])
content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
signal, sessions, grown = np.zeros(8 << 20, np.float32), [], []
begun = resident()
for _ in range(5):
    sessions.append(Session(content, "m"))
    sessions[-1].run(None, {"x": signal})
    grown.append(resident() - begun)
print(grown[0], grown[-1])
"""


def test_the_bytes_of_a_file_are_not_kept(tmp_path):
    save_text(tmp_path / "text.onnx")
    content = (tmp_path / "text.onnx").read_bytes()
    before = sys.getrefcount(content)
    session = Session(content, "text")
    gc.collect()
    assert sys.getrefcount(content) == before
    assert session.run(None, {"tokens": np.full((1, 20), "", object)})[0].shape == (1, 7)


@pytest.mark.parametrize("place", ["beside.bin", "../outside.bin", "absolute"])
def test_no_other_file_is_taken_for_weights(place, tmp_path, monkeypatch):
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.chdir(folder)
    location = str(tmp_path / "outside.bin") if place == "absolute" else place
    np.arange(4, dtype=np.float32).tofile(folder / location)
    weights = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        weights.external_data.add(key=key, value=value)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "weights"], ["y"])], "g", ends[:1], ends[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert Path(location).exists()
    with pytest.raises(ModelError, match="cannot be opened"):
        Session(model.SerializeToString(), "thief")


@pytest.mark.skipif(sys.platform != "linux", reason="what is resident is read from /proc")
def test_sessions_have_one_arena():
    """What one session has let go of serves the next: five of them take hardly more than one."""
    said = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True, timeout=120)
    one, five = map(float, said.stdout.split())
    assert one > 16  # the measure sees an arena
    assert five < 2 * one
