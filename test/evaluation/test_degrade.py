from __future__ import annotations

import numpy as np
import pytest

from mer_ros.corpora.faces import Faces
from mer_ros.evaluation import degrade
from mer_ros.evaluation.degrade import CONDITIONS, Condition, degraded, robustness


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    y, x = np.mgrid[0:48, 0:48]
    return (128 + 60 * np.sin(x * 0.9) * np.cos(y * 0.7) + x).clip(0, 255).astype(np.uint8)


def detail(image: np.ndarray) -> float:
    return float(np.abs(np.diff(image.astype(float))).mean())


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: f"{c.kind} {c.setting}")
def test_conditions_change_pictures_but_not_their_shape(picture, condition: Condition) -> None:
    before = picture.copy()
    changed = condition.change(picture)
    assert (changed.shape, changed.dtype) == ((48, 48), np.uint8)
    assert not np.array_equal(changed, picture)
    assert np.array_equal(picture, before)


def test_fewer_pixels_and_blur_lose_detail_step_by_step(picture) -> None:
    for losses in (
        [detail(degrade.fewer_pixels(picture, side)) for side in (48, 32, 16, 8)],
        [detail(degrade.blurred(picture, sigma)) for sigma in (0.3, 1.0, 2.0, 4.0)],
    ):
        assert losses == sorted(losses, reverse=True)
    assert np.array_equal(degrade.fewer_pixels(picture, 48), picture)


def test_light_clips_and_rounds_as_a_camera(picture) -> None:
    assert degrade.relit(picture, 2.0).max() == 255
    assert len(np.unique(degrade.relit(picture, 0.02))) <= 6
    assert np.array_equal(degrade.relit(picture, 1.0), picture)


def test_tilt_turns_about_the_middle(picture) -> None:
    there_and_back = degrade.tilted(degrade.tilted(picture, 15), -15)
    inner = (slice(12, 36), slice(12, 36))
    assert np.corrcoef(there_and_back[inner].ravel(), picture[inner].ravel())[0, 1] > 0.9
    bar = np.zeros((48, 48), np.uint8)
    bar[23:25] = 255
    turned = degrade.tilted(bar, 20)  # counter-clockwise: its right end goes up
    assert turned[:, 40].argmax() < 20 < 28 < turned[:, 7].argmax()


def test_hidden_parts_are_of_one_grey(picture) -> None:
    hidden = degrade.partly_hidden(picture, 0.5, 1.0, 0.0, 0.25)
    assert len(np.unique(hidden[24:, :12])) == 1
    assert np.array_equal(hidden[:24], picture[:24])
    assert np.array_equal(hidden[:, 12:], picture[:, 12:])


def test_the_table_tells_what_each_change_costs(models_dir, picture) -> None:
    """On the shipped model: a condition that leaves nothing to see makes all answers one."""
    from mer_ros.inference import load_model

    rng = np.random.default_rng(1)
    faces = Faces(np.stack([np.roll(picture, n) for n in range(12)]), rng.integers(0, 7, 12))
    gone = Condition("gone", "all", lambda image: np.full_like(image, 90))
    same = Condition("same", "all", lambda image: image)
    found = robustness(load_model(models_dir, "face", device="cpu"), faces, (gone, same))
    assert list(found) == ["unchanged", "gone", "same"]
    assert found["same"]["all"] == found["unchanged"]["48 px"]
    assert round(found["gone"]["all"] * 12) in np.bincount(faces.labels, minlength=7)
    assert len(degraded(faces, gone)) == 12
