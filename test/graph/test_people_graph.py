"""Three persons, two in view and one not, take turns, as processes over DDS; then one of them is forgotten."""

from __future__ import annotations

from types import SimpleNamespace

import patient
import pytest
from ear import Ear
from mer_msgs.srv import ForgetPerson, GetTurns
from three_people import portraits

from mer_ros.emotion import EMOTIONS

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def played(own_domain, tmp_path_factory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("people")
    scene = portraits(folder)
    ear = Ear()
    try:
        with patient.played(str(scene.path), folder, ear):
            turns = ear.ask(GetTurns, "fusion/get_turns", GetTurns.Request()).turns
            forgotten = ear.ask(ForgetPerson, "camera/forget_person", ForgetPerson.Request(person_id="person-1"))
            # The camera tells the fusion, which has then fewer turns.
            left: list = []

            def told() -> bool:
                left[:] = ear.ask(GetTurns, "fusion/get_turns", GetTurns.Request()).turns
                return len(left) < len(turns)

            assert ear.wait(told, 30)
    finally:
        ear.close()
    return SimpleNamespace(scene=scene, ear=ear, turns=turns, forgotten=forgotten.forgotten, left=left)


def test_each_utterance_has_its_person_its_words_and_one_emotion(played) -> None:
    emotions = played.ear.heard["emotion"]
    assert [e.utterance_id for e in emotions] == [u.id for u in played.ear.ended()]
    assert len(emotions) == len(played.scene.turns)
    persons: dict[int, set[str]] = {}
    for emotion, (who, _, _, words) in zip(emotions, played.scene.turns, strict=True):
        assert words in emotion.transcript.lower()
        assert emotion.emotion in EMOTIONS
        persons.setdefault(who, set()).add(emotion.person_id)
        face = emotion.modalities[0]
        assert (face.available, bool(emotion.face_id)) == (who != 2, who != 2)
        assert face.reason == ("the speaker is out of view" if who == 2 else "")
    assert persons == {0: {"person-1"}, 1: {"person-2"}, 2: {""}}


def test_interim_windows_and_emotions_are_of_everybody_in_view(played) -> None:
    windows = [w for w in played.ear.heard["visual_window"] if not w.is_final]
    assert {"person-1", "person-2"} <= {w.person_id for w in windows}
    stamps = [(w.track_id, sample.stamp.sec, sample.stamp.nanosec) for w in windows for sample in w.samples]
    assert len(stamps) == len(set(stamps))  # no sample twice
    assert {"person-1", "person-2"} <= {e.person_id for e in played.ear.heard["emotion/live"]}


def test_turns_tell_the_persons_until_one_is_forgotten(played) -> None:
    assert [turn.person_id for turn in played.turns] == ["person-1", "", "person-2"] * 2
    assert played.forgotten == 1
    assert [turn.person_id for turn in played.left] == ["", "person-2"] * 2
