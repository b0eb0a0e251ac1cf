"""What the soak makes of what it saw, for courses that were made up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
MINUTES = 4


@pytest.fixture(scope="module")
def soak():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import soak as module

        yield module
    finally:
        sys.path.remove(str(BENCHMARKS))


def course_of(soak, *, growing: float = 0.0, seconds: int = 60 * MINUTES):
    """An even course; growing: of memory, descriptors, times and the sound's delay, 1 for a lot."""
    from held import Sample

    course = soak.Course()
    for second in range(1, seconds + 1):
        grown = growing * second / seconds
        mb = {"fusion": 400 * (1 + grown), "camera": 200.0}
        course.samples.append(
            Sample(float(second), mb, 40 + round(9 * grown), 20, second * 0.5, delay_ms=round(grown) * 40)
        )
        if second % 5 == 0:
            course.spoken.after.append(60 + 100 * grown)
            course.spoken.by_stage[soak.MICROPHONE].append(28.0)
    course.spoken.ended = len(course.spoken.after)
    course.values = {"file_player": {"frames": "7200"}, "camera": {"received_image_raw": "7190"}}
    return course


def missed(soak, course) -> set[str]:
    return {mark.what.partition(": ")[2] for mark in soak.marks_of(course) if not mark.met}


def test_what_stays_as_it_is_meets_all_marks(soak):
    course = course_of(soak)
    assert missed(soak, course) == set()
    assert all(mark.what.startswith("4 minutes at full rate: ") for mark in soak.marks_of(course))
    assert "0.500 cores" in soak.lines_of(course)[0]


def test_what_grows_is_seen(soak):
    course = course_of(soak, growing=1.0)
    assert missed(soak, course) == {
        "memory at most",
        "memory growth",
        "growth of descriptors and threads",
        "the same, grown from first to last third",
        "drift",
    }


def test_what_is_lost_or_fails_is_seen(soak):
    course = course_of(soak)
    course.values["camera"] = {"received_image_raw": "7000", "faults": "1"}
    course.values["microphone"] = {"lost_samples": "321"}
    course.spoken.missing, course.failed, course.restarts = 1, ["camera"], {"fusion": 2}
    marks = {mark.what.partition(": ")[2]: mark for mark in soak.marks_of(course)}
    assert missed(soak, course) == {
        "chunks of sound lost",
        "frames received",
        "utterances without an emotion",
        "faults and restarts",
    }
    assert marks["chunks of sound lost"].measured == 2
    assert marks["faults and restarts"].measured == 4
    assert marks["faults and restarts"].note == "faults 1, restarts 2, not ended cleanly 1"


def test_without_emotions_the_times_are_missed(soak):
    course = course_of(soak)
    course.spoken.after = []
    assert {"end of speech to `/emotion`, 95 %", "the same, grown from first to last third"} <= missed(soak, course)


def test_drift_is_that_of_the_sound_against_pictures_or_clock(soak):
    course = course_of(soak)
    assert soak.drift_ms(course) == (0.0, 0.0)
    for sample in course.samples[-60:]:
        sample.delay_ms = -40
    assert soak.drift_ms(course) == (40.0, 0.0)
    assert missed(soak, course) == {"drift"}
    course = course_of(soak)
    course.spoken.by_stage[soak.MICROPHONE][-16:] = [58.0] * 16
    assert soak.drift_ms(course) == (0.0, 30.0)
    assert missed(soak, course) == {"drift"}


@pytest.mark.parametrize(("seconds", "said"), [(3600, "an hour"), (3602, "an hour"), (2580, "43 minutes")])
def test_each_mark_says_how_long_it_went_on(soak, seconds, said):
    assert soak.span_of(course_of(soak, seconds=seconds)) == f"{said} at full rate"
    composed = soak.Course(composed=True, samples=course_of(soak, seconds=seconds).samples)
    assert soak.span_of(composed) == f"{said} at full rate, composed"
