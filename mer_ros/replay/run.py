"""One recording through the pipeline, as fast as the machine allows, into a folder of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from mer_ros.emotion import EmotionEstimate
from mer_ros.errors import InputError
from mer_ros.memory import give_back
from mer_ros.pipeline import Heard, Parts, Pipeline
from mer_ros.replay.account import SAMPLE, Account, kind_of
from mer_ros.replay.bag import RecordingOptions, open_recording
from mer_ros.replay.cues import Cue, Cued, with_cues
from mer_ros.replay.loaded import Loaded, loaded_for
from mer_ros.replay.media import MediaSource, Recording
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.read_ahead import ReadAhead
from mer_ros.replay.records import EMOTIONS_FILE, RUN_FILE, SUMMARY_FILE
from mer_ros.replay.run_folder import RunFolder, check_usable, write_json
from mer_ros.replay.sample import SampleDialogue
from mer_ros.replay.tail import SoundEnd, with_ends
from mer_ros.stages import OUTSIDE
from mer_ros.utterance import AudioChunk, Frame, VisualWindow

NS = 1_000_000_000
MEDIA_START_NS = NS  # files have no clock of their own; stamps of 0 mean "no time" to much of ROS
TIDY_NS = 30 * NS  # of the recording
AHEAD_BYTES = 64_000_000

Progress = Callable[[float, float | None], None]  # seconds of the recording that are done, and in all where known
Opened = Callable[[Recording], None]
Taken = Frame | Heard | InputError  # what the first stage hands on
Item = TypeVar("Item")


@dataclass(frozen=True)
class Summary:
    """What a replay gave.

    name: of the recording. folder: with all files. content: of summary.json. run: of run.json.
    problem: why it ended early, in one sentence; empty when all was read. What was computed is in the folder.
    """

    name: str
    folder: Path
    content: Mapping[str, Any] = field(repr=False)
    run: Mapping[str, Any] = field(repr=False)
    problem: str = ""


class InterruptedReplay(KeyboardInterrupt):
    """Ctrl-C came while a recording was replayed. summary: of what was done until then, which is in its folder."""

    def __init__(self, summary: Summary) -> None:
        super().__init__()
        self.summary = summary


def replay_one(
    path: Path | Recording,
    folder: Path,
    options: ReplayOptions,
    progress: Progress | None = None,
    name: str = "",
    opened: Opened | None = None,
) -> Summary:
    """Replay a recording and write a run's folder but for its report. The same input gives the same emotions.

    path: a rosbag, a video or sound file, or `sample`; or what plays like one. name: what the recording is called;
    empty: as its file.
    progress, opened: called as it goes on, and with the recording once it is open.
    A recording that breaks off is replayed as far as it goes; the summary then tells the problem.
    Raises InterruptedReplay, with what was done, where Ctrl-C comes; MerError for a recording that cannot be replayed
    at all, and OutputError where the folder cannot be written.
    """
    settings = options.settings()
    source = open_source(path, options)
    if not source.has_audio:
        topic = ", or name its topic with --audio-topic" if kind_of(source) == "bag" else ""
        raise InputError(
            f"{name or source.name} holds no sound that could be replayed, and each emotion is that of an utterance: "
            f"give a recording with speech{topic}"
        )
    if settings["speech_to_text"]["recogniser"] == OUTSIDE and "words" not in source.chosen:
        raise InputError(
            f"{name or source.name} holds no topic of words, and the recogniser is 'outside': name it with "
            "--words-topic, or take another one with --recogniser"
        )
    check_usable(folder)
    loaded = loaded_for(settings)  # takes some seconds, so what can be told before is
    if opened:
        opened(source)
    origin = str(path.resolve() if path.exists() else path) if isinstance(path, Path) else ""  # the sample has no path
    return _Replay(loaded, source, folder, options, progress, name or source.name, origin).run()


def open_source(path: Path | Recording, options: ReplayOptions) -> Recording:
    """Open a recording, if it is not one already. Raises InputError."""
    if not isinstance(path, Path):
        return path
    if str(path) == SAMPLE and not path.exists():
        return SampleDialogue()
    told = options.settings()["microphone"].changed()  # of audio messages that do not say, unless the bag does
    return open_recording(
        path,
        RecordingOptions(
            image_topic=options.image_topic,
            audio_topic=options.audio_topic,
            audio_rate_hz=told.get("sample_rate", 0),
            audio_channels=told.get("channels", 0),
            audio_format=told.get("sample_format", ""),
            max_width=options.max_width,
            words=options.settings()["speech_to_text"]["recogniser"] == OUTSIDE,
            words_topic=options.words_topic,
            robot_speaking_topic=options.robot_speaking_topic,
        ),
    )


class _Replay:
    """One replay while it goes on."""

    def __init__(
        self,
        loaded: Loaded,
        source: Recording,
        folder: Path,
        options: ReplayOptions,
        progress: Progress | None,
        name: str,
        origin: str,
    ) -> None:
        self._loaded, self._source, self._folder, self._options = loaded, source, folder, options
        self._progress, self._name, self._origin = progress, name, origin
        self._start_ns = MEDIA_START_NS if isinstance(source, MediaSource | SampleDialogue) else 0
        self._zero_ns = self._start_ns + source.zero_ns
        self._account = Account(source, self._zero_ns)

    def run(self) -> Summary:
        begun_s, worked_s = time.perf_counter(), time.process_time()
        with RunFolder(self._folder, self._name, self._zero_ns) as out:
            self._out = out
            on_window = self._keep_face if self._options.thumbnails else None
            pipeline = self._loaded.pipeline(video=self._source.has_video, on_window=on_window)
            try:
                for estimate in self._estimates(pipeline):
                    self._out.write(estimate)
                    self._account.keep(estimate)
            except KeyboardInterrupt:
                self._account.problem = "it was interrupted"
                self._account.recount(self._folder / EMOTIONS_FILE)
                raise InterruptedReplay(self._finish(pipeline, begun_s, worked_s)) from None
            return self._finish(pipeline, begun_s, worked_s)

    def _estimates(self, pipeline: Pipeline) -> Iterator[EmotionEstimate]:
        """The line of stages, each ahead of the next in a thread of its own; or all in this one."""
        with ExitStack() as stack:

            def ahead(items: Iterator[Item], size: Callable[[Item], int]) -> Iterator[Item]:
                if not self._options.read_ahead:
                    return items
                return iter(stack.enter_context(ReadAhead(items, size, AHEAD_BYTES)))

            try:
                for parts in ahead(self._seen(pipeline, ahead(self._taken(pipeline), _bytes)), _bytes_of_parts):
                    yield from pipeline.fuse(parts)
            except InputError as error:
                self._account.problem = str(error)
        yield from pipeline.flush()

    def _taken(self, pipeline: Pipeline) -> Iterator[Taken]:
        """Read and listen: all that can be done ahead of the frames."""
        events = self._source.events(self._start_ns, chunk_ms=self._options.chunk_ms)
        ending = with_ends(self._account.counted(events), self._loaded.silence_s, self._loaded.pause_s)
        cues = self._source.cues(self._start_ns) if isinstance(self._source, Cued) else iter(())
        for event in with_cues(ending, cues):
            try:
                if isinstance(event, AudioChunk):
                    yield pipeline.listen(event)
                elif isinstance(event, Cue):
                    told = event.told
                    tell = pipeline.robot_speaks if isinstance(told, bool) else pipeline.told
                    yield tell(event.stamp_ns, told)  # type: ignore[arg-type]
                elif isinstance(event, SoundEnd):
                    yield pipeline.hush(event.stamp_ns)
                else:
                    yield event
            except InputError as refusal:
                self._account.counts["refused_chunks"] += 1
                yield refusal

    def _seen(self, pipeline: Pipeline, taken: Iterator[Taken]) -> Iterator[Parts]:
        """Look at the frames."""
        tidied_ns = 0
        for item in taken:
            if not isinstance(item, InputError) and abs(item.stamp_ns - tidied_ns) > TIDY_NS:
                tidied_ns = item.stamp_ns
                give_back()
            if isinstance(item, InputError):
                self._account.refusals[str(item)] += 1
                continue
            if self._progress:
                total_ns = self._source.duration_ns
                self._progress((item.stamp_ns - self._zero_ns) / NS, None if total_ns is None else total_ns / NS)
            try:
                parts = pipeline.see(item)
            except InputError as refusal:
                self._account.counts["refused_frames"] += 1
                self._account.refusals[str(refusal)] += 1
                continue
            if parts.parts or parts.poll:
                yield parts

    def _keep_face(self, window: VisualWindow) -> None:
        if window.samples:
            self._out.thumbnail(window.utterance_id, window.samples[len(window.samples) // 2].face)

    def _finish(self, pipeline: Pipeline, begun_s: float, worked_s: float) -> Summary:
        wall_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - worked_s
        content = {"recording": self._name, **self._account.summary(pipeline, self._loaded)}
        threads = 3 if self._options.read_ahead else 1
        run = self._account.run(self._loaded, self._origin, wall_s, cpu_s, threads)
        write_json(self._folder / SUMMARY_FILE, content)
        write_json(self._folder / RUN_FILE, run)
        return Summary(self._name, self._folder, content, run, self._account.problem)


def _bytes(item: Taken) -> int:
    return item.image.nbytes if isinstance(item, Frame) else 1_000


def _bytes_of_parts(parts: Parts) -> int:
    windows = [part for part in parts.parts if isinstance(part, VisualWindow)]
    return 1_000 + sum(sample.face.nbytes + sample.context.nbytes for w in windows for sample in w.samples)
