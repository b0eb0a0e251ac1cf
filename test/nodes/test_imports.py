"""What the nodes of the pipeline load: what takes long or much memory, and is not needed, stays out."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("mer_msgs.msg", reason="mer_msgs is not built")

NODES = ("camera", "microphone", "speech_to_text", "fusion", "lifecycle_manager", "composed")
UNNEEDED = {"scipy", "av", "rosbags", "PIL", "rich", "torch", "pandas", "matplotlib"}
LOOK = """
import sys
import mer_ros.experts, mer_ros.speech.moonshine, mer_ros.vision.centerface
{imports}
print(*{{name.partition(".")[0] for name in sys.modules}})
"""


def test_nodes_load_nothing_that_they_do_not_need():
    imports = "\n".join(f"import mer_ros.nodes.{node}" for node in NODES)
    said = subprocess.run(
        [sys.executable, "-c", LOOK.format(imports=imports)], capture_output=True, text=True, check=True, timeout=120
    )
    loaded = set(said.stdout.split())
    assert "rclpy" in loaded
    assert not loaded & UNNEEDED
