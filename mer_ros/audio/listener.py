"""Audio chunks in, utterances out: the stream, the voice activity and the segmenter, wired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mer_ros.audio.segmenter import UtteranceSegmenter
from mer_ros.audio.segmenter_options import SegmenterOptions
from mer_ros.audio.stream import AudioBlock, AudioStream, StreamOptions
from mer_ros.audio.vad import VoiceActivity, make_vad
from mer_ros.errors import InputError
from mer_ros.utterance import AudioChunk, Utterance


@dataclass(frozen=True)
class ListenerOptions:
    """Which detector, and the options of the stages.

    vad: "silero" or "webrtc". On generated hum, clicks, chords and noise that swells, WebRTC hears speech nearly all
    the time, Silero none; on steady noise and silence both stay quiet. Of acted sentences in quiet Silero misses
    about one in a hundred, screamed ones, and WebRTC none, at a tenth of the cost.
    webrtc_aggressiveness: 0 to 3. webrtc_frame_ms: 10, 20 or 30.
    silero_file: path of its ONNX file; None takes the one in the installed `silero_vad` package.
    stream, segmenter: the options of these stages.
    """

    vad: str = "silero"
    webrtc_aggressiveness: int = 2
    webrtc_frame_ms: int = 30
    silero_file: Path | None = None
    stream: StreamOptions = field(default_factory=StreamOptions)
    segmenter: SegmenterOptions = field(default_factory=SegmenterOptions)


class SpeechListener:
    """One microphone. Memory is bounded by the longest utterance.

    Latency: an utterance ends the hang-over after its last speech; a STARTED comes after the shortest speech.
    counts: those of the stages, and `refused` chunks.
    """

    def __init__(self, options: ListenerOptions | None = None, vad: VoiceActivity | None = None) -> None:
        """`vad` takes the place of the one that the options name."""
        self.options = options = options or ListenerOptions()
        vad = vad or make_vad(
            options.vad,
            aggressiveness=options.webrtc_aggressiveness,
            frame_ms=options.webrtc_frame_ms,
            model_file=options.silero_file,
        )
        self._stream = AudioStream(options.stream)
        self._segmenter = UtteranceSegmenter(vad, options.segmenter)
        self._refused = 0

    @property
    def counts(self) -> Counter[str]:
        """What happened so far, by name."""
        return self._stream.counts + self._segmenter.counts + Counter(refused=self._refused)

    @property
    def is_frozen(self) -> bool:
        """Whether the same chunk comes again and again."""
        return self._stream.is_frozen

    def push(self, chunk: AudioChunk) -> list[Utterance]:
        """Take the next chunk; InputError, counted as refused and with nothing lost, if it cannot be used."""
        try:
            blocks = self._stream.push(chunk)
        except InputError:
            self._refused += 1
            raise
        return self._segment(blocks)

    def flush(self) -> list[Utterance]:
        """The sound ends here: end what is open, by "stop"."""
        return self._segment(self._stream.flush()) + self._segmenter.flush()

    def reset(self) -> None:
        """Forget all sound, and an open utterance without ending it. Counts and numbering stay."""
        self._stream.reset()
        self._segmenter.reset()

    def _segment(self, blocks: Iterable[AudioBlock]) -> list[Utterance]:
        return [utterance for block in blocks for utterance in self._segmenter.push(block)]
