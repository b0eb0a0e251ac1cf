"""The stages, wired: sound and frames in, emotions out. No ROS, no wall clock.

The nodes hold the same stages in separate processes; this drives them in one, as fast as the input comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mer_ros.audio.gate import Gate, GatedListener
from mer_ros.audio.listener import SpeechListener
from mer_ros.emotion import EmotionEstimate, Modality
from mer_ros.errors import InputError, MerError
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.speech.outside import OutsideWords
from mer_ros.speech.transcriber import Transcriber
from mer_ros.utterance import AudioChunk, Frame, Transcript, Utterance, VisualWindow
from mer_ros.vision.observer import FaceObserver

JUMP_NS = 2_000_000_000  # stamps further from the newest one are of a clock that was set, or wrong
CONFIRMING = 3  # such stamps in a row are believed


@dataclass(frozen=True)
class Heard:
    """What a piece of sound brought: the utterances in it, each with its words. stamp_ns: of the piece.

    words: that came by themselves, of utterances before.
    """

    stamp_ns: int
    spoken: tuple[tuple[Utterance, tuple[Transcript, ...]], ...] = ()
    words: tuple[Transcript, ...] = ()


@dataclass(frozen=True)
class Parts:
    """What there is to fuse at a moment, in the order in which it came. poll: whether deadlines are looked at."""

    now_ns: int
    parts: tuple[Utterance | Transcript | VisualWindow, ...]
    poll: bool = False


class Pipeline:
    """Takes sound and frames in the order of their time; gives each utterance's emotion once.

    observer, transcriber: None leaves that sense out. The clock of the fusion is the newest time seen.
    on_window: told of each utterance's final window. own_voice: keeps the robot's own voice from the listener; with
    it, `robot_speaks` tells when that is to be heard. With `OutsideWords` as transcriber, `told` takes the words.

    It is a line of three, each of which a thread of its own may drive, ahead of the next: `listen`, `hush`,
    `robot_speaks` and `told` use the listener and the transcriber alone, `see` the observer, `fuse` the fuser. What
    they hand on is taken in its turn, so that nothing that comes out depends on which thread ran when. `audio`,
    `frame` and `flush` are the whole line.

    An observer that fails, as a model of it may, costs what it alone could tell: the other senses go on. It is counted,
    and `failure` is the first one's sentence.
    """

    def __init__(
        self,
        listener: SpeechListener,
        fuser: EmotionFuser,
        observer: FaceObserver | None = None,
        transcriber: Transcriber | OutsideWords | None = None,
        on_window: Callable[[VisualWindow], None] | None = None,
        own_voice: Gate | None = None,
    ) -> None:
        self._own_voice = own_voice
        self._listener = GatedListener(listener, {"robot_speaking": own_voice} if own_voice else {})
        self._fuser = fuser
        self._observer = observer
        self._transcriber = transcriber
        self._on_window = on_window
        self._now_ns = 0
        self.failure = ""
        self._failed: Counter[str] = Counter()
        self._odd: int | None = None  # stamps in a row that are far from it; None: no stamp yet
        senses = {Modality.FACE: observer, Modality.AUDIO: listener, Modality.TEXT: transcriber}
        fuser.expect(modality for modality, stage in senses.items() if stage is not None)

    @property
    def counts(self) -> Counter[str]:
        """What the stages counted, each name after its stage's; `observer.failed`: what it could not be asked."""
        stages = {
            "listener": self._listener,
            "observer": self._observer,
            "transcriber": self._transcriber,
            "fuser": self._fuser,
        }
        named = ((name, stage.counts) for name, stage in stages.items() if stage is not None)
        counted = {f"{name}.{key}": count for name, counts in named for key, count in counts.items()}
        return self._failed + Counter(counted)

    @property
    def longest_own_voice_s(self) -> float:
        """How long the robot is taken to speak when its end is not told; 0 where its voice is not told of."""
        return self._own_voice.options.longest_s if self._own_voice else 0.0

    def audio(self, chunk: AudioChunk) -> list[EmotionEstimate]:
        """Take a chunk of sound."""
        return self.fuse(self.see(self.listen(chunk)))

    def frame(self, frame: Frame) -> list[EmotionEstimate]:
        """Take a camera frame."""
        return self.fuse(self.see(frame))

    def listen(self, chunk: AudioChunk) -> Heard:
        """Hear what is said in a chunk of sound. Raises InputError for one that cannot be used."""
        if self._own_voice:
            self._own_voice.poll(chunk.stamp_ns + len(chunk.samples) * 1_000_000_000 // max(1, chunk.sample_rate))
        return self._words(chunk.stamp_ns, self._listener.push(chunk))

    def robot_speaks(self, stamp_ns: int, speaking: bool) -> Heard:
        """The robot itself begins or ends to speak: sound from then on is no utterance, until some time after."""
        if self._own_voice:
            (self._own_voice.close if speaking else self._own_voice.open)(stamp_ns)
        return Heard(stamp_ns)

    def told(self, stamp_ns: int, words: Transcript) -> Heard:
        """Words of an outside recogniser came."""
        outside = self._transcriber
        return Heard(stamp_ns, words=tuple(outside.push(words)) if isinstance(outside, OutsideWords) else ())

    def hush(self, stamp_ns: int) -> Heard:
        """The sound ends or stops at `stamp_ns`: hear what was still being said."""
        return self._words(stamp_ns, self._listener.flush())

    def see(self, event: Frame | Heard) -> Parts:
        """Look at a frame, or at who spoke. Raises InputError for a frame that cannot be used."""
        self._tick(event.stamp_ns)
        if isinstance(event, Frame):
            return Parts(self._now_ns, self._observed(lambda eye: eye.frame(event)))
        parts = self._spoken(event)
        # The frames may have come to an end before the sound.
        parts += self._observed(lambda eye: eye.poll(self._now_ns))
        return Parts(self._now_ns, parts, poll=True)

    def fuse(self, parts: Parts) -> list[EmotionEstimate]:
        """Give the emotions that are complete with these parts."""
        take = {
            Utterance: self._fuser.utterance,
            Transcript: self._fuser.transcript,
            VisualWindow: self._fuser.window,
        }
        emotions = [e for part in parts.parts for e in take[type(part)](part, parts.now_ns)]  # type: ignore[operator]
        return emotions + (self._fuser.poll(parts.now_ns) if parts.poll else [])

    def run(self, events: Iterable[AudioChunk | Frame]) -> Iterator[EmotionEstimate]:
        """Take all that comes, then end."""
        for event in events:
            yield from self.frame(event) if isinstance(event, Frame) else self.audio(event)
        yield from self.flush()

    def flush(self) -> list[EmotionEstimate]:
        """Nothing more will come: give all that still waits."""
        parts = self._spoken(self.hush(self._now_ns)) + self._observed(lambda eye: eye.flush())
        return self.fuse(Parts(self._now_ns, parts)) + self._fuser.flush(self._now_ns)

    def _tick(self, stamp_ns: int) -> None:
        if self._odd is not None and abs(stamp_ns - self._now_ns) > JUMP_NS:
            self._odd += 1
            if self._odd < CONFIRMING:
                return
            self._now_ns = stamp_ns
        self._now_ns, self._odd = max(self._now_ns, stamp_ns), 0

    def _words(self, stamp_ns: int, utterances: list[Utterance]) -> Heard:
        return Heard(stamp_ns, tuple((said, tuple(self._words_of(said))) for said in utterances))

    def _words_of(self, said: Utterance) -> list[Transcript]:
        words = self._transcriber
        if isinstance(words, OutsideWords):
            return words.utterance(said)
        return words.push(said) if words else []

    def _spoken(self, heard: Heard) -> tuple[Utterance | Transcript | VisualWindow, ...]:
        parts: list[Utterance | Transcript | VisualWindow] = []
        for utterance, transcripts in heard.spoken:
            parts += [utterance, *self._saying(utterance), *transcripts]
        return (*parts, *heard.words)

    def _saying(self, utterance: Utterance) -> tuple[VisualWindow, ...]:
        return self._observed(lambda eye: eye.utterance(utterance))

    def _observed(self, ask: Callable[[FaceObserver], list[VisualWindow]]) -> tuple[VisualWindow, ...]:
        """What the observer gives; nothing where it fails. Raises InputError for what it refuses."""
        if self._observer is None:
            return ()
        try:
            windows = ask(self._observer)
        except InputError:
            raise
        except MerError as error:
            self._failed["observer.failed"] += 1
            self.failure = self.failure or str(error)
            return ()
        if self._on_window:
            for window in windows:
                if window.is_final:
                    self._on_window(window)
        return tuple(windows)
