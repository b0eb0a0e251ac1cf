"""What the code never does, and what model files cannot make it do."""

from __future__ import annotations

import ast
import os
import shutil
from pathlib import Path

import pytest

from mer_ros import resources
from mer_ros.errors import ModelError
from mer_ros.inference import manifest
from mer_ros.inference.manifest import load_manifest, read_checked

PACKAGE = Path(__file__).resolve().parents[1] / "mer_ros"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if "training" not in path.parts]
# What makes code of data, or a command of a text.
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "shelve", "marshal", "joblib", "cloudpickle", "telnetlib", "ftplib"}
FORBIDDEN_CALLS = {
    "eval", "exec", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "np.fromfile",
    "torch.load", "subprocess.getoutput",
}  # fmt: skip


SAFE = '_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)'


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def is_safe(node: ast.Call, text: str) -> bool:
    """YAML with the loader that makes nothing but plain values."""
    loader = [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "Loader"]
    return called(node) == "yaml.load" and loader == ["_LOADER"] and SAFE in text


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_unpickled_and_no_text_becomes_code_or_a_command(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & FORBIDDEN_MODULES
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in FORBIDDEN_MODULES
        elif isinstance(node, ast.Call):
            allowed = called(node) not in FORBIDDEN_CALLS or is_safe(node, path.read_text())
            assert allowed, f"{path.name}:{node.lineno}"
            for keyword in node.keywords:
                value = keyword.value
                true = isinstance(value, ast.Constant) and value.value is True
                assert not (keyword.arg in ("shell", "allow_pickle") and true), f"{path.name}:{node.lineno}"


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a copy of the smallest shipped model."""
    entries = load_manifest(resources.models_dir())
    entry = min(entries, key=lambda e: (resources.models_dir() / e.file).stat().st_size)
    shutil.copy(resources.models_dir() / entry.file, tmp_path / entry.file)
    text = (resources.models_dir() / "manifest.yaml").read_text()
    (tmp_path / "manifest.yaml").write_text(text)
    return tmp_path


def smallest(folder: Path):
    return next(entry for entry in load_manifest(folder) if (folder / entry.file).is_file())


def test_a_model_that_was_altered_is_not_opened(folder):
    entry = smallest(folder)
    assert read_checked(folder, entry)
    file = folder / entry.file
    file.write_bytes(file.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(ModelError, match="was altered"):
        read_checked(folder, entry)


def test_a_model_file_that_leads_out_of_its_folder_is_not_opened(folder, tmp_path_factory):
    entry = smallest(folder)
    outside = tmp_path_factory.mktemp("outside") / entry.file
    (folder / entry.file).rename(outside)
    (folder / entry.file).symlink_to(outside)
    with pytest.raises(ModelError, match="leads out of"):
        read_checked(folder, entry)
    text = (folder / "manifest.yaml").read_text()
    for path in ("../../etc/passwd", "/etc/passwd", "a/../../b"):
        (folder / "manifest.yaml").write_text(text.replace(f"file: {entry.file}", f"file: {path}"))
        with pytest.raises(ModelError, match="inside the folder"):
            load_manifest(folder)


def test_a_file_beyond_all_measure_is_not_read(folder):
    entry = smallest(folder)
    os.truncate(folder / entry.file, manifest.LARGEST_MODEL + 1)  # takes no room on the disk
    with pytest.raises(ModelError, match="at most"):
        read_checked(folder, entry)
    os.truncate(folder / "manifest.yaml", manifest.LARGEST_MANIFEST + 1)
    with pytest.raises(ModelError, match="larger than"):
        load_manifest(folder)
