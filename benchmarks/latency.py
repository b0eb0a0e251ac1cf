"""End of speech to `/emotion`, live, over DDS, in real time. Exit code 1 when a mark is missed.

python benchmarks/latency.py [--utterances 200] [--only own outside plain] [--cores 1] [--write]

The graph runs in separate processes; a player of its own plays the sample dialogue (utterances of 2 to 4.4 s, with
pauses of 0.9 s, a little longer than the graph needs to tell them apart) at 640x480 and 30 Hz with sound, again and
again: 200 utterances take 13 minutes. The time counts from the end of the 20 ms of sound with which the hang-over is
over, which a second listener finds out afterwards from the same sound, to the arrival of the emotion in another
process. Each course is a result of its own, so that they can be run apart.

own: the graph recognises the words. outside: another recogniser does, which says them the moment that the utterance
ends (a process like any other hears the end and answers at once). plain: no graph; at the end of an utterance detector
on 10 frames a second, recogniser and models one after the other, as a script would do.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from after_speech import Course, Ends, timed
from common import RESULTS, Mark, Result, begin, finish, options, percentile, spread, table
from film import film, round_s
from live import Follower, apart, running

from mer_ros import stages
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.sample import TURNS, SampleDialogue
from mer_ros.utterance import AudioChunk, Frame, SpeechState
from mer_ros.vision.observer import FaceObserver

PLAIN_HZ = 10.0
P50_MS, P95_MS, OUTSIDE_P95_MS = 120.0, 250.0, 80.0
PLAIN_UTTERANCES = 60  # it does the same each time
TITLES = {"own": "own recogniser", "outside": "words from outside", "plain": "plain loop, no graph"}


def live(utterances: int, folder: Path, outside: bool) -> Course:
    """Run the graph until so many utterances have been played."""
    rounds = -(-utterances // len(TURNS))
    path = film(folder / "talk.mp4", rounds, brisk=True)
    follower = Follower(sound=True, words=(lambda n: TURNS[n % len(TURNS)].words) if outside else None)
    try:
        with running(folder, follower, recogniser="outside" if outside else "") as graph, graph.play(path):
            if not graph.wait(graph.played, 60 + 1.2 * rounds * round_s(brisk=True)):
                raise SystemExit(f"error: the player does not come to its end; the logs are in {folder / 'logs'}")
            time.sleep(2.0)
    finally:
        follower.close()
    ends = Ends()
    ends.hear(follower.heard)
    return timed(follower.heard, ends)


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


def lines_of(course: Course) -> list[str]:
    """All that is worth knowing of a course, as Markdown."""
    rows = [["all", spread(course.after)]]
    if course.after_told:
        rows.append(["from the microphone's message of the end", spread(course.after_told)])
    rows += [[stage, spread(values)] for stage, values in course.by_stage.items()]
    without = "; ".join(f"{reason} ({n})" for reason, n in course.reasons.most_common())
    return [
        f"{len(course.after)} emotions of {course.ended} utterances, {course.whole} of them with all three senses"
        f"{f' (else {without})' if without else ''}; {course.missing} missing, {course.unmatched} not timed.",
        "",
        *table(("ms", "median, 95 %, most"), rows),
        "",
    ]


def marks_of(name: str, course: Course) -> list[Mark]:
    """The marks of a course; an utterance without an emotion misses them."""
    after, n = [] if course.missing else course.after, f"{len(course.after)} utterances"
    if name == "own":
        what = "end of speech to `/emotion`, speech to text included"
        return [
            Mark(f"{what}, median", P50_MS, percentile(after, 50), "ms", note=n),
            Mark(f"{what}, 95 %", P95_MS, percentile(after, 95), "ms", note=n),
        ]
    if name == "outside":
        what = "end of speech to `/emotion`, words from outside, 95 %"
        return [Mark(what, OUTSIDE_P95_MS, percentile(after, 95), "ms", note=n)]
    return []


def beside(median_ms: float) -> list[str]:
    """How much longer than the graph's a median is, as a line, where that of the graph was written."""
    path = RESULTS / "latency_own.json"
    if not path.is_file():
        return []
    own = Result.read(path).marks[0].measured
    return [
        "",
        f"The plain loop takes {median_ms / own:.1f} times as long after the end of speech as the graph (medians).",
    ]


def measure(name: str, utterances: int) -> Result:
    """Run one course."""
    if name == "plain":
        utterances = min(utterances, PLAIN_UTTERANCES)
        course = plain(utterances)
    else:
        course = live(utterances, Path(tempfile.mkdtemp(prefix=f"mer-latency-{name}-")), name == "outside")
    lines = lines_of(course)
    if name == "plain":
        sample = SampleDialogue(frame_rate_hz=PLAIN_HZ)
        lines += [fer_line([event for event in sample.events() if isinstance(event, Frame)][20:60])]
        lines += beside(percentile(course.after, 50))
    command = f"python benchmarks/latency.py --only {name} --utterances {utterances}"
    title = f"End of speech to emotion: {TITLES[name]}"
    return Result(f"latency_{name}", title, command, 10 + list(TITLES).index(name), marks_of(name, course), lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--utterances", type=int, default=200, help="of each course (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=list(TITLES), default=list(TITLES))
    given = begin(parser, arguments)
    if given.utterances < 1:
        parser.error(f"--utterances is {given.utterances}: give 1 or more")
    apart()
    live_ones = [name for name in given.only if name != "plain"]
    minutes = len(live_ones) * (0.5 + given.utterances / len(TURNS) * round_s(brisk=True) / 60)
    print(f"takes about {minutes + ('plain' in given.only):.0f} minutes", flush=True)
    return max([finish(measure(name, given.utterances), given.write) for name in given.only])


if __name__ == "__main__":
    sys.exit(main())
