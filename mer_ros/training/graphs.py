"""How to build the graph of each task for export."""

from __future__ import annotations

from collections.abc import Callable

from mer_ros.training.bclstm import turns_graph
from mer_ros.training.conversation_graph import conversation_graph
from mer_ros.training.dialogue import dialogue_graph
from mer_ros.training.early_fusion import early_graph
from mer_ros.training.export import Graph
from mer_ros.training.fusion import face_graph
from mer_ros.training.speech import speech_graph
from mer_ros.training.text import text_graph
from mer_ros.training.trained import Trained
from mer_ros.training.voice import voice_graph

# Of architectures apart.
TEXT_GRAPHS: dict[str, Callable[[Trained], Graph]] = {"bclstm": turns_graph, "minilm": conversation_graph}


def _text_graph(trained: Trained) -> Graph:
    return TEXT_GRAPHS.get(trained.settings["arch"], text_graph)(trained)


def _speech_graph(trained: Trained) -> Graph:
    return (voice_graph if trained.settings.get("arch") == "encoder" else speech_graph)(trained)


GRAPHS: dict[str, Callable[[Trained], Graph]] = {
    "text": _text_graph,
    "speech": _speech_graph,
    "face": face_graph,
    "early_fusion": early_graph,
    "dialogue": dialogue_graph,
}
