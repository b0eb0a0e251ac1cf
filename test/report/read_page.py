"""A page as the tests read it."""

from __future__ import annotations

import json
from html.parser import HTMLParser

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\x00\u202e\u2028"


class Page(HTMLParser):
    """Counts elements, keeps attributes and the JSON."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.content: dict = {}
        self._inside = ""
        self.text = ""
        self.feed(text)

    def handle_starttag(self, name, attributes):
        self.found.append((name, dict(attributes)))
        self._inside = dict(attributes).get("id") or name

    def handle_data(self, data):
        if self._inside == "data":
            self.content = json.loads(data)
        elif self._inside not in ("style", "script"):
            self.text += data

    def all(self, name, **attributes):
        return [a for n, a in self.found if n == name and all(a.get(k) == v for k, v in attributes.items())]
