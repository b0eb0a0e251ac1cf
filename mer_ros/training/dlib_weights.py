"""Reads the weights of a network that dlib wrote (`dlib::serialize`), layer by layer, without dlib.

dlib writes a layer's subnetwork before the layer, so that the layers lie in a file from the input on. Each begins with
its kind's name and version ("con_4"), a string, followed by its parameters, a tensor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError

_MARK = re.compile(rb"\x01[\x04-\x10](con_|affine_|fc_)([0-9]?)")


@dataclass(frozen=True)
class Layer:
    """kind: "con", "affine" or "fc". values: float32 [n], all its parameters in a row, as dlib keeps them: a
    convolution's kernels [out, in, height, width] and then its biases; an affine layer's factors and then its offsets.
    """

    kind: str
    values: NDArray[np.float32]


def read_layers(path: Path) -> list[Layer]:
    """The layers that have parameters, from the input on. Raises InputError where the file holds none or is cut."""
    data = path.read_bytes()
    layers: list[Layer] = []
    place = 0
    while mark := _MARK.search(data, place):
        start = mark.start() + 2
        if data[mark.start() + 1] != mark.end() - start:  # the string's length
            place = start
            continue
        place = mark.end()
        if mark[1] == b"fc_":  # which tells its outputs and inputs first
            for _ in range(2):
                _, place = _integer(data, place)
        shape, place = _shape(data, place)
        count = int(np.prod(shape))
        if place + 4 * count > len(data):
            raise InputError(f"{path} ends within layer {len(layers) + 1}; copy the whole file anew")
        layers.append(Layer(mark[1].decode().rstrip("_"), np.frombuffer(data, "<f4", count, place).copy()))
        place += 4 * count
    if not layers:
        raise InputError(f"{path} holds no layer of a dlib network; name a file that dlib serialised")
    return layers


def _integer(data: bytes, place: int) -> tuple[int, int]:
    """One of dlib's whole numbers and the place behind it: a byte with the sign and their count, then the bytes."""
    head = data[place] if place < len(data) else 0
    end = place + 1 + (head & 0x0F)
    value = int.from_bytes(data[place + 1 : end], "little")
    return (-value if head & 0x80 else value), end


def _shape(data: bytes, place: int) -> tuple[list[int], int]:
    """A tensor's four sizes, behind its version, and where its numbers begin."""
    _, place = _integer(data, place)
    sizes = []
    for _ in range(4):
        size, place = _integer(data, place)
        sizes.append(size)
    return sizes, place
