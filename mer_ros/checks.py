"""What must be there before a graph is started: said now, in a sentence, not by a node a minute later."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from mer_ros import resources
from mer_ros.errors import MissingDependencyError, ModelError
from mer_ros.graph import SAMPLE, GraphSettings


def check_ros() -> None:
    """Raise MissingDependencyError when ROS 2 or the messages of this package cannot be imported."""
    for module, remedy in (
        ("rclpy", "source your ROS 2 set-up, or run 'make setup' for the ROS 2 wheels"),
        ("mer_msgs", "build it with 'colcon build', or run 'make setup'"),
    ):
        if importlib.util.find_spec(module) is None:
            raise MissingDependencyError(f"the Python package {module} is not installed; {remedy}")


def check_settings(settings: GraphSettings) -> None:
    """Raise MerError for models, a device or a file to play that are asked for and are not there, or not that.

    What is in a bag its player tells.
    """
    if settings.device:
        from mer_ros.inference.providers import choose_providers

        choose_providers(settings.device)
    if settings.fusion or settings.camera:
        _check_models(Path(settings.models) if settings.models else resources.models_dir())
    if settings.play not in ("", SAMPLE):
        _check_recording(Path(settings.play))


def _check_models(folder: Path) -> None:
    from mer_ros.inference.manifest import load_manifest

    for entry in load_manifest(folder):
        if entry.default and not (folder / entry.file).is_file():
            raise ModelError(f"there is no {entry.file} in {folder}, the model for {entry.task}; restore it")


def _check_recording(path: Path) -> None:
    # Imported here: the process that watches over the nodes of a robot needs no decoders.
    from mer_ros.replay.media import MediaSource
    from mer_ros.replay.storage.bag import is_bag_file, is_bag_folder

    if not (is_bag_folder(path) or (path.is_file() and is_bag_file(path))):  # which topics of a bag, its player knows
        MediaSource(path)
