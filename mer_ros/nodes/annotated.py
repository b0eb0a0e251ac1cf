"""The camera's picture with what is known of the people in it, published while somebody subscribes to it."""

from __future__ import annotations

from typing import Any

from mer_msgs.msg import Emotion, Transcript
from sensor_msgs.msg import CompressedImage, Image

from mer_ros.emotion import face_name
from mer_ros.nodes import qos
from mer_ros.nodes.base import PipelineNode
from mer_ros.nodes.conversions.emotions import estimate_of
from mer_ros.nodes.conversions.stamps import header
from mer_ros.nodes.conversions.vision import image_message
from mer_ros.nodes.conversions.words import transcript_of
from mer_ros.utterance import Frame
from mer_ros.vision.observer import FaceObserver
from mer_ros.vision.overlay import Overlay, ShownFace


class Annotated:
    """`image_annotated` and `image_annotated/compressed` of a node, which calls `look_around` now and then.

    While nobody subscribes to either, it listens to nothing and draws nothing.
    """

    def __init__(self, node: PipelineNode, overlay: Overlay) -> None:
        self.overlay = overlay
        self._node = node
        self._raw = node.speak(Image, "image_annotated", qos.images())
        self._compressed = node.speak(CompressedImage, "image_annotated/compressed", qos.images())
        self._listening: list[Any] = []

    def look_around(self) -> None:
        """Listen to what is told of people while somebody looks."""
        watched = self._raw.get_subscription_count() or self._compressed.get_subscription_count()
        if watched and not self._listening:
            self._listen(Emotion, "emotion", self._on_emotion, qos.emotions())
            self._listen(Emotion, "emotion/live", self._on_emotion, qos.interim())
            self._listen(Transcript, "transcript", self._on_transcript, qos.events())
        elif not watched:
            self.rest()

    def show(self, frame: Frame, eye: FaceObserver, frame_id: str) -> None:
        """Publish a frame with what is known; call it when all else that the frame brings is done."""
        if not self._listening or not self.overlay.due(frame.stamp_ns):
            return
        faces = [ShownFace(f.track_id, f.box, f.person_id or face_name(f.track_id)) for f in eye.in_view]
        picture = self.overlay.draw(frame, faces)
        if self._raw.get_subscription_count():
            self._raw.publish(image_message(picture, frame.stamp_ns, frame_id))
        if self._compressed.get_subscription_count():
            message = CompressedImage(header=header(frame.stamp_ns, frame_id), format="jpeg")
            message.data.frombytes(self.overlay.jpeg(picture))
            self._compressed.publish(message)

    def rest(self) -> None:
        """Listen no more."""
        for subscription in self._listening:
            self._node.destroy_subscription(subscription)
        if self._listening:
            self.overlay.forget()
        self._listening = []

    def _on_emotion(self, message: Emotion) -> None:
        self.overlay.emotion(estimate_of(message))

    def _on_transcript(self, message: Transcript) -> None:
        self.overlay.transcript(transcript_of(message))

    def _listen(self, kind: Any, topic: str, callback: Any, profile: Any) -> None:
        guarded = self._node.guarded(callback)
        self._listening.append(
            self._node.create_subscription(kind, topic, guarded, profile, qos_overriding_options=qos.overridable())
        )
