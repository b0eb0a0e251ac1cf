"""Who may import whom. The pipeline runs with no ROS, and nothing at run time needs torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "mer_ros"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = {"audio", "vision", "speech", "text", "inference", "fusion", "standards"}
VOCABULARY = {"mer_ros", "mer_ros.emotion", "mer_ros.errors", "mer_ros.utterance"}
WITH_ROS = {"nodes", "client"}  # and what these files import when they are called, not when they are loaded:
ROS_WHEN_CALLED = {"demo.py", "run.py"}
NODES_WHEN_CALLED = {"demo.py", "record.py", "web/cli.py"}


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def imports(path: Path, *, nested: bool = True) -> set[str]:
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree) if nested else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the whole name"
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def packages(path: Path, **how) -> set[str]:
    return {name.split(".")[0] for name in imports(path, **how)}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_ros_stays_in_the_nodes(path):
    if room_of(path) not in WITH_ROS:
        nested = path.name not in ROS_WHEN_CALLED
        assert not packages(path, nested=nested) & {"rclpy", "launch", "launch_ros", "mer_msgs", "sensor_msgs"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_pure_needs_a_node(path):
    if room_of(path) not in WITH_ROS:
        found = imports(path, nested=name_of(path) not in NODES_WHEN_CALLED)
        assert not [name for name in found if name.startswith(("mer_ros.nodes", "mer_ros.client"))]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_torch_stays_in_the_training(path):
    if room_of(path) != "training":
        assert not packages(path) & {"torch", "torchvision", "onnx", "matplotlib"}


@pytest.mark.parametrize("path", [p for p in MODULES if room_of(p) in ROOMS], ids=name_of)
def test_rooms_know_only_the_vocabulary_and_themselves(path):
    own = f"mer_ros.{room_of(path)}"
    for name in imports(path):
        if not name.startswith("mer_ros"):
            continue
        module = name if (PACKAGE.parent / (name.replace(".", "/") + ".py")).exists() else name.rpartition(".")[0]
        allowed = module in VOCABULARY or name in VOCABULARY or name == own or name.startswith(own + ".")
        assert allowed or module == "mer_ros.inference", f"{name_of(path)} imports {name}"


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "emotion.py" and p.parent == PACKAGE], ids=name_of)
def test_the_vocabulary_imports_nothing_of_the_package(path):
    assert "mer_ros" not in packages(path)


def test_the_pipeline_loads_where_neither_ros_nor_torch_is_installed():
    code = (
        "import sys\n"
        "for name in ('rclpy', 'torch', 'launch', 'mer_msgs'): sys.modules[name] = None\n"
        "import mer_ros.pipeline, mer_ros.experts, mer_ros.graph, mer_ros.cli\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_clock_of_the_wall_in_the_pipeline():
    for path in MODULES:
        if room_of(path) in ROOMS or path.name == "pipeline.py":
            tree = ast.parse(path.read_text())
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time":
                    assert node.attr in {"perf_counter"}, f"{name_of(path)} reads time.{node.attr}"
