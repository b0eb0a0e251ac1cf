"""The software bill of materials: what CycloneDX 1.5 asks for, and that it is whole."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mer_ros import resources
from mer_ros.inference.manifest import load_manifest

ROOT = Path(__file__).resolve().parents[2]
# Of the schema (bom-1.5.schema.json).
SERIAL = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
COMPONENT_TYPES = {"application", "framework", "library", "machine-learning-model", "data", "file"}
PURL = re.compile(r"pkg:pypi/[a-z0-9-]+@[\w.+!-]+")


def written() -> str:
    done = subprocess.run([sys.executable, "scripts/sbom.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def bill():
    return json.loads(written())


def test_it_has_what_the_standard_asks_for(bill):
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.5", 1)
    assert SERIAL.fullmatch(bill["serialNumber"])
    components = [bill["metadata"]["component"], *bill["components"]]
    for item in components:
        assert item["type"] in COMPONENT_TYPES
        assert item["name"]
        for terms in item.get("licenses", []):
            assert ("expression" in terms) != ("license" in terms)
            assert terms.get("expression") or terms["license"]["name"]
        for digest in item.get("hashes", []):
            assert digest["alg"] == "SHA-256"
            assert re.fullmatch(r"[0-9a-f]{64}", digest["content"])
        if item["type"] == "library":
            assert PURL.fullmatch(item["purl"])
    refs = [item["bom-ref"] for item in components]
    assert len(refs) == len(set(refs))
    for item in bill["dependencies"]:
        assert {item["ref"], *item["dependsOn"]} <= set(refs)
        assert len(item["dependsOn"]) == len(set(item["dependsOn"]))


def test_every_package_that_runs_is_in_it_with_its_pinned_version(bill):
    versions = {item["name"]: item["version"] for item in bill["components"] if item["type"] == "library"}
    assert {"numpy", "onnxruntime", "opencv-python-headless", "pyyaml", "moonshine-voice", "soxr"} <= set(versions)
    assert {"flatbuffers", "protobuf"} & set(versions)  # what those ask for
    assert not {"pytest", "ruff", "torch"} & set(versions)
    pinned = (ROOT / "requirements" / "constraints.txt").read_text()
    assert f"numpy=={versions['numpy']}" in pinned


def test_every_model_is_in_it(bill):
    told = {item["name"]: item["hashes"][0]["content"] for item in bill["components"] if "hashes" in item}
    assert told == {entry.name: entry.sha256 for entry in load_manifest(resources.models_dir())}


def test_the_same_installation_gives_the_same_bytes(bill):
    assert json.loads(written()) == bill
