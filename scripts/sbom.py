"""Writes a software bill of materials: `make sbom`, or `python scripts/sbom.py > sbom.json`.

CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json/): every installed package that the product needs at run time, by
what the installed packages say of themselves, and every model that is shipped. The same installation gives the same
bytes.
"""

from __future__ import annotations

import hashlib
import json
import sys
import uuid
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mer_ros import resources
from mer_ros.inference.manifest import ModelEntry, load_manifest

ROOT = Path(__file__).resolve().parents[1]
GROUPS = ("run", "no-deps", "ros-jazzy", "ros-kilted")  # requirement files of what runs
ALONE = ("no-deps",)  # installed without what they ask for
NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # of URLs (RFC 9562)


def wanted(group: str) -> list[Requirement]:
    """The requirements of a file."""
    file = ROOT / "requirements" / f"{group}.txt"
    lines = (line.split("#")[0].strip() for line in file.read_text().splitlines()) if file.is_file() else ()
    return [Requirement(line) for line in lines if line]


def installed(requirement: Requirement, extra: str = "") -> Distribution | None:
    """The installed package that fits; None when it is not for this machine, or not installed."""
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
        return None
    try:
        return distribution(requirement.name)
    except PackageNotFoundError:
        return None


def closure() -> dict[str, tuple[Distribution, list[str]]]:
    """Each package that runs, by its canonical name, with the names of those that it asks for."""
    found: dict[str, tuple[Distribution, list[str]]] = {}
    waiting = [(requirement, group in ALONE) for group in GROUPS for requirement in wanted(group)]
    while waiting:
        requirement, alone = waiting.pop()
        package = installed(requirement)
        name = canonicalize_name(requirement.name)
        if package is None or name in found:
            continue
        asked = [] if alone else [Requirement(text) for text in package.requires or ()]
        there = [item for item in asked if installed(item) is not None]
        found[name] = package, sorted({canonicalize_name(item.name) for item in there})
        waiting += [(item, False) for item in there]
    return found


def library(name: str, package: Distribution) -> dict[str, Any]:
    """A package as a component."""
    meta = package.metadata
    told = {"type": "library", "bom-ref": purl(name, package), "name": name, "version": package.version}
    if summary := meta.get("Summary"):
        told["description"] = summary
    if terms := meta.get("License-Expression"):
        told["licenses"] = [{"expression": terms}]
    elif terms := (meta.get("License") or "").split("\n")[0].strip():
        told["licenses"] = [{"license": {"name": terms}}]
    return {**told, "purl": purl(name, package)}


def purl(name: str, package: Distribution) -> str:
    """The package's URL (https://github.com/package-url/purl-spec)."""
    return f"pkg:pypi/{name}@{package.version}"


def model(entry: ModelEntry) -> dict[str, Any]:
    """A model as a component."""
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{entry.name}@{entry.sha256[:12]}",
        "name": entry.name,
        "description": f"{entry.task}, trained on {', '.join(entry.data)}",
        "hashes": [{"alg": "SHA-256", "content": entry.sha256}],
        "licenses": [{"license": {"name": entry.terms.split(chr(10))[0]}}],
    }


def bill() -> dict[str, Any]:
    """The whole document."""
    packages = closure()
    models = load_manifest(resources.models_dir())
    own = distribution("mer_ros")
    refs = {name: purl(name, package) for name, (package, _) in packages.items()}
    components = [library(name, package) for name, (package, _) in sorted(packages.items())]
    components += [model(entry) for entry in sorted(models, key=lambda entry: entry.name)]
    root = purl("mer-ros", own)
    asked = {refs[name]: sorted(refs[item] for item in names) for name, (_, names) in packages.items()}
    asked[root] = sorted(component["bom-ref"] for component in components)
    content = {
        "metadata": {
            "component": {"type": "application", "bom-ref": root, "name": "mer_ros", "version": own.version},
            "tools": {"components": [{"type": "application", "name": "scripts/sbom.py", "version": own.version}]},
        },
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": asked[ref]} for ref in sorted(asked)],
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    number = uuid.uuid5(NAMESPACE, digest)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        **content,
    }


if __name__ == "__main__":
    json.dump(bill(), sys.stdout, indent=2)
    sys.stdout.write("\n")
