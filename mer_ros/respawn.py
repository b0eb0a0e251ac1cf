"""When a node that has ended by itself is started again."""

from __future__ import annotations

from dataclasses import dataclass

WRONG_SETTINGS = 2  # exit code of a node that could not use what it was given: it would end so again
_SECOND_S, _LONGEST_S = 1.0, 30.0
_STEADY_S = 60.0  # who ran so long has come up well


@dataclass
class Respawn:
    """The waits of one node: none, then 1, 2, 4 ... 30 s; none again once it ran for a minute."""

    _wait_s: float = 0.0

    def after(self, code: int, ran_s: float) -> float | None:
        """Return the seconds until a node that ran for `ran_s` is started again; None: never."""
        if code == WRONG_SETTINGS:
            return None
        wait_s = 0.0 if ran_s >= _STEADY_S else self._wait_s
        self._wait_s = min(2 * wait_s, _LONGEST_S) or _SECOND_S
        return wait_s


def sentence(name: str, code: int, wait_s: float | None) -> str:
    """Return what is said of it."""
    if wait_s is None:
        return f"{name} ended with exit code {code}: it cannot run as it is set, see its log; it is not started again"
    return f"{name} ended with exit code {code}; it is started again {f'in {wait_s:g} s' if wait_s else 'at once'}"
