"""Tells when a node that this one lives by is not heard any more, and when it is again: a link or a process was down.

What people say and show comes when it comes, so its silence says nothing. The health of each node comes once a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

SILENT_S = 5.0  # longer than a machine that is busy keeps a node from telling of itself
GONE_S = 600.0  # who has vanished and was not heard for so long is not waited for any more
_MOST = 16  # nodes that are watched


class Contact:
    """Signs of life of other nodes.

    Only who has been heard is missed: nodes of other packages may tell nothing of themselves. silent: who is missed,
    with the seconds that their silence lasts. counts: silences; silent_s, the seconds that those lasted that ended;
    given_up, those that did not end.
    """

    def __init__(self) -> None:
        self.silent: dict[str, float] = {}
        self.counts: Counter[str] = Counter()
        self._heard_s: dict[str, float] = {}

    def heard(self, name: str, now_s: float) -> str:
        """Note a sign of life at a steady time; return what is to be said when it ends a silence, else nothing."""
        before_s = self._heard_s.pop(name, now_s)
        if len(self._heard_s) < _MOST:
            self._heard_s[name] = now_s
        if self.silent.pop(name, None) is None:
            return ""
        self.counts["silent_s"] += round(now_s - before_s)
        return f"{name} is heard again after {now_s - before_s:.0f} s; what waited there comes late"

    def look(self, names: Iterable[str], now_s: float) -> list[str]:
        """Look after those that are there now; return what is to be said of those newly missed.

        Who takes leave is not missed; who vanished while they were missed still is, for ten minutes.
        """
        there = set(names)
        for name in [name for name in self._heard_s if name not in there and name not in self.silent]:
            del self._heard_s[name]
        said = []
        for name, heard_s in list(self._heard_s.items()):
            if now_s - heard_s < SILENT_S:
                continue
            if name not in there and now_s - heard_s >= GONE_S:
                del self._heard_s[name]
                self.silent.pop(name, None)
                self.counts["given_up"] += 1
                said.append(f"{name} was not heard for {GONE_S / 60:.0f} minutes: it is not waited for any more")
                continue
            if name not in self.silent:
                self.counts["silences"] += 1
                said.append(f"{name} is not heard any more: the link to it is down, or its process hangs or was killed")
            self.silent[name] = now_s - heard_s
        return said

    @property
    def trouble(self) -> str:
        """Who is missed, in a sentence; empty when nobody is."""
        missed = [f"{name} for {silent_s:.0f} s" for name, silent_s in sorted(self.silent.items())]
        return f"not heard: {', '.join(missed)}; is the link to it down?" if missed else ""
