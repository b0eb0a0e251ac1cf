"""A recording played through the graph so that what is told does not hang on how busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ear import Ear

from mer_ros.graph import LIFECYCLE, GraphSettings, describe
from mer_ros.run import GraphProcesses

# What live input may lack on a busy machine is given time and room: frames in the queues, parts that come late.
SETTINGS = """
/**/file_player:
  ros__parameters:
    reliability: reliable
    start_delay_s: 5.0
    qos_overrides./image_raw.publisher.depth: 500
    qos_overrides./audio.publisher.depth: 5000
/**/camera:
  ros__parameters:
    reliability: reliable
    observer.deadline_ms: 30000
    load.shed: false
    qos_overrides./image_raw.subscription.depth: 500
/**/microphone:
  ros__parameters:
    qos_overrides./audio.subscription.depth: 5000
/**/fusion:
  ros__parameters:
    fusion.deadline_ms: 60000.0
"""


@contextmanager
def played(play: str, folder: Path, ear: Ear) -> Iterator[None]:
    """Play a recording to its end, until every utterance has its emotion; the senses stay up within the context."""
    params = folder / "patient.yaml"
    params.write_text(SETTINGS)
    graph = describe(GraphSettings(play=play, params_file=str(params)))
    senses = replace(graph, nodes=tuple(node for node in graph.nodes if not node.ends_graph))
    player = replace(graph, nodes=tuple(node for node in graph.nodes if node.ends_graph))
    try:
        with GraphProcesses(senses, folder / "logs") as nodes:
            assert ear.wait_active(*LIFECYCLE, timeout_s=200), ear.diagnostics
            with GraphProcesses(player, folder / "logs") as playing:
                until = time.monotonic() + 300
                while playing.poll() and nodes.poll() and time.monotonic() < until:
                    time.sleep(0.1)
            assert ear.settle(quiet_s=5.0, timeout_s=150)
            yield
    finally:
        for log in sorted(folder.glob("logs/*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}")
