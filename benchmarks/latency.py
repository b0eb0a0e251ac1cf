"""End of speech to `/emotion`, live, over DDS, in real time. Exit code 1 when a mark is missed.

python benchmarks/latency.py [--utterances 200] [--words own outside plain] [--write]

The graph runs in separate processes; a player of its own plays the sample dialogue (utterances of 2 to 4.4 s) at
640x480 and 30 Hz with sound, again and again. The time counts from the end of the 20 ms of sound with which the
hang-over is over, which a second listener finds out afterwards from the same sound, to the arrival of the emotion in
another process.

own: the graph recognises the words. outside: another recogniser does, which says them the moment that the utterance
ends (a process like any other hears the end and answers at once). plain: no graph; at the end of an utterance detector
on 10 frames a second, recogniser and models one after the other, as a script would do.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from common import Mark, Result, finish, percentile, spread, table
from film import film, round_s
from live import Follower, apart, running

from mer_ros import stages
from mer_ros.audio.listener import SpeechListener
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.sample import TURNS, SampleDialogue
from mer_ros.utterance import AudioChunk, Frame, SpeechState
from mer_ros.vision.observer import FaceObserver

PLAIN_HZ = 10.0
P50_MS, P95_MS, OUTSIDE_P95_MS = 120.0, 250.0, 80.0
NS, MS = 1_000_000_000, 1_000_000


@dataclass
class Course:
    """Milliseconds of each utterance, in all and by stage. missing: ended without an emotion. whole: all senses."""

    after: list[float] = field(default_factory=list)
    after_told: list[float] = field(default_factory=list)
    by_stage: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ended: int = 0
    whole: int = 0
    unmatched: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def over_at(chunks: Iterable[AudioChunk], listener: SpeechListener) -> dict[tuple[int, int], int]:
    """Start and end of each utterance, to the end of the chunk with which the listener knows that it is over."""
    known = {}
    for chunk in chunks:
        for utterance in listener.push(chunk):
            if utterance.state is SpeechState.ENDED:
                end_ns = chunk.stamp_ns + len(chunk.samples) * NS // chunk.sample_rate
                known[utterance.start_ns, utterance.end_ns] = end_ns
    return known


def live(utterances: int, folder: Path, outside: bool) -> Course:
    """Run the graph until so many utterances have been played."""
    from mer_ros.messages.audio import chunk_of
    from mer_ros.nodes.conversions.stamps import to_ns

    rounds = -(-utterances // len(TURNS))
    path = film(folder / "talk.mp4", rounds)
    follower = Follower(sound=True, words=(lambda n: TURNS[n % len(TURNS)].words) if outside else None)
    try:
        with running(folder, follower, recogniser="outside" if outside else "") as graph, graph.play(path):
            if not graph.wait(graph.played, 60 + 1.2 * rounds * round_s()):
                raise SystemExit(f"error: the player does not come to its end; the logs are in {folder / 'logs'}")
            time.sleep(2.0)
    finally:
        follower.close()
    heard = follower.heard
    microphone = ReplayOptions().settings()["microphone"]
    over = over_at((chunk_of(chunk, 0) for chunk in heard.chunks), stages.listener(microphone))
    told = {(to_ns(m.start), to_ns(m.end)): arrived for arrived, m in heard.ended}
    course = Course(ended=len(heard.ended))
    for arrived, message in heard.emotions:
        key = to_ns(message.start), to_ns(message.end)
        if key not in over or key not in told:
            course.unmatched += 1
            continue
        course.after.append((arrived - over[key]) / MS)
        course.after_told.append((arrived - told[key]) / MS)
        for item in message.latency:
            course.by_stage[item.stage].append(item.milliseconds)
        course.by_stage["microphone, to the end of the utterance"].append((told[key] - over[key]) / MS)
        course.whole += all(item.available for item in message.modalities)
        course.reasons.update(f"{m.modality}: {m.reason}" for m in message.modalities if not m.available)
    return course


def plain(utterances: int) -> Course:
    """Everything after the end, one after the other, in one thread, with the same detector, recogniser and models."""
    settings = ReplayOptions().settings()
    camera = settings["camera"]
    detector = stages.detector(camera)
    wanted = stages.observer(camera, detector, interim_period_ms=0).options
    every_frame = replace(wanted, tracker=replace(wanted.tracker, detect_period_ms=0, steady_period_ms=0))
    transcriber = stages.transcriber(stages.speech_options(settings["speech_to_text"]))
    experts, _ = stages.experts(settings["fusion"])
    sample = SampleDialogue(frame_rate_hz=PLAIN_HZ)
    events = list(sample.events())
    frames = [event for event in events if isinstance(event, Frame)]
    listener = stages.listener(settings["microphone"])
    heard = [u for e in events if isinstance(e, AudioChunk) for u in listener.push(e)]
    spoken = [u for u in heard if u.state is SpeechState.ENDED]
    course = Course()
    for number in range(utterances):
        utterance = spoken[number % len(spoken)]
        observer = FaceObserver(detector, every_frame)
        fuser = stages.fuser(settings["fusion"], experts)
        seen = [f for f in frames if utterance.start_ns <= f.stamp_ns <= utterance.end_ns]
        transcriber = stages.transcriber(stages.speech_options(settings["speech_to_text"]), transcriber.recogniser)
        begun = time.perf_counter()
        for frame in seen:
            observer.frame(frame)
        windows = observer.utterance(utterance) or observer.flush()
        watched = time.perf_counter()
        words = transcriber.push(utterance)
        written = time.perf_counter()
        emotions = fuser.utterance(utterance, utterance.end_ns)
        emotions += [e for window in windows for e in fuser.window(window, utterance.end_ns)]
        emotions += [e for said in words for e in fuser.transcript(said, utterance.end_ns)]
        ended = time.perf_counter()
        course.ended += 1
        course.after += [(ended - begun) * 1e3] * len(emotions)
        course.whole += sum(all(m.available for m in e.modalities) for e in emotions)
        parts = {"faces": watched - begun, "speech to text": written - watched, "models": ended - written}
        for name, seconds in parts.items():
            course.by_stage[name].append(seconds * 1e3)
    return course


def fer_line(frames: Sequence[Frame]) -> str:
    """What the package fer takes for a frame, where it is installed."""
    try:
        from fer import FER
    except ImportError as error:  # it asks for TensorFlow, PyTorch and a second OpenCV
        return f"fer is left out: it is not installed ({error})."
    peer = FER()
    spent = []
    for frame in frames:
        begun = time.perf_counter()
        peer.detect_emotions(np.ascontiguousarray(frame.image[..., ::-1]))
        spent.append((time.perf_counter() - begun) * 1e3)
    return f"fer takes {spread(spent[1:])} ms for a frame (median, 95 %, most), faces found and their emotions told."


def lines_of(name: str, course: Course) -> list[str]:
    """All that is worth knowing of a course, as Markdown."""
    rows = [["all", spread(course.after)]]
    if course.after_told:
        rows.append(["from the microphone's message of the end", spread(course.after_told)])
    rows += [[stage, spread(values)] for stage, values in course.by_stage.items()]
    without = "; ".join(f"{reason} ({n})" for reason, n in course.reasons.most_common())
    return [
        f"**{name}**: {len(course.after)} emotions of {course.ended} utterances, {course.whole} of them with all three "
        f"senses{f' (else {without})' if without else ''}, {course.unmatched} that could not be timed.",
        "",
        *table(("ms", "median, 95 %, most"), rows),
        "",
    ]


def marks_of(courses: dict[str, Course]) -> list[Mark]:
    """The marks of what was run; an utterance without an emotion misses them."""
    marks = []
    for name, course in courses.items():
        after = course.after if course.after and len(course.after) >= course.ended - course.unmatched else []
        n = f"{len(course.after)} utterances"
        if name == "own":
            what = "end of speech to `/emotion`, speech to text included"
            marks.append(Mark(f"{what}, median", P50_MS, percentile(after, 50), "ms", note=n))
            marks.append(Mark(f"{what}, 95 %", P95_MS, percentile(after, 95), "ms", note=n))
        elif name == "outside":
            what = "end of speech to `/emotion`, words from outside, 95 %"
            marks.append(Mark(what, OUTSIDE_P95_MS, percentile(after, 95), "ms", note=n))
    return marks


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=200, help="of each course (default: %(default)s)")
    parser.add_argument("--words", nargs="+", choices=("own", "outside", "plain"), default=["own", "outside", "plain"])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/latency.json")
    given = parser.parse_args(arguments)
    if given.utterances < 1:
        parser.error(f"--utterances is {given.utterances}: give 1 or more")
    apart()
    courses = {}
    for name in given.words:
        folder = Path(tempfile.mkdtemp(prefix=f"mer-latency-{name}-"))
        courses[name] = (
            plain(min(given.utterances, 60)) if name == "plain" else live(given.utterances, folder, name == "outside")
        )
    titles = {"own": "Own recogniser", "outside": "Words from outside", "plain": "Plain loop, no graph"}
    lines = [line for name, course in courses.items() for line in lines_of(titles[name], course)]
    if "plain" in courses and "own" in courses:
        ratio = statistics.median(courses["plain"].after) / statistics.median(courses["own"].after)
        lines.append(f"The plain loop takes {ratio:.1f} times as long after the end of speech (medians).")
    if "plain" in courses:
        sample = SampleDialogue(frame_rate_hz=PLAIN_HZ)
        lines.append(fer_line([event for event in sample.events() if isinstance(event, Frame)][20:60]))
    command = f"python benchmarks/latency.py --utterances {given.utterances}"
    result = Result("latency", "End of speech to emotion", command, 1, marks_of(courses), lines)
    return finish(result, given.write)


if __name__ == "__main__":
    sys.exit(main())
