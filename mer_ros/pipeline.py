"""The stages, wired: sound and frames in, emotions out. No ROS, no wall clock.

The nodes hold the same stages in separate processes; this drives them in one, as fast as the input comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from mer_ros.audio.listener import SpeechListener
from mer_ros.emotion import EmotionEstimate, Modality
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.speech.transcriber import Transcriber
from mer_ros.utterance import AudioChunk, Frame, Utterance, VisualWindow
from mer_ros.vision.observer import FaceObserver


class Pipeline:
    """Takes sound and frames in the order of their time; gives each utterance's emotion once.

    observer, transcriber: None leaves that sense out. The clock of the fusion is the newest time seen.
    """

    def __init__(
        self,
        listener: SpeechListener,
        fuser: EmotionFuser,
        observer: FaceObserver | None = None,
        transcriber: Transcriber | None = None,
    ) -> None:
        self._listener = listener
        self._fuser = fuser
        self._observer = observer
        self._transcriber = transcriber
        self._now_ns = 0
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
        self._now_ns = max(self._now_ns, chunk.stamp_ns)
        emotions = self._spoken(self._listener.push(chunk))
        if self._observer:  # the frames may have come to an end before the sound
            emotions += self._seen(self._observer.poll(self._now_ns))
        return emotions + self._fuser.poll(self._now_ns)

    def frame(self, frame: Frame) -> list[EmotionEstimate]:
        """Take a camera frame."""
        self._now_ns = max(self._now_ns, frame.stamp_ns)
        return self._seen(self._observer.frame(frame)) if self._observer else []

    def run(self, events: Iterable[AudioChunk | Frame]) -> Iterator[EmotionEstimate]:
        """Take all that comes, then end."""
        for event in events:
            yield from self.frame(event) if isinstance(event, Frame) else self.audio(event)
        yield from self.flush()

    def flush(self) -> list[EmotionEstimate]:
        """Nothing more will come: give all that still waits."""
        emotions = self._spoken(self._listener.flush())
        if self._observer:
            emotions += self._seen(self._observer.flush())
        return emotions + self._fuser.flush(self._now_ns)

    def _spoken(self, utterances: list[Utterance]) -> list[EmotionEstimate]:
        emotions = []
        for utterance in utterances:
            emotions += self._fuser.utterance(utterance, self._now_ns)
            if self._observer:
                emotions += self._seen(self._observer.utterance(utterance))
            if self._transcriber:
                for transcript in self._transcriber.push(utterance):
                    emotions += self._fuser.transcript(transcript, self._now_ns)
        return emotions

    def _seen(self, windows: list[VisualWindow]) -> list[EmotionEstimate]:
        return [emotion for window in windows for emotion in self._fuser.window(window, self._now_ns)]
