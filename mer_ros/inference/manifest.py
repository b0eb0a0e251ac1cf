"""The manifest of a folder of models: what each takes, gives, was trained on and scored. Nothing runs here."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import ModelError
from mer_ros.inference.plain_yaml import load_plain

FILE_NAME = "manifest.yaml"
FORMAT = 1
TASKS = ("text", "speech", "face", "identity", "early_fusion", "dialogue", "fusion")
FUSION = "fusion"  # its file is YAML: weights for the fusion, and no network
IDENTITY = "identity"  # tells faces apart, and says nothing of emotions: no labels, no prior
DTYPES = ("float32", "int64", "int32", "uint8", "bool", "string")
PROBABILITIES = "probabilities"
ENCODING = "encoding"
ENCODING_LENGTH = 128

# Files are read as a whole before they are compared with their digests.
LARGEST_MODEL = 1024 * 1024 * 1024
LARGEST_MANIFEST = 4 * 1024 * 1024

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class TensorSpec:
    """A tensor that a model takes or gives. shape: None is a free dimension; the first is the batch."""

    dtype: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"{self.dtype} [{', '.join('n' if n is None else str(n) for n in self.shape)}]"


@dataclass(frozen=True)
class ModelEntry:
    """What the manifest says of one model. A field that is not in order raises ModelError.

    name: lower-case letters, digits, dots, dashes. file: relative to the folder. sha256: of the file, hex.
    task: one of TASKS. default: whether it is the one used for its task when none is named.
    inputs, outputs: by name. labels: always EMOTIONS, in that order.
    prior: [7], class shares of its training data, that sum to one. reliability: 0..1, its validation score.
    metrics: `split` (what was measured on), `n` (how many), and scores. data: corpora.
    terms: theirs, hence the model's. command: what made it.
    """

    name: str
    file: str
    sha256: str
    task: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    prior: tuple[float, ...]
    reliability: float
    metrics: Mapping[str, Any]
    data: tuple[str, ...]
    terms: str
    command: str
    default: bool = False
    labels: tuple[str, ...] = field(default=EMOTIONS)

    def __post_init__(self) -> None:
        check_name(self.name)
        self._check_file()
        self._check_tensors()
        self._check_numbers()
        if not isinstance(self.default, bool):
            raise self._error("default", self.default, "use true or false")
        for name in ("terms", "command"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise self._error(name, getattr(self, name), "write a sentence")
        if not self.data or not all(isinstance(d, str) and d for d in self.data):
            raise self._error("data", self.data, "list the names of the corpora it was trained on")

    @property
    def _classes(self) -> tuple[str, ...]:
        return () if self.task == IDENTITY else EMOTIONS

    def _error(self, name: str, value: object, mend: str) -> ModelError:
        return ModelError(f"model {self.name}: {name} is {value!r}; {mend}")

    def _check_file(self) -> None:
        path = PurePosixPath(self.file) if isinstance(self.file, str) else PurePosixPath()
        if not path.name or path.is_absolute() or ".." in path.parts or "\\" in str(path):
            raise self._error("file", self.file, "name a file inside the folder of the manifest")
        if not isinstance(self.sha256, str) or not _SHA256.fullmatch(self.sha256):
            raise self._error("sha256", self.sha256, "use the 64 lower-case hex digits that `sha256sum` prints")
        if self.task not in TASKS:
            raise self._error("task", self.task, f"use one of {', '.join(TASKS)}")

    def _check_tensors(self) -> None:
        if tuple(self.labels) != self._classes:
            names = ", ".join(self._classes) or "none"
            raise self._error("labels", list(self.labels), f"they must be {names}, in this order")
        for kind in ("inputs", "outputs"):
            tensors = getattr(self, kind)
            if not tensors:
                raise self._error(kind, dict(tensors), "name at least one tensor with its dtype and shape")
            for name, spec in tensors.items():
                if spec.dtype not in DTYPES:
                    raise self._error(f"dtype of {name}", spec.dtype, f"use one of {', '.join(DTYPES)}")
                if not spec.shape or spec.shape[0] is not None:
                    raise self._error(f"shape of {name}", list(spec.shape), "its first number must be null: the batch")
                if any(n is not None and (not _is_int(n) or n < 1) for n in spec.shape):
                    raise self._error(f"shape of {name}", list(spec.shape), "use numbers above 0, or null")
        name, width = (ENCODING, ENCODING_LENGTH) if self.task == IDENTITY else (PROBABILITIES, len(EMOTIONS))
        wanted = TensorSpec("float32", (None, width))
        if self.outputs.get(name) != wanted:
            got = self.outputs.get(name)
            raise self._error(f"output {name}", got and str(got), f"every {self.task} model must give it as {wanted}")

    def _check_numbers(self) -> None:
        prior = self.prior
        classes = len(self._classes)
        right = all(_is_number(p) and p > 0 for p in prior) and (not classes or abs(sum(prior) - 1) <= 1e-3)
        if len(prior) != classes or not right:
            raise self._error("prior", list(prior), f"use {classes} shares above 0 that sum to 1")
        if not _is_number(self.reliability) or not 0 <= self.reliability <= 1:
            raise self._error("reliability", self.reliability, "use a number from 0 to 1")
        if not isinstance(self.metrics.get("split"), str) or not self.metrics["split"]:
            raise self._error("metrics: split", self.metrics.get("split"), "say what the scores were measured on")
        if not _is_int(self.metrics.get("n")) or self.metrics["n"] < 1:
            raise self._error("metrics: n", self.metrics.get("n"), "say on how many examples they were measured")


def check_name(name: object) -> None:
    """Raises ModelError for what cannot be a model's name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ModelError(f"a model's name is {name!r}; use lower-case letters, digits, dots, dashes and underscores")


def load_manifest(folder: Path) -> tuple[ModelEntry, ...]:
    """The entries of `folder`/manifest.yaml, each field checked; the model files themselves are not opened.

    Raises ModelError: no manifest, not YAML, a field missing, unknown or out of order, a name used twice, or
    two defaults for one task.
    """
    path = Path(folder) / FILE_NAME
    try:
        if path.stat().st_size > LARGEST_MANIFEST:
            raise ModelError(f"{path} is larger than {LARGEST_MANIFEST} bytes, which no manifest is; restore it")
        content = load_plain(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"there is no {FILE_NAME} in {folder}; name the folder that holds the models") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ModelError(f"{path} cannot be read ({_first_line(error)}); restore it from the package") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("models"), list):
        raise ModelError(f"{path} is no manifest of models; it must hold `format: {FORMAT}` and a list `models`")
    entries = tuple(entry_from_mapping(item) for item in content["models"])
    for name in {e.name for e in entries}:
        if sum(e.name == name for e in entries) > 1:
            raise ModelError(f"{path} names the model {name} more than once; keep one entry")
    for task in TASKS:
        defaults = [e.name for e in entries if e.task == task and e.default]
        if len(defaults) > 1:
            raise ModelError(f"{path} has several defaults for {task} ({', '.join(defaults)}); keep one")
    return entries


def entry_from_mapping(item: object) -> ModelEntry:
    """An entry from what YAML holds of it. Raises ModelError."""
    if not isinstance(item, dict):
        raise ModelError(f"the manifest lists {item!r} as a model; each must be a mapping that starts with a name")
    name = item.get("name")
    known = {f.name for f in fields(ModelEntry)}
    if missing := sorted(known - set(item)):
        raise ModelError(f"model {name}: the manifest does not give {', '.join(missing)}; add it")
    if unknown := sorted(map(str, set(item) - known)):
        raise ModelError(f"model {name}: the manifest gives {', '.join(unknown)}, which means nothing; remove it")
    for key, (kind, kind_name) in _KINDS.items():
        if not isinstance(item[key], kind):
            raise ModelError(f"model {name}: {key} is {item[key]!r}; it must be a {kind_name}")
    tensors = {kind: {n: _tensor(name, n, t) for n, t in item[kind].items()} for kind in ("inputs", "outputs")}
    lists = {key: tuple(item[key]) for key in ("labels", "prior", "data")}
    return ModelEntry(**{**item, **tensors, **lists})


def choose_entry(entries: tuple[ModelEntry, ...], task: str, name: str | None = None) -> ModelEntry:
    """The model of that name, or the default one for the task. Raises ModelError, naming those there are."""
    if task not in TASKS:
        raise ModelError(f"the task of a model is {task!r}; use one of {', '.join(TASKS)}")
    known = ", ".join(e.name for e in entries if e.task == task) or "none"
    for entry in entries:
        if entry.task == task and (entry.name == name if name else entry.default):
            return entry
    if name:
        raise ModelError(f"there is no {task} model named {name!r}; there is: {known}")
    raise ModelError(f"no {task} model is marked as default; name one of those there are: {known}")


def read_checked(folder: Path, entry: ModelEntry) -> bytes:
    """The bytes of the entry's file. Raises ModelError when it is missing, out of the folder, or altered."""
    root = Path(folder).resolve()
    path = (root / entry.file).resolve()
    if root not in path.parents:
        raise ModelError(f"model {entry.name}: its file {entry.file} leads out of {folder}; keep it inside")
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LARGEST_MODEL else b""
    except OSError as error:
        raise ModelError(
            f"model {entry.name}: {path} cannot be read ({_first_line(error)}); restore it from the package"
        ) from error
    if size > LARGEST_MODEL:
        raise ModelError(f"model {entry.name}: {path} has {size} bytes; at most {LARGEST_MODEL} are loaded")
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        raise ModelError(
            f"model {entry.name}: {path} was altered (sha256 {found[:12]}..., the manifest says "
            f"{entry.sha256[:12]}...); restore it, or export it again"
        )
    return content


_KINDS: dict[str, tuple[type, str]] = {
    **dict.fromkeys(("inputs", "outputs", "metrics"), (dict, "mapping")),
    **dict.fromkeys(("labels", "prior", "data"), (list, "list")),
}


def _tensor(model: object, name: str, item: object) -> TensorSpec:
    if not isinstance(item, dict) or set(item) != {"dtype", "shape"} or not isinstance(item["shape"], list):
        raise ModelError(f"model {model}: tensor {name} is {item!r}; give its dtype, and its shape as a list")
    return TensorSpec(str(item["dtype"]), tuple(None if n == -1 else n for n in item["shape"]))


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
