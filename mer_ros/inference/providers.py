"""Where models run: the `device` parameter, as ONNX Runtime's execution providers."""

from __future__ import annotations

from collections.abc import Sequence

import onnxruntime

from mer_ros.errors import OptionError
from mer_ros.inference.session import CPU

_BY_DEVICE = {"tensorrt": "TensorrtExecutionProvider", "cuda": "CUDAExecutionProvider", "cpu": CPU}
DEVICES = ("auto", *_BY_DEVICE)


def choose_providers(device: str, available: Sequence[str] | None = None) -> list[str]:
    """The providers to try, best first; CPU is always the last, for operators that the others lack.

    device: `auto` (TensorRT, else CUDA, else CPU), `cpu`, `cuda` or `tensorrt`.
    available: what ONNX Runtime has (asked when None).
    Raises OptionError for another device, or for one that ONNX Runtime has no provider for.
    """
    if device not in DEVICES:
        raise OptionError(f"device is {device!r}; use one of {', '.join(DEVICES)}")
    have = onnxruntime.get_available_providers() if available is None else list(available)
    if device == "auto":
        return [p for p in _BY_DEVICE.values() if p in have]
    if _BY_DEVICE[device] not in have:
        raise unavailable(device, have)
    return [_BY_DEVICE[device]] if device == "cpu" else [_BY_DEVICE[device], CPU]


def device_of(provider: str) -> str:
    """The device that a provider stands for: cpu, cuda or tensorrt."""
    return next((d for d, p in _BY_DEVICE.items() if p == provider), provider)


def unavailable(device: str, have: Sequence[str]) -> OptionError:
    """The error for a device that was asked for by name and is not to be had."""
    there = ", ".join(d for d, p in _BY_DEVICE.items() if p in have) or "none"
    return OptionError(
        f"device is {device!r}, and ONNX Runtime on this machine has only: {there}; use auto, "
        "or install the onnxruntime-gpu that fits the machine's driver"
    )
