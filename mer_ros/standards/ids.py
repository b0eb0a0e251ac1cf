"""Ids as REP-155 and ROS 2 topics take them."""

from __future__ import annotations

import hashlib
import re

_NUMBERED = re.compile(r"([A-Za-z]{1,24})-([0-9]{1,12})", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z]{1,32}", re.ASCII)
_DIGEST = 8


def ros_id(name: str) -> str:
    """Return an id of ASCII letters and digits that begins with a letter: `person-2` becomes `person2`.

    REP-155 leaves ids free as long as they are unique, short and no names of people; ROS 2 takes no `-` in a topic
    and no digit at its beginning. Names that would lose more than a hyphen get a digest, so that no two share an id.
    """
    if _PLAIN.fullmatch(name):
        return name
    if numbered := _NUMBERED.fullmatch(name):
        return "".join(numbered.groups())
    letters = "".join(re.findall(r"[A-Za-z0-9]", name, re.ASCII))[:16]
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:_DIGEST]
    return f"{letters if letters[:1].isalpha() else 'x' + letters}x{digest}"
