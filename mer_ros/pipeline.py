"""The stages, wired: sound and frames in, emotions out. No ROS, no wall clock.

The nodes hold the same stages in separate processes; this drives them in one, as fast as the input comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mer_ros.audio.listener import SpeechListener
from mer_ros.emotion import EmotionEstimate, Modality
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.speech.transcriber import Transcriber
from mer_ros.utterance import AudioChunk, Frame, Transcript, Utterance, VisualWindow
from mer_ros.vision.observer import FaceObserver

JUMP_NS = 2_000_000_000  # stamps further from the newest one are of a clock that was set, or wrong
CONFIRMING = 3  # such stamps in a row are believed


@dataclass(frozen=True)
class Heard:
    """What a piece of sound brought: the utterances in it, each with its words. stamp_ns: of the piece."""

    stamp_ns: int
    spoken: tuple[tuple[Utterance, tuple[Transcript, ...]], ...]


class Pipeline:
    """Takes sound and frames in the order of their time; gives each utterance's emotion once.

    observer, transcriber: None leaves that sense out. The clock of the fusion is the newest time seen.
    on_window: told of each utterance's final window.

    `listen` and `hush` use the listener and the transcriber alone, all else never does: a second thread may listen
    ahead, and what it heard is taken in by `heard` in its turn. Nothing that comes out depends on which thread ran.
    """

    def __init__(
        self,
        listener: SpeechListener,
        fuser: EmotionFuser,
        observer: FaceObserver | None = None,
        transcriber: Transcriber | None = None,
        on_window: Callable[[VisualWindow], None] | None = None,
    ) -> None:
        self._listener = listener
        self._fuser = fuser
        self._observer = observer
        self._transcriber = transcriber
        self._on_window = on_window
        self._now_ns = 0
        self._odd: int | None = None  # stamps in a row that are far from it; None: no stamp yet
        senses = {Modality.FACE: observer, Modality.AUDIO: listener, Modality.TEXT: transcriber}
        fuser.expect(modality for modality, stage in senses.items() if stage is not None)

    @property
    def counts(self) -> Counter[str]:
        """What the stages counted, each name after its stage's."""
        stages = {
            "listener": self._listener,
            "observer": self._observer,
            "transcriber": self._transcriber,
            "fuser": self._fuser,
        }
        named = ((name, stage.counts) for name, stage in stages.items() if stage is not None)
        return Counter({f"{name}.{key}": count for name, counts in named for key, count in counts.items()})

    def audio(self, chunk: AudioChunk) -> list[EmotionEstimate]:
        """Take a chunk of sound."""
        return self.heard(self.listen(chunk))

    def listen(self, chunk: AudioChunk) -> Heard:
        """Hear what is said in a chunk of sound. Raises InputError for one that cannot be used."""
        return self._words(chunk.stamp_ns, self._listener.push(chunk))

    def hush(self, stamp_ns: int) -> Heard:
        """The sound ends or stops at `stamp_ns`: hear what was still being said."""
        return self._words(stamp_ns, self._listener.flush())

    def heard(self, heard: Heard) -> list[EmotionEstimate]:
        """Take in what was heard."""
        self._tick(heard.stamp_ns)
        emotions = self._take(heard)
        if self._observer:  # the frames may have come to an end before the sound
            emotions += self._seen(self._observer.poll(self._now_ns))
        return emotions + self._fuser.poll(self._now_ns)

    def frame(self, frame: Frame) -> list[EmotionEstimate]:
        """Take a camera frame."""
        self._tick(frame.stamp_ns)
        return self._seen(self._observer.frame(frame)) if self._observer else []

    def run(self, events: Iterable[AudioChunk | Frame]) -> Iterator[EmotionEstimate]:
        """Take all that comes, then end."""
        for event in events:
            yield from self.frame(event) if isinstance(event, Frame) else self.audio(event)
        yield from self.flush()

    def flush(self) -> list[EmotionEstimate]:
        """Nothing more will come: give all that still waits."""
        emotions = self._take(self.hush(self._now_ns))
        if self._observer:
            emotions += self._seen(self._observer.flush())
        return emotions + self._fuser.flush(self._now_ns)

    def _tick(self, stamp_ns: int) -> None:
        if self._odd is not None and abs(stamp_ns - self._now_ns) > JUMP_NS:
            self._odd += 1
            if self._odd < CONFIRMING:
                return
            self._now_ns = stamp_ns
        self._now_ns, self._odd = max(self._now_ns, stamp_ns), 0

    def _words(self, stamp_ns: int, utterances: list[Utterance]) -> Heard:
        words = self._transcriber
        return Heard(stamp_ns, tuple((said, tuple(words.push(said)) if words else ()) for said in utterances))

    def _take(self, heard: Heard) -> list[EmotionEstimate]:
        emotions = []
        for utterance, transcripts in heard.spoken:
            emotions += self._fuser.utterance(utterance, self._now_ns)
            if self._observer:
                emotions += self._seen(self._observer.utterance(utterance))
            for transcript in transcripts:
                emotions += self._fuser.transcript(transcript, self._now_ns)
        return emotions

    def _seen(self, windows: list[VisualWindow]) -> list[EmotionEstimate]:
        if self._on_window:
            for window in windows:
                if window.is_final:
                    self._on_window(window)
        return [emotion for window in windows for emotion in self._fuser.window(window, self._now_ns)]
