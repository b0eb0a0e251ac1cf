"""Recall, false alarms and cost of the face detectors on real frames, easy and hard.

    python benchmarks/face_detectors.py --clips DIR [--yunet FILE] [--out benchmarks/results/face_detectors.md]

Frames: from each clip in DIR (one talking face each), and two public-domain portraits that scikit-image and
matplotlib carry; each of them clean, and as the hard kinds below. A face counts as found when a detection
overlaps it by IoU 0.3; every other detection is a false alarm. Where the face is: the median of all boxes
that all detectors find in the clean frames of the clip, moved along with what is done to the frame.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import cv2
import numpy as np

from mer_ros.errors import MerError
from mer_ros.utterance import Box, Frame
from mer_ros.vision.crops import context_crop, crop_face
from mer_ros.vision.detector import FaceDetector, iou, make_detector
from mer_ros.vision.dlib_hog import DlibHogDetector
from mer_ros.vision.tracker import FaceTracker

FRAMES_PER_CLIP = 5
KINDS = {
    "clean": "as it is",
    "half": "scaled to a half",
    "dark": "a quarter of the light, with sensor noise",
    "blur": "Gaussian blur, sigma 3",
    "turn +20": "rotated by 20 degrees",
    "turn -20": "rotated by -20 degrees",
    "small 48": "pasted in a 640x480 room, face 48 px high",
    "small 32": "pasted in a 640x480 room, face 32 px high",
}


def read_sources(clips: Path) -> dict[str, list[np.ndarray]]:
    """Name -> RGB frames with one face each."""
    sources = {}
    for path in sorted(p for p in clips.iterdir() if p.suffix in (".mpg", ".mp4", ".avi")):
        capture = cv2.VideoCapture(str(path))
        frames = []
        while (grabbed := capture.read())[0]:
            frames.append(cv2.cvtColor(grabbed[1], cv2.COLOR_BGR2RGB))
        chosen = np.linspace(0, len(frames) - 1, FRAMES_PER_CLIP).round().astype(int)
        sources[path.stem] = [frames[n] for n in chosen]
    for package, name in (
        ("skimage", "data/astronaut.png"),
        ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    ):
        image = cv2.imread(str(resources.files(package) / name))
        sources[Path(name).stem] = [cv2.cvtColor(image, cv2.COLOR_BGR2RGB)]
    return sources


def read_empty() -> list[np.ndarray]:
    """Real pictures without a human face, where every detection is false."""
    names = ("chelsea.png", "coffee.png", "rocket.jpg", "brick.png", "coins.png", "page.png", "motorcycle_left.png")
    paths = [resources.files("skimage") / "data" / name for name in names]
    return [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths if path.is_file()]


def locate(frames: list[np.ndarray], detectors: list[FaceDetector]) -> Box:
    boxes = []
    for frame in frames:
        for detector in detectors:
            boxes += [(d.box.x, d.box.y, d.box.width, d.box.height) for d in detector.detect(frame)[:1]]
    return Box(*np.median(boxes, axis=0).round().astype(int).tolist())


def variants(frame: np.ndarray, face: Box, room: np.ndarray, seed: int) -> Iterator[tuple[str, np.ndarray, Box]]:
    """Each kind of the frame, with where its face then is."""
    rng = np.random.default_rng(seed)
    height, width = frame.shape[:2]
    yield "clean", frame, face
    half = cv2.resize(frame, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    yield "half", half, Box(face.x // 2, face.y // 2, face.width // 2, face.height // 2)
    dark = frame * 0.25 + rng.normal(0.0, 4.0, frame.shape)
    yield "dark", np.clip(dark, 0, 255).astype(np.uint8), face
    yield "blur", cv2.GaussianBlur(frame, (0, 0), 3.0), face
    for degrees in (20, -20):
        middle = (face.x + face.width / 2, face.y + face.height / 2)
        turn = cv2.getRotationMatrix2D(middle, degrees, 1.0)
        turned = cv2.warpAffine(frame, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        yield f"turn {degrees:+d}", turned, face
    for pixels in (48, 32):
        scale = pixels / face.height
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        small = small[:460, :620]
        x = int(rng.integers(0, 640 - small.shape[1] + 1))
        y = int(rng.integers(0, 480 - small.shape[0] + 1))
        whole = room.copy()
        whole[y : y + small.shape[0], x : x + small.shape[1]] = small
        left, top = x + round(face.x * scale), y + round(face.y * scale)
        yield f"small {pixels}", whole, Box(left, top, round(face.width * scale), round(face.height * scale))


def timed(detector: FaceDetector, image: np.ndarray) -> float:
    start = time.process_time()
    detector.detect(image)
    return (time.process_time() - start) * 1e3


def score(detector: FaceDetector, cases: list, empty: list[np.ndarray], probe: np.ndarray) -> str:
    """One row of the table."""
    hits = dict.fromkeys(KINDS, 0)
    totals = dict.fromkeys(KINDS, 0)
    false_alarms = sum(len(detector.detect(image)) for image in empty)
    for kind, image, face in cases:
        overlaps = [iou(d.box, face) >= 0.3 for d in detector.detect(image)]
        hits[kind] += any(overlaps)
        totals[kind] += 1
        false_alarms += len(overlaps) - min(1, sum(overlaps))
    cost = np.median([timed(detector, probe) for _ in range(25)])
    recall = sum(hits.values()) / sum(totals.values())
    cells = [f"{hits[kind] / totals[kind]:.2f}" for kind in KINDS]
    return " | ".join([f"{recall:.3f}", *cells, str(false_alarms), f"{cost:.1f}"])


def main() -> None:
    """Run all detectors over all frames and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="folder of video files with one face each")
    parser.add_argument("--yunet", type=Path, help="YuNet's model file; left out without it")
    parser.add_argument("--out", type=Path, help="write the result here as well")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)

    plans: list[tuple[str, int, dict]] = [("centerface", w, {}) for w in (224, 320, 416, 640)]
    plans += [("dlib_hog", w, {}) for w in (320, 640)]
    if arguments.yunet:
        plans += [("yunet", w, {"model_path": arguments.yunet}) for w in (224, 320, 416, 640)]
    sources = read_sources(arguments.clips)
    empty = read_empty()
    room = cv2.resize(empty[-1], (640, 480), interpolation=cv2.INTER_AREA)
    judges = [make_detector(name, width_px=640, **extra) for name, extra in {n: e for n, _, e in plans}.items()]
    cases = []
    for number, frames in enumerate(sources.values()):
        face = locate(frames, judges)
        for index, frame in enumerate(frames):
            cases += list(variants(frame, face, room, 100 * number + index))
    probe = cv2.resize(next(iter(sources.values()))[0], (640, 480))

    head = ["detector", "width", "recall", *KINDS, "false alarms", "ms"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    print(*lines, sep="\n")
    for name, width, extra in plans:
        try:
            detector = make_detector(name, width_px=width, **extra)
        except MerError as error:
            print(f"{name} left out: {error}")
            continue
        lines.append(f"| {name} | {width} | {score(detector, cases, empty, probe)} |")
        print(lines[-1], flush=True)
    # dlib needs faces of 80 px: without doubling the frame it cannot find the small ones at all.
    doubled = DlibHogDetector(width_px=640, upsample=1)
    lines.append(f"| dlib_hog, doubled | 640 | {score(doubled, cases, empty, probe)} |")
    print(lines[-1], flush=True)
    lines += ["", *follow(arguments.clips)]
    print(*lines[-3:], sep="\n")
    if arguments.out:
        arguments.out.write_text(report(lines, len(cases) // len(KINDS), len(sources), len(empty)))


def follow(clips: Path) -> list[str]:
    """Cost of a frame in the observer with the default detector, by what is done to it, and how well it holds."""
    detector = make_detector()
    spent: dict[str, list[float]] = {"detect": [], "track": [], "face crop": [], "context crop": []}
    overlaps = []
    ids = []
    for path in sorted(p for p in clips.iterdir() if p.suffix in (".mpg", ".mp4", ".avi")):
        capture = cv2.VideoCapture(str(path))
        tracker = FaceTracker(detector)
        number = 0
        while (grabbed := capture.read())[0]:
            image = cv2.cvtColor(cv2.resize(grabbed[1], (640, 480)), cv2.COLOR_BGR2RGB)
            before = tracker.counts["detections_run"]
            start = time.process_time()
            view = tracker.update(Frame(number * 40_000_000, image))
            tracked = time.process_time()
            spent["detect" if tracker.counts["detections_run"] > before else "track"].append(tracked - start)
            context_crop(image, view.hidden)
            hidden = time.process_time()
            for face in view.faces:
                crop_face(image, face.box, face.landmarks)
                spent["face crop"].append(time.process_time() - hidden)
            spent["context crop"].append(hidden - tracked)
            overlaps += [max(iou(d.box, f.box) for d in detector.detect(image)) for f in view.faces]
            number += 1
        ids.append(tracker.counts["tracks_started"])
    costs = ", ".join(f"{name} {np.median(times) * 1e3:.2f}" for name, times in spent.items())
    return [
        "Following a face in the clips, 640x480 at 25 Hz, detection each 200 ms, "
        f"{detector.name}: median ms of processor time a frame: {costs}.",
        f"IoU with a fresh detection: mean {np.mean(overlaps):.3f}, 5th percentile {np.percentile(overlaps, 5):.3f}, "
        f"least {min(overlaps):.3f}, over {len(overlaps)} frames. Ids given per clip: {ids}.",
    ]


def report(table: list[str], frames: int, sources: int, empty: int) -> str:
    kinds = [f"- {name}: {meaning}" for name, meaning in KINDS.items()]
    return "\n".join(
        [
            "# Face detectors",
            "",
            f"{datetime.date.today().isoformat()}, {platform.machine()}, one thread, Python "
            f"{platform.python_version()}, OpenCV {cv2.__version__}. `benchmarks/face_detectors.py` makes this page.",
            "",
            f"{frames} frames with one face, from {sources} people, each in {len(KINDS)} kinds, and {empty} without a "
            "face. Recall by kind of frame; "
            "false alarms in all of them; median ms of processor time for one 640x480 frame, scaling included. "
            "`width`: frames wider are scaled down to it.",
            "",
            *kinds,
            "",
            "Limits: the frames of one clip are nearly alike, so the people count more than the frames; a column "
            f"has {frames} cases, and one case is {1 / frames:.2f}. Where the face is comes from the judged detectors' "
            "own boxes in clean frames. The small faces lie in one and the same room, which also causes most "
            "false alarms. Each detector runs at its default score. The default width was chosen from this very "
            "table, so its row is no independent estimate. Times are from a machine with other work to do.",
            "",
            *table,
            "",
        ]
    )


if __name__ == "__main__":
    main()
