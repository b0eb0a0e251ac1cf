"""Averages and labels over time: what holds for any stream."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.emotion import EMOTIONS, UNKNOWN, Modality, ModalityEstimate
from mer_ros.fusion.smoothing import RunningMean, SteadyLabel

MS = 1_000_000
FRACTION = st.floats(0.0, 1.0)
ANSWERS = st.lists(
    st.tuples(st.lists(st.floats(0.01, 1.0), min_size=7, max_size=7), st.floats(0.01, 1.0), st.integers(-300, 20_000)),
    min_size=1,
    max_size=30,
)


def answer(probabilities, quality=1.0, sentiment=None) -> ModalityEstimate:
    return ModalityEstimate(Modality.FACE, np.asarray(probabilities), sentiment=sentiment, quality=quality, model="m")


def feeling(emotion: str, height: float = 0.7) -> np.ndarray:
    values = np.full(7, (1 - height) / 6)
    values[EMOTIONS.index(emotion)] = height
    return values


@given(ANSWERS)
def test_the_mean_lies_between_the_answers_and_is_a_distribution(answers) -> None:
    mean, now_ns, rows, qualities = RunningMean(1000.0), 0, [], []
    for row, quality, step_ms in answers:
        now_ns += step_ms * MS
        rows.append(np.array(row) / sum(row))
        qualities.append(quality)
        mean.add(answer(rows[-1], quality), now_ns)
    value = mean.value()
    assert value.probabilities.sum() == pytest.approx(1)
    assert (value.probabilities >= np.min(rows, axis=0) - 1e-9).all()
    assert (value.probabilities <= np.max(rows, axis=0) + 1e-9).all()
    assert min(qualities) - 1e-9 <= value.quality <= max(qualities) + 1e-9
    assert (value.modality, value.model, value.sentiment) == (Modality.FACE, "m", None)


@pytest.mark.parametrize(("age_ms", "share"), [(0, 0.5), (1000, 1 / (1 + np.exp(-1))), (5000, 1 / (1 + np.exp(-5)))])
def test_an_answer_of_one_time_constant_ago_counts_one_over_e(age_ms, share) -> None:
    mean = RunningMean(1000.0)
    mean.add(answer(feeling("joy", 1.0)), 10**18)
    mean.add(answer(feeling("anger", 1.0)), 10**18 + age_ms * MS)
    assert mean.value().probabilities[EMOTIONS.index("anger")] == pytest.approx(share)


def test_a_better_answer_counts_more_and_sentiments_are_averaged_too() -> None:
    mean = RunningMean(1000.0)
    assert mean.value() is None
    mean.add(answer(feeling("joy", 1.0), 0.9, np.array([0.0, 0.0, 1.0])), 0)
    mean.add(answer(feeling("anger", 1.0), 0.1, np.array([1.0, 0.0, 0.0])), 0)
    value = mean.value()
    assert value.probabilities[EMOTIONS.index("joy")] == pytest.approx(0.9)
    assert value.sentiment == pytest.approx([0.1, 0.0, 0.9])
    assert value.quality == pytest.approx(0.82)


@given(st.lists(st.tuples(st.sampled_from((*EMOTIONS, UNKNOWN)), FRACTION, st.integers(0, 700)), min_size=1))
def test_a_label_gives_way_after_a_time_that_a_clear_lead_shortens(stream) -> None:
    steady, held, now_ms, leading = SteadyLabel(EMOTIONS, 0.2, 1000.0), "", 0, ""
    for said, height, step_ms in stream:
        now_ms += step_ms
        rows = feeling(said, height) if said != UNKNOWN else np.full(7, 1 / 7)
        label = steady.update(said, rows, now_ms * MS)
        ahead = UNKNOWN not in (said, held) and rows[EMOTIONS.index(said)] - rows[EMOTIONS.index(held or said)] >= 0.2
        if said != leading:
            leading, since_ms, led_ms = said, now_ms, None
        led_ms = (now_ms if led_ms is None else led_ms) if ahead else None
        lasts = now_ms - since_ms >= 1000 or (led_ms is not None and now_ms - led_ms >= 250)
        if held:
            assert label == (said if lasts else held)
        if label == said:
            leading = ""
        held = label


@pytest.mark.parametrize(
    ("stream", "told"),
    [
        ([("joy", 0.3, 0), ("anger", 0.3, 500), ("joy", 0.3, 1000), ("anger", 0.3, 1500)], ["joy"] * 4),
        ([("joy", 0.3, 0), ("anger", 0.3, 500), ("anger", 0.3, 1499)], ["joy"] * 3),
        ([("joy", 0.3, 0), ("anger", 0.3, 500), ("anger", 0.3, 1500)], ["joy", "joy", "anger"]),
        ([("joy", 0.3, 0), ("anger", 0.5, 500), ("anger", 0.5, 749), ("anger", 0.5, 750)], ["joy"] * 3 + ["anger"]),
        ([("joy", 0.3, 0), ("anger", 0.9, 500), ("joy", 0.3, 1000), ("anger", 0.9, 1500)], ["joy"] * 4),
        ([("joy", 0.3, 0), ("anger", 0.9, 500), ("anger", 0.2, 700), ("anger", 0.9, 800)], ["joy"] * 4),
        (
            [("joy", 0.3, 0), (UNKNOWN, 0.3, 1), (UNKNOWN, 0.3, 1001), ("joy", 0.9, 1002)],
            ["joy", "joy", *[UNKNOWN] * 2],
        ),
        ([("joy", 0.3, 5000), ("anger", 0.3, 6000), ("anger", 0.3, 10)], ["joy"] * 3),  # time went back
    ],
)
def test_hysteresis(stream, told) -> None:
    steady = SteadyLabel(EMOTIONS, 0.2, 1000.0)
    rows = [np.full(7, 0.2) if said == UNKNOWN else feeling(said, height) for said, height, _ in stream]
    assert [steady.update(s, row, at * MS) for (s, _, at), row in zip(stream, rows, strict=True)] == told


def test_what_an_utterance_told_takes_over_at_once_when_it_is_the_most_probable() -> None:
    steady = SteadyLabel(EMOTIONS, 0.2, 1000.0)
    rows = {name: feeling(name, 0.9) for name in ("joy", "anger")}
    assert steady.update("joy", rows["joy"], 0) == "joy"
    steady.settle("anger", 100 * MS)
    assert steady.update("joy", rows["joy"], 200 * MS) == "joy"  # it is not: the face shows something else
    assert steady.update("anger", rows["anger"], 300 * MS) == "anger"
    steady.settle("joy", 400 * MS)
    assert steady.update("joy", rows["joy"], 1500 * MS) == "anger"  # that was long ago
