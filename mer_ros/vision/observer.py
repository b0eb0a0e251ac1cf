"""Frames and utterances in, visual windows out: who was seen while something was said."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, replace

from mer_ros.errors import InputError
from mer_ros.utterance import Box, Frame, SpeechState, Utterance, VisualWindow
from mer_ros.vision.detector import FaceDetector, check_image
from mer_ros.vision.freeze import FreezeWatch
from mer_ros.vision.observer_options import ObserverOptions
from mer_ros.vision.recognition import PersonRecogniser
from mer_ros.vision.sampling import due, sampled
from mer_ros.vision.speaking import Loudness, MouthMotion, OpenLoudness, Speaking
from mer_ros.vision.timeline import MS, Timeline, Verdict
from mer_ros.vision.tracker import FaceTracker
from mer_ros.vision.window import FaceBuffer, Span

MAX_ENDED = 16  # utterances that wait for their last frame
SILENT_NS = 3_000 * MS  # an open utterance that goes on no more for so long has been lost
MAX_REMEMBERED = 256  # utterances that have had their final window
CLEARER = 1.2  # another face than the most prominent must speak this many times as likely to be chosen


@dataclass(frozen=True)
class FaceInView:
    """A face in the last frame. person_id: empty where persons are not told apart."""

    track_id: int
    box: Box
    person_id: str = ""


class FaceObserver:
    """Gives each utterance exactly one final window, and at a low rate an interim one for each face in view.

    An interim window holds the samples that none before it held, and the id of the utterance that goes on, 0 for none.
    Memory: buffer_s / sample_period_ms frames of 50 KB and 28 KB for each followed face; with the defaults
    150 x (50 + 5 x 28) KB = 28 MB at most, and 12 MB with one face.
    Windows depend on stamps alone, not on whether frame() or utterance() was called first, as long as
    an utterance comes before its frames have left the buffer.
    in_view: the faces in the last frame, largest first. is_frozen: whether the camera gives but one picture; it is
    not looked at, and what was seen since it came first is forgotten.
    counts: frames, duplicate_frames, out_of_order_frames, stray_frames, rate_limited_frames, camera_gaps,
    stamp_jumps, frozen_frames, size_changes, utterances, duplicate_utterances, utterances_not_ended, windows,
    windows_without_face, faces_gone_while_speaking, speakers_out_of_view, and those of the tracker and of the gallery
    of persons.
    """

    def __init__(
        self,
        detector: FaceDetector,
        options: ObserverOptions | None = None,
        persons: PersonRecogniser | None = None,
    ) -> None:
        """persons: tells who the faces are; None: faces are not told apart beyond their tracks."""
        self.options = options or ObserverOptions()
        self.counts: Counter[str] = Counter()
        self.in_view: tuple[FaceInView, ...] = ()
        self.is_frozen = False
        self._freeze = FreezeWatch(self.options.frozen_ms)
        self._tracker = FaceTracker(detector, self.options.tracker)
        self._tracker.counts = self.counts
        self._persons = persons
        if persons is not None:
            persons.people.counts = self.counts
        self._timeline = Timeline(self.options.jump_ms, self.options.max_rate_hz, self.counts)
        buffer_ns = round(self.options.buffer_s * 1e9)
        period_ns = self.options.sample_period_ms * MS
        self._buffer = FaceBuffer(buffer_ns, buffer_ns // period_ns + 1)
        self._mouths = MouthMotion(buffer_ns)
        self._open: tuple[tuple[int, int], Span] | None = None  # one speaks at a time
        self._heard = OpenLoudness(0)  # of it
        self._held: tuple[tuple[int, int], VisualWindow] | None = None  # of it, from before a jump of the clock
        self._ended: OrderedDict[tuple[int, int], Span] = OrderedDict()
        self._polled_ns: dict[tuple[int, int], int] = {}  # when an ended one was first asked for
        self._done: OrderedDict[tuple[int, int], None] = OrderedDict()
        self._spoken_ns = 0  # start of the utterance that came last
        self._sampled_ns: int | None = None
        self._interim_ns: int | None = None
        self._told_ns = 0  # the end of the last interim windows

    def frame(self, frame: Frame) -> list[VisualWindow]:
        """Take a camera frame; returns the windows that are due. Raises InputError for what is no image."""
        check_image(frame.image)
        if frame.stamp_ns < 0:
            raise InputError(f"frame's stamp is {frame.stamp_ns} ns: give the time of the camera, 0 or later")
        before_ns = self._timeline.last_ns
        verdict = self._timeline.judge(frame.stamp_ns)
        if verdict is Verdict.DROP:
            return self._finish(self._timeline.last_ns)
        if verdict is not Verdict.USE:
            self._hold_open(before_ns)
        windows = self._start_anew() if verdict is Verdict.BACK else []
        if verdict is not Verdict.USE:
            self._lose_sight()
            self._freeze.reset()
        if self._has_frozen(frame):
            return [*windows, *self._finish(frame.stamp_ns)]
        self._look(frame)
        return [*windows, *self._finish(frame.stamp_ns), *self._interim(frame.stamp_ns)]

    def utterance(self, utterance: Utterance) -> list[VisualWindow]:
        """Take an utterance as it begins, goes on or ends; returns the final window when that can be cut."""
        # Ids start anew when the microphone does, so the start is part of the key.
        key = (utterance.id, utterance.start_ns)
        if utterance.end_ns < utterance.start_ns:
            raise InputError(
                f"utterance {utterance.id} ends at {utterance.end_ns} ns, before its start, {utterance.start_ns} ns"
            )
        # The span alone is kept, and at the end how loud it was, not the samples.
        span = Span(utterance.id, utterance.start_ns, utterance.end_ns, True)
        if utterance.start_ns < self._spoken_ns - self.options.jump_ms * MS:
            self._done.clear()  # a recording is played again, and may give the same ids and stamps
        self._spoken_ns = utterance.start_ns
        if key in self._done or key in self._ended:
            self.counts["duplicate_utterances"] += 1
            return []
        if utterance.state is not SpeechState.ENDED:
            if self._open and self._open[0] != key:
                self._forget_open()
            if self._open is None:
                self._heard = OpenLoudness(utterance.start_ns)
            self._open = key, span
            self._heard.hear(utterance.first_sample, utterance.samples)
            return []
        self.counts["utterances"] += 1
        if self._open and self._open[0] == key:
            self._open = None
        loudness = Loudness.of(utterance.start_ns, utterance.samples) if len(utterance.samples) else None
        self._ended[key] = replace(span, loudness=loudness)
        windows = [self._final(key)] if self._held and self._held[0] == key else []
        windows += self._finish(self._timeline.last_ns)
        while len(self._ended) > MAX_ENDED:
            windows.append(self._final(next(iter(self._ended))))
        return windows

    def poll(self, now_ns: int) -> list[VisualWindow]:
        """Give ended utterances their window when the deadline for frames has passed. now_ns: the stamps' clock.

        The deadline is that after their end, or as long after they were first asked for: their stamps, or the clock,
        may have jumped in between.
        """
        deadline_ns = self.options.deadline_ms * MS
        windows = self._finish(now_ns - deadline_ns)
        self._polled_ns = {key: self._polled_ns.get(key, now_ns) for key in self._ended}
        overdue = [key for key, since_ns in self._polled_ns.items() if abs(now_ns - since_ns) >= deadline_ns]
        return windows + [self._final(key) for key in overdue]

    def pass_over(self, stamp_ns: int) -> list[VisualWindow]:
        """A frame is left out: whoever ended before it need not wait for one that is looked at."""
        return self._finish(stamp_ns)

    def flush(self) -> list[VisualWindow]:
        """Give all ended utterances their window now: no more frames will come."""
        return [self._final(key) for key in list(self._ended)]

    @property
    def sound_delay_ms(self) -> int:
        """By how much the sound's stamps are late against the frames', as learnt from who speaks."""
        return self._mouths.sound_delay_ms

    def forget(self, person_id: str = "") -> int:
        """Forget a person, or everybody for an empty id; how many were known."""
        return self._persons.forget(person_id) if self._persons is not None else 0

    def _has_frozen(self, frame: Frame) -> bool:
        """Whether the frame is that of before for long; then nobody is in view, nor was since it came first."""
        frozen = self._freeze.push(frame.stamp_ns, frame.image)
        if frozen and not self.is_frozen:
            self._lose_sight()
            self._buffer.forget_since(self._freeze.since_ns)
            self.in_view = ()
        self.is_frozen = frozen
        if frozen:
            self.counts["frozen_frames"] += 1
        return frozen

    def _lose_sight(self) -> None:
        """The next frame does not follow on the last one."""
        self._tracker.reset()
        self._mouths.clear()

    def _look(self, frame: Frame) -> None:
        height, width = frame.image.shape[:2]
        if self._buffer.image_size not in ((0, 0), (width, height)):
            self.counts["size_changes"] += 1
        self._buffer.see(frame.stamp_ns, width, height)
        faces = self._tracker.update(frame)
        if self._persons is not None:
            self._persons.see(frame, faces)
        self.in_view = tuple(
            FaceInView(face.id, face.box, self._person(face.id, frame.stamp_ns)) for face in faces.faces
        )
        self._mouths.see(frame.stamp_ns, frame.image, faces)
        due_ns = due(self._sampled_ns, frame.stamp_ns, self.options.sample_period_ms * MS)
        if due_ns is not None:
            self._sampled_ns = due_ns
            self._buffer.add(sampled(frame, faces, self.options.margin, self.options.upright_deg))

    def _start_anew(self) -> list[VisualWindow]:
        """Time went back: what has ended gets its window from what there was, then all begins anew."""
        windows = self.flush()
        self._forget_open()
        self._done.clear()
        self._buffer.clear()
        if self._persons is not None:
            self._persons.start_anew()
        self._sampled_ns = self._interim_ns = None
        self._told_ns = 0
        return windows

    def _hold_open(self, seen_ns: int | None) -> None:
        """The clock has jumped: keep what was seen of the utterance that goes on, which may soon be out of reach."""
        if self._open is None or seen_ns is None:
            return
        key, span = self._open
        so_far = Span(span.utterance_id, span.start_ns, seen_ns + 1, True, self._heard.so_far())
        window = self._named(self._speaker(so_far, self._cut(so_far), learn=False))
        if window.samples:
            self._held = key, window

    def _forget_open(self) -> None:
        """What is open will not end: its microphone was started anew, or is gone."""
        held = self._held is not None and self._open is not None and self._held[0] == self._open[0]
        self.counts["utterances_not_ended"] += self._open is not None and not held
        self._open = None

    def _finish(self, seen_ns: int | None) -> list[VisualWindow]:
        """The final windows of the utterances whose last frame has been seen."""
        if seen_ns is None:
            return []
        due = [key for key, span in self._ended.items() if span.end_ns <= seen_ns]
        return [self._final(key) for key in due]

    def _final(self, key: tuple[int, int]) -> VisualWindow:
        span = self._ended.pop(key)
        self._done[key] = None
        while len(self._done) > MAX_REMEMBERED:
            self._done.popitem(last=False)
        window = self._named(self._speaker(span, self._cut(span), learn=True))
        if self._held and self._held[0] == key:
            if self._held[1].frames_seen > window.frames_seen:
                window = replace(self._held[1], end_ns=span.end_ns)
            self._held = None
        out_of_view = not window.samples and window.out_of_view >= self.options.out_of_view
        self.counts["speakers_out_of_view"] += out_of_view
        self.counts["windows"] += 1
        self.counts["windows_without_face"] += not window.samples
        self.counts["faces_gone_while_speaking"] += bool(window.samples) and not self._buffer.lasts(window)
        return window

    def _speaker(self, span: Span, window: VisualWindow, *, learn: bool) -> VisualWindow:
        """The window of who is speaking, given that of the most prominent face. learn: the span is the whole."""
        speaking = self._mouths.weigh(span.loudness, span.end_ns, learn=learn) if span.loudness else None
        if speaking is None:
            return window
        likeliest = max(speaking.faces, key=lambda track: (speaking.faces[track], -track))
        if speaking.faces[likeliest] > CLEARER * speaking.faces.get(window.track_id, 0.0):
            other = self._cut(span, likeliest)
            window = other if other.samples else window
        if speaking.out_of_view >= self.options.out_of_view:
            return replace(window, track_id=0, samples=(), out_of_view=speaking.out_of_view)
        return self._weighed(window, speaking)

    def _weighed(self, window: VisualWindow, speaking: Speaking | None) -> VisualWindow:
        if speaking is None:
            return window
        probability = speaking.faces.get(window.track_id, float("nan"))
        return replace(window, speaking=probability, out_of_view=speaking.out_of_view)

    def _interim(self, now: int) -> list[VisualWindow]:
        period_ns = self.options.interim_period_ms * MS
        if not period_ns:
            return []
        due_ns = due(self._interim_ns, now, period_ns)
        if due_ns is None:
            return []
        self._interim_ns = due_ns
        start_ns = max(self._told_ns, now - self.options.interim_span_ms * MS)
        self._told_ns = now + 1
        if self._open and now - self._open[1].end_ns > SILENT_NS:
            self._forget_open()
        speaking = self._open[1] if self._open and self._open[1].start_ns <= now else None
        span = Span(speaking.utterance_id if speaking else 0, start_ns, now + 1, False)
        speaking_now = self._mouths.weigh(self._heard.so_far(), now) if speaking else None
        return [self._weighed(self._named(self._cut(span, track)), speaking_now) for track in self._buffer.tracks(span)]

    def _person(self, track: int, at_ns: int) -> str:
        return self._persons.person(track, at_ns) if self._persons is not None and track else ""

    def _named(self, window: VisualWindow) -> VisualWindow:
        """With the person as known at the window's end: what came later must not depend on when it was cut."""
        return replace(window, person_id=self._person(window.track_id, window.end_ns))

    def _cut(self, span: Span, track: int | None = None) -> VisualWindow:
        # A span shorter than the sampling may hold no sample: reach back for the one before.
        reach_ns = 3 * self.options.sample_period_ms * MS
        return self._buffer.cut(span, self.options.window_frames, reach_ns, track)
