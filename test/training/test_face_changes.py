from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mer_ros.corpora.faces import Faces  # noqa: E402
from mer_ros.training.augment import augment_faces, mixed  # noqa: E402
from mer_ros.training.faces import logits_both_ways, rare_repeated  # noqa: E402
from mer_ros.training.networks.face import CaerNet, FaceClassifier, middle  # noqa: E402
from mer_ros.training.networks.facenet import LEAST  # noqa: E402
from mer_ros.training.networks.streams import SmallStream  # noqa: E402


@pytest.mark.parametrize("side", [40, 44, 48])
@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
def test_changed_faces_have_the_size_asked_for_and_stay_in_range(side: int, strength: float) -> None:
    torch.manual_seed(1)
    changed = augment_faces(torch.rand(64, 1, 48, 48), strength, side)
    assert changed.shape == (64, 1, side, side)
    assert 0 <= changed.min() <= changed.max() <= 1
    assert torch.isfinite(changed).all()


def test_without_strength_a_crop_is_the_picture_itself_or_its_mirror_image() -> None:
    torch.manual_seed(1)
    picture = (torch.rand(1, 1, 48, 48) * 255).round() / 255
    windows = [
        side[0, 0, top : top + 40, left : left + 40]
        for side in (picture, picture.flip(3))
        for top in range(9)
        for left in range(9)
    ]
    found = set()
    for crop in augment_faces(picture.repeat(30, 1, 1, 1), 0.0, 40):
        gaps = torch.stack([(crop[0] - window).abs().max() for window in windows])
        assert gaps.min() < 0.003  # a hundredth of a grey level from resampling, then rounded
        found.add(int(gaps.argmin()))
    assert len(found) > 10


def test_strong_changes_leave_most_pictures_much_as_they_are() -> None:
    torch.manual_seed(2)
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    picture = (0.5 + 0.4 * torch.sin(x / 5) * torch.sin(y / 7 + 1))[None, None]
    changed = augment_faces(picture.repeat(200, 1, 1, 1), 1.0)
    alike = [
        max(float(np.corrcoef(c.flatten(), p.flatten())[0, 1]) for p in (picture, picture.flip(3))) for c in changed
    ]
    assert np.median(alike) > 0.5
    assert not torch.equal(changed, augment_faces(picture.repeat(200, 1, 1, 1), 1.0))


def test_mixed_targets_are_shares_that_fit_their_images() -> None:
    torch.manual_seed(1)
    targets = torch.eye(7).repeat(10, 1)
    images = targets.argmax(1).float().view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    blended, shares = mixed(images, targets)
    assert torch.allclose(shares.sum(1), torch.ones(70))
    assert torch.allclose(blended[:, 0, 0, 0], shares @ torch.arange(7.0), atol=1e-5)
    assert (shares.argmax(1) == targets.argmax(1)).all()  # an image keeps at least half


def test_the_rarest_class_alone_is_repeated() -> None:
    labels = np.array([0, 0, 0, 1, 3, 3])
    faces = Faces(np.arange(6, dtype=np.uint8)[:, None, None] + np.zeros((6, 48, 48), np.uint8), labels)
    repeated = rare_repeated(faces, 3)
    assert sorted(repeated.labels) == [0, 0, 0, 1, 1, 1, 3, 3]
    assert (repeated.images[repeated.labels == 1] == 3).all()


def test_what_is_told_of_a_face_is_told_of_its_mirror_image() -> None:
    torch.manual_seed(1)
    generator = np.random.default_rng(1)
    faces = Faces(generator.integers(0, 256, (6, 48, 48), dtype=np.uint8), np.array([0, 1, 2, 3, 4, 5]))
    mirrored = Faces(faces.images[:, :, ::-1].copy(), faces.labels)
    network = FaceClassifier(SmallStream(4))
    assert torch.allclose(logits_both_ways(network, faces), logits_both_ways(network, mirrored), atol=1e-2)  # bfloat16
    net = CaerNet(width=4, side=LEAST).eval()
    picture = (
        torch.from_numpy(faces.images).repeat_interleave(2, 1).repeat_interleave(2, 2)[..., None].repeat(1, 1, 1, 3)
    )
    with torch.no_grad():
        told, of_mirrored = (net.face_features(x)[:, -7:] for x in (picture, picture.flip(2)))
    assert torch.allclose(told, of_mirrored, atol=1e-4)
    assert not torch.allclose(told[:1], told[1:], atol=1e-4)


def test_the_middle_of_a_picture() -> None:
    pictures = torch.rand(5, 1, 48, 48)
    assert torch.equal(middle(pictures, 44), pictures[:, :, 2:46, 2:46])
