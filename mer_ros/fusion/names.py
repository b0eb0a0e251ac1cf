"""Under which names somebody was told of: their own, and those of their faces before it was known whose these were."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from mer_ros.emotion import face_name

_FACES = 256  # whose person is remembered


@dataclass(frozen=True)
class Request:
    """To forget what was told of somebody, everybody without names, until `told_ns`."""

    names: frozenset[str]
    told_ns: int

    def means(self, who: str, told_ns: int) -> bool:
        """Whether what was told of somebody then is to be forgotten."""
        return told_ns <= self.told_ns and (not self.names or who in self.names)


class Names:
    """Learns whose faces are whose. Memory: the persons of the last 256 faces."""

    def __init__(self) -> None:
        self._persons: OrderedDict[str, set[str]] = OrderedDict()

    def learn(self, face_id: int, person_id: str) -> None:
        """Take note of whose face was seen; 0 and an empty id for what is not known."""
        if face_id and person_id:
            name = face_name(face_id)
            self._persons.setdefault(name, set()).add(person_id)
            self._persons.move_to_end(name)
            while len(self._persons) > _FACES:
                self._persons.popitem(last=False)

    def forget(self, person_id: str) -> tuple[str, ...]:
        """Return all names of a person, their own first, and know those faces no more; of everybody for an empty id.

        A face that was taken for two persons, as when they crossed, is a name of both.
        """
        faces = [face for face, persons in self._persons.items() if not person_id or person_id in persons]
        for face in faces:
            del self._persons[face]
        return (person_id, *faces)
