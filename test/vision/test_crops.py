from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.utterance import Box, FaceSample
from mer_ros.vision.crops import MARGIN, context_crop, crop_face, face_square, paste_face
from mer_ros.vision.detector import make_detector


def gradient(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], axis=-1).astype(np.uint8)


frames = st.tuples(st.integers(20, 300), st.integers(20, 300))


@settings(max_examples=100, deadline=None)
@given(frames, st.tuples(*[st.integers(0, 299)] * 4), st.floats(-60, 60))
def test_crops_have_one_shape_wherever_the_face_is(shape, numbers, tilt) -> None:
    height, width = shape
    x, y = numbers[0] % (width - 8), numbers[1] % (height - 8)
    box = Box(x, y, 8 + numbers[2] % (width - x - 7), 8 + numbers[3] % (height - y - 7))
    image = gradient(height, width)
    image.flags.writeable = False
    face = crop_face(image, box)
    context = context_crop(image, [box])
    assert (face.shape, face.dtype) == ((96, 96, 3), np.uint8)
    assert (context.shape, context.dtype) == ((112, 150, 3), np.uint8)
    middle = np.array([x + box.width / 2, y + box.height / 2])
    across = np.array([math.cos(math.radians(tilt)), math.sin(math.radians(tilt))]) * box.width / 4
    landmarks = np.stack([middle - across, middle + across, middle, middle, middle]).astype(np.float32)
    assert crop_face(image, box, landmarks).shape == (96, 96, 3)
    sample = FaceSample(0, box, 0.9, True, face, context)
    whole = paste_face(sample, image.shape)
    assert (whole.shape, whole.dtype) == ((84, 150, 3), np.uint8)
    assert not np.shares_memory(whole, context)


def test_the_edge_is_repeated_beyond_the_frame() -> None:
    image = np.full((100, 100, 3), 50, np.uint8)
    image[:, :2] = 200
    face = crop_face(image, Box(0, 30, 40, 40))
    assert (face[:, :7] == 200).all()  # the crop begins 4 px left of the frame: 8 of 96
    assert (face[:, 40:] == 50).all()


def test_the_square_is_in_the_middle_of_the_box() -> None:
    x, y, side = face_square(Box(10, 20, 40, 90))
    assert (x, y) == (30, 65)
    assert side == pytest.approx(MARGIN * 60)


@pytest.mark.parametrize("tilt", [-40, -20, 20, 40])
def test_a_tilted_head_is_turned_upright(astronaut, tilt) -> None:
    detector = make_detector()
    (face,) = detector.detect(astronaut)
    straight = crop_face(astronaut, face.box, face.landmarks, upright_deg=0).astype(float)
    middle = (face.box.x + face.box.width / 2, face.box.y + face.box.height / 2)
    turn = cv2.getRotationMatrix2D(middle, tilt, 1.0)
    turned = cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    marks = (face.landmarks @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    upright = crop_face(turned, face.box, marks)
    left_alone = crop_face(turned, face.box, marks, upright_deg=180)

    def alike(a: np.ndarray) -> float:
        return float(np.corrcoef(a[16:-16, 16:-16].ravel(), straight[16:-16, 16:-16].ravel())[0, 1])

    assert alike(upright) > 0.9
    assert alike(upright) > alike(left_alone) + 0.1


@pytest.mark.parametrize("box", [Box(0, 0, 40, 40), Box(270, 150, 50, 90), Box(100, 100, 33, 47)])
def test_the_context_hides_every_face_and_nothing_else(box: Box) -> None:
    image = np.full((240, 320, 3), 180, np.uint8)
    image[box.y : box.y + box.height, box.x : box.x + box.width] = 255
    other = Box(200, 20, 30, 30)
    image[20:50, 200:230] = 255
    context = context_crop(image, [box, other])
    # No face is left: at most the blend of the pixels along its border.
    assert context.max() <= 180 + 38
    share = (context == 0).all(axis=-1).mean()
    faces = (box.width * box.height + 900) / (240 * 320)
    assert faces <= share <= faces * 1.35
    assert context_crop(image, []).min() >= 180


def test_the_context_does_not_touch_the_frame() -> None:
    image = np.full((112, 150, 3), 180, np.uint8)
    context_crop(image, [Box(0, 0, 100, 100)])
    assert image.min() == 180


def test_pasting_gives_the_frame_back(astronaut) -> None:
    (face,) = make_detector().detect(astronaut)
    sample = FaceSample(
        0, face.box, face.score, True, crop_face(astronaut, face.box), context_crop(astronaut, [face.box])
    )
    whole = paste_face(sample, astronaut.shape).astype(float)
    truth = cv2.resize(astronaut, (150, 84), interpolation=cv2.INTER_AREA).astype(float)
    hidden = cv2.resize(sample.context, (150, 84), interpolation=cv2.INTER_AREA).astype(float)
    rows = slice(round(62 / 512 * 84), round(175 / 512 * 84))
    columns = slice(round(184 / 512 * 150), round(269 / 512 * 150))
    assert np.abs(whole - truth).mean() < 6
    assert np.abs(whole - truth)[rows, columns].mean() < 20 < np.abs(hidden - truth)[rows, columns].mean()


def test_faces_are_framed_as_in_fer2013(shared) -> None:
    """A FER2013 picture inside of a larger frame, cropped, is about the picture again."""
    path = shared / "data" / "fer2013" / "train.npz"
    if not path.is_file():
        pytest.skip("no FER2013")
    pictures = np.load(path)["images"][::400]
    detector = make_detector()
    sides = []
    for picture in pictures:
        face = cv2.cvtColor(cv2.resize(picture, (160, 160), interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2RGB)
        for found in detector.detect(cv2.copyMakeBorder(face, 64, 64, 64, 64, cv2.BORDER_REPLICATE))[:1]:
            x, y, side = face_square(found.box)
            sides.append((side / 160, (x - 64) / 160, (y - 64) / 160))
    assert len(sides) > 40
    assert np.median(sides, axis=0) == pytest.approx([1.0, 0.5, 0.5], abs=0.05)


#: Medians of the 257 pictures of FER2013 (of every 80th of train) in which CenterFace finds a face, as shares of
#: the side: middle of the eyes (x, y), distance of the eyes, middle of the mouth (x, y).
FER2013_MARKS = (0.497, 0.410, 0.347, 0.504, 0.748)


def marks_in_crop(detector, image) -> tuple[float, ...]:
    """The same of the crop that the face model gets."""
    found = detector.detect(image)[0]
    x, y, side = face_square(found.box)
    left, right, _, *mouth = (found.landmarks - [x - side / 2, y - side / 2]) / side
    return (*((left + right) / 2), float(np.hypot(*(right - left))), *np.mean(mouth, axis=0))


def test_eyes_and_mouths_of_real_frames_lie_where_those_of_fer2013_do(astronaut, hopper) -> None:
    detector = make_detector()
    for image in (astronaut, hopper):
        # Half the spread of FER2013 itself is 0.03 to 0.08; the admiral's cap makes his box higher.
        assert marks_in_crop(detector, image) == pytest.approx(FER2013_MARKS, abs=0.07)


def test_talking_faces_are_framed_as_fer2013_is(clips) -> None:
    detector = make_detector()
    found = [marks_in_crop(detector, frame) for frames in clips.values() for frame in frames[5::25]]
    assert np.median(found, axis=0) == pytest.approx(FER2013_MARKS, abs=0.04)
