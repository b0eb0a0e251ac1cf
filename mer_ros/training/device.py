"""Where networks are trained: decided here alone. What a trained network is asked, it is asked on the processor."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from mer_ros.errors import OptionError

DEVICES = ("auto", "cpu", "cuda")
_device = torch.device("cpu")


def set_device(name: str) -> str:
    """For this process, as `torch.set_num_threads`; auto: an NVIDIA card where torch finds one, else the processor.

    Gives what is used, in words. Raises OptionError for a device that is not there.
    """
    global _device
    if name not in DEVICES:
        raise OptionError(f'device "{name}" must be one of {", ".join(DEVICES)}.')
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise OptionError(
            f"--device cuda: torch {torch.__version__} finds no NVIDIA card that it can use; leave --device out, or "
            "install a torch built for CUDA and the card's driver."
        )
    _device = torch.device("cuda" if there and name != "cpu" else "cpu")
    return f"cuda ({torch.cuda.get_device_name()})" if _device.type == "cuda" else "cpu"


def training_device() -> torch.device:
    """Where `fit` has its networks and batches."""
    return _device


def made_on(device: torch.device) -> AbstractContextManager[Any]:
    """Inside of it tensors that name no device are made on this one."""
    return nullcontext() if device.type == "cpu" else device
