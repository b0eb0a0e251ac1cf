import pytest

from mer_ros.emotion import Modality
from mer_ros.errors import ModelError
from mer_ros.fusion.weights import FusionWeights, Worth, read_weights, write_weights

WORTH = Worth("some-model", (0.0, 0.5, 1.0), (0.2, 0.6, 1.2))


@pytest.mark.parametrize(("quality", "trust"), [(0, 0.2), (0.25, 0.4), (0.5, 0.6), (0.75, 0.9), (1, 1.2), (2, 1.2)])
def test_trust_is_interpolated_and_level_beyond_the_ends(quality, trust):
    assert WORTH(quality) == pytest.approx(trust)


def test_weights_survive_the_file():
    weights = FusionWeights({Modality.FACE: WORTH, Modality.TEXT: WORTH}, 0.75)
    assert read_weights(write_weights(weights)) == weights


def test_weights_hold_for_the_model_that_they_were_fitted_on():
    weights = FusionWeights({Modality.FACE: WORTH}, 0.75)
    assert weights.worth(Modality.FACE, "some-model") == WORTH
    assert weights.worth(Modality.FACE, "another") is None
    assert weights.worth(Modality.TEXT, "some-model") is None


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (b"", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"independence: [", "cannot be read"),
        (b"{a: " * 3000, "cannot be read"),
        (b"face: {model: m, quality: [0, 1], trust: [0, 1]}", "independence"),
        (b"independence: 2", "0..1"),
        (b"independence: .nan", "0..1"),
        (b"independence: 1\nsmell: {}", "smell"),
        (b"independence: 1\nface: {model: m, quality: [0, 1]}", "trust"),
        (b"independence: 1\nface: {model: m, quality: [0, 1], trust: [1, 0]}", "rising"),
        (b"independence: 1\nface: {model: m, quality: [0, 0], trust: [0, 1]}", "rising"),
        (b"independence: 1\nface: {model: m, quality: [0, 1], trust: [0, .inf]}", "rising"),
        (b"independence: 1\nface: {model: m, quality: [0, 1], trust: [0, 1, 1]}", "as many"),
        (b"independence: 1\nface: {model: m, quality: [0], trust: [1]}", "two or more"),
    ],
)
def test_what_is_no_file_of_weights_is_refused(file, reason):
    with pytest.raises(ModelError, match=reason) as raised:
        read_weights(file)
    assert "\n" not in str(raised.value)
