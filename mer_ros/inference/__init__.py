"""Loads exported models, checks their contract, runs them."""

from mer_ros.inference.manifest import ModelEntry, TensorSpec, load_manifest
from mer_ros.inference.model import Model, load_model
from mer_ros.inference.session import Session

__all__ = ["Model", "ModelEntry", "Session", "TensorSpec", "load_manifest", "load_model"]
