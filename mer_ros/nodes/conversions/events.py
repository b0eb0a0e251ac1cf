"""Events of persons to messages, and back."""

from __future__ import annotations

import numpy as np
from mer_msgs.msg import EmotionEvent

from mer_ros.emotion import SENTIMENTS, UNKNOWN, EmotionEstimate
from mer_ros.errors import InputError
from mer_ros.fusion.affect import sentiment_probabilities
from mer_ros.fusion.events import SOMEBODY, Event, Happening
from mer_ros.nodes.conversions.emotions import check
from mer_ros.nodes.conversions.stamps import header, to_ns, to_time

KINDS = {
    Happening.ARRIVAL: EmotionEvent.ARRIVAL,
    Happening.CHANGE: EmotionEvent.CHANGE,
    Happening.LEAVING: EmotionEvent.LEAVING,
}


def event_message(event: Event, now_ns: int, frame_id: str = "") -> EmotionEvent:
    """Return the message of an arrival, a change or a leaving."""
    after = event.after
    return EmotionEvent(
        header=header(now_ns, frame_id),
        kind=KINDS[event.kind],
        person_id="" if event.person == SOMEBODY else event.person,
        face_id=after.face_id,
        before=event.before.emotion if event.before else "",
        emotion=after.emotion,
        confidence=float(after.confidence),
        probabilities=np.asarray(after.probabilities, np.float32),
        valence=float(after.valence),
        arousal=float(after.arousal),
        since=to_time(event.since_ns),
    )


def event_of(message: EmotionEvent) -> Event:
    """Return the event of a message, without the estimate before.

    Raises InputError for a kind or an emotion that there is not, and for numbers that are none.
    """
    kind = next((kind for kind, number in KINDS.items() if number == message.kind), None)
    if kind is None:
        raise InputError(f"an event is of kind {message.kind}; known are {', '.join(str(n) for n in KINDS.values())}")
    probabilities = np.array(message.probabilities)
    sentiment = sentiment_probabilities(probabilities)
    after = EmotionEstimate(
        utterance_id=0,
        start_ns=to_ns(message.since),
        end_ns=to_ns(message.header.stamp),
        is_final=False,
        probabilities=probabilities,
        sentiment_probabilities=sentiment,
        emotion=message.emotion,
        confidence=message.confidence,
        sentiment=UNKNOWN if message.emotion == UNKNOWN else SENTIMENTS[int(sentiment.argmax())],
        valence=message.valence,
        arousal=message.arousal,
        modalities=(),
        person_id=message.person_id,
        face_id=message.face_id,
    )
    check(after)
    return Event(kind, message.person_id or SOMEBODY, after, since_ns=after.start_ns)
