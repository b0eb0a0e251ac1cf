"""ONNX Runtime sessions as all models here want them: one thread, quiet, and with our errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from mer_ros.errors import ModelError

CPU = "CPUExecutionProvider"
_ERRORS_ONLY = 3


class Session:
    """One opened model. providers: those in use, best first. inputs, outputs: ONNX Runtime's descriptions.

    metadata: texts that the file carries, by name.
    """

    def __init__(self, content: bytes, name: str, providers: Sequence[str] = (CPU,)) -> None:
        """Opens `content`, an ONNX or ORT file; `name` is what errors call it. Raises ModelError."""
        options = onnxruntime.SessionOptions()
        # These networks are small: one thread each is fastest, and leaves the cores to the other stages.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        _share_arena()
        options.add_session_config_entry("session.use_env_allocators", "1")
        self._name = name
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=list(providers))
        except Exception as error:  # what ONNX Runtime raises shares no other base class
            raise ModelError(f"{name} cannot be opened by ONNX Runtime: {first_line(error)}") from error
        if list(providers) == [CPU]:
            # ONNX Runtime keeps the file's bytes, to open them again on the processor when another provider fails. A
            # path in their place would let a model take any other file for its weights.
            self._session.disable_fallback()
            self._session._model_bytes = None
        self.providers: list[str] = self._session.get_providers()
        self.inputs: list[Any] = self._session.get_inputs()
        self.outputs: list[Any] = self._session.get_outputs()
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, outputs: Sequence[str] | None, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Runs it on one batch; None asks for all outputs. Raises ModelError."""
        try:
            arrays: list[NDArray[Any]] = self._session.run(outputs, dict(feed))
        except Exception as error:  # as above
            raise ModelError(f"{self._name} failed in ONNX Runtime: {first_line(error)}") from error
        return arrays


@cache
def _share_arena() -> None:
    """Have one arena for all sessions of a process: what one has let go of serves the next.

    With one each, all of them keep the most that they ever needed: 80 MB more with the default models.
    """
    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    as_usual = onnxruntime.OrtArenaCfg(0, -1, -1, -1)
    onnxruntime.create_and_register_allocator(place, as_usual)


def first_line(error: Exception) -> str:
    """What an error says first; the rest is for developers."""
    return (str(error).splitlines() or ["no reason given"])[0]
