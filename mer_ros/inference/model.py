"""Runs an exported model, and holds it to the contract that the manifest states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError, ModelError
from mer_ros.inference.manifest import (
    IDENTITY,
    PROBABILITIES,
    ModelEntry,
    TensorSpec,
    choose_entry,
    load_manifest,
    read_checked,
)
from mer_ros.inference.providers import choose_providers, device_of, unavailable
from mer_ros.inference.session import Session

_ORT_TYPES = {
    "float32": "tensor(float)",
    "int64": "tensor(int64)",
    "int32": "tensor(int32)",
    "uint8": "tensor(uint8)",
    "bool": "tensor(bool)",
    "string": "tensor(string)",
}


def load_model(folder: Path, task: str, name: str | None = None, device: str = "auto") -> Model:
    """Loads the task's default model, or the one named, from a folder with a manifest.

    Raises ModelError (missing, altered, not keeping its contract) and OptionError (device).
    """
    return Model(folder, choose_entry(load_manifest(folder), task, name), device)


class Model:
    """One exported model, ready to run.

    entry: what the manifest says of it. provider: the device it runs on: cpu, cuda or tensorrt.
    metadata: texts that the file carries, by name.
    """

    def __init__(self, folder: Path, entry: ModelEntry, device: str = "auto") -> None:
        """Opens and warms up the model. device: see `choose_providers`. Raises ModelError, OptionError."""
        content = read_checked(folder, entry)
        self._session = Session(content, f"model {entry.name} ({entry.file})", choose_providers(device))
        self.entry = entry
        self.metadata = self._session.metadata
        used = self._session.providers
        self.provider = device_of(used[0])
        # A provider whose libraries are missing is left out without an error.
        if device not in ("auto", self.provider):
            raise unavailable(device, used)
        self._check_contract()
        self._warm_up()

    def run(self, **arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Runs one batch: an array for each input of the entry; gives an array for each of its outputs.

        Raises InputError: a name missing or unknown, a wrong dtype or shape, unlike batches, NaN, infinity.
        Raises ModelError when ONNX Runtime fails, or gives NaN or infinity.
        """
        inputs = self.entry.inputs
        if set(arrays) != set(inputs):
            raise InputError(
                f"model {self.entry.name} was given {', '.join(sorted(arrays)) or 'nothing'}; "
                f"it takes {', '.join(sorted(inputs))}"
            )
        feed = {name: self._checked(name, arrays[name], spec) for name, spec in inputs.items()}
        if len(sizes := {len(a) for a in feed.values()}) > 1:
            raise InputError(f"model {self.entry.name} was given batches of {sorted(sizes)}; they must be of one size")
        names = list(self.entry.outputs)
        outputs = dict(zip(names, self._session.run(names, feed), strict=True))
        for name, array in outputs.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ModelError(f"model {self.entry.name}: its {name} hold NaN or infinity for this input")
        return outputs

    def _checked(self, name: str, array: NDArray[np.generic], spec: TensorSpec) -> NDArray[np.generic]:
        array = np.asarray(array)
        text = spec.dtype == "string"
        if array.dtype.kind not in "OU" if text else array.dtype != np.dtype(spec.dtype):
            raise InputError(f"model {self.entry.name}: {name} is {array.dtype}; it must be {spec.dtype}")
        if not _fits(array.shape, spec.shape) or 0 in array.shape:
            raise InputError(f"model {self.entry.name}: {name} has shape {list(array.shape)}; it must be {spec}")
        if text:
            if not all(isinstance(item, str) for item in array.flat):
                raise InputError(f"model {self.entry.name}: {name} holds something that is no string; it takes {spec}")
            return array.astype(object)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"model {self.entry.name}: {name} holds NaN or infinity; it takes finite numbers")
        return np.ascontiguousarray(array)

    def _check_contract(self) -> None:
        for kind, tensors, promised in (
            ("input", self._session.inputs, self.entry.inputs),
            ("output", self._session.outputs, self.entry.outputs),
        ):
            found = {t.name: t for t in tensors}
            if set(found) != set(promised):
                raise self._broken(f"its {kind}s are {', '.join(sorted(found))}", ", ".join(sorted(promised)))
            for name, spec in promised.items():
                shape = tuple(n if isinstance(n, int) else None for n in found[name].shape)
                if found[name].type != _ORT_TYPES[spec.dtype] or not _allows(shape, spec.shape):
                    raise self._broken(f"{kind} {name} is {found[name].type} {list(found[name].shape)}", str(spec))

    def _warm_up(self) -> None:
        """The first run allocates memory, and shows shapes that the graph only gives by name."""
        feed = {}
        for name, spec in self.entry.inputs.items():
            shape = [n or 1 for n in spec.shape]
            feed[name] = np.full(shape, "", object) if spec.dtype == "string" else np.zeros(shape, spec.dtype)
        try:
            outputs = self.run(**feed)
        except ModelError as error:
            raise ModelError(f"{error}; it fails on zeros: export it again") from error
        for name, spec in self.entry.outputs.items():
            if not _fits(outputs[name].shape, spec.shape):
                raise self._broken(f"output {name} has shape {list(outputs[name].shape)}", str(spec))
        if self.entry.task == IDENTITY:
            return
        total = outputs[PROBABILITIES].astype(float).sum()
        if not abs(total - 1) < 1e-3:
            raise self._broken(f"its {PROBABILITIES} sum to {total:.4g}", "1")

    def _broken(self, found: str, promised: str) -> ModelError:
        return ModelError(f"model {self.entry.name}: {found}, and the manifest promises {promised}; export it again")


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(w is None or n == w for n, w in zip(shape, wanted, strict=True))


def _allows(shape: tuple[int | None, ...], wanted: tuple[int | None, ...]) -> bool:
    """Whether a graph's shape (None: any) takes everything that the manifest promises."""
    return len(shape) == len(wanted) and all(n is None or n == w for n, w in zip(shape, wanted, strict=True))
