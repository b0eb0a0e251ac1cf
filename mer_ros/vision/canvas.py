"""Drawing on a picture, in sizes that go with the picture's: outlines, dark plates, bars and text that stays inside."""

from __future__ import annotations

import unicodedata

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.utterance import Box

Colour = tuple[int, int, int]  # red, green, blue, 0..255

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
MUTED: Colour = (176, 176, 176)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.42  # capitals are 9 pixels high at 640 x 480
_LEAST, _MOST = 0.75, 8.0  # of a canvas' scale: smaller letters could not be read
_LONGEST = 400  # characters of a text that are looked at
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})


class Canvas:
    """Draws on `image`, uint8 [height, width, 3], RGB, in place.

    scale: 1 at 640 x 480. row: height of a line of text, pixels.
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.image = image
        self.height, self.width = image.shape[:2]
        self.scale = float(np.clip(min(self.width / 640, self.height / 480), _LEAST, _MOST))
        self.row = self.px(15)

    def px(self, at_640: float) -> int:
        """A length in pixels from that at 640 x 480."""
        return max(1, round(at_640 * self.scale))

    def inside(self, box: Box) -> bool:
        """Whether a box lies in the picture."""
        return box.x >= 0 and box.y >= 0 and box.x + box.width <= self.width and box.y + box.height <= self.height

    def outline(self, box: Box, colour: Colour, thickness: int) -> None:
        """A frame along a box, with a dark edge that sets it off from any ground."""
        corners = (box.x, box.y), (box.x + box.width - 1, box.y + box.height - 1)
        cv2.rectangle(self.image, *corners, BLACK, thickness + 2 * self.px(1))
        cv2.rectangle(self.image, *corners, colour, thickness)

    def plate(self, box: Box) -> None:
        """Darken a box to a quarter, so that light text can be read on it."""
        part = self.image[max(0, box.y) : box.y + box.height, max(0, box.x) : box.x + box.width]
        np.right_shift(part, 2, out=part)

    def bar(self, box: Box, share: float, colour: Colour) -> None:
        """A bar that fills a share, 0..1, of a box from the left; NaN fills nothing."""
        filled = round(box.width * min(1.0, max(0.0, share))) if np.isfinite(share) else 0
        x, y = max(0, box.x), max(0, box.y)
        self.image[y : box.y + box.height, x : max(x, box.x + box.width)] = 80
        self.image[y : box.y + box.height, x : max(x, box.x + filled)] = colour

    def voice(self, x: int, y: int, colour: Colour) -> int:
        """A mark for who speaks, a source with two waves, in the line of text at x, y; returns its width."""
        middle = (x + self.px(3), y + self.row // 2)
        cv2.circle(self.image, middle, self.px(2), colour, cv2.FILLED, cv2.LINE_AA)
        for radius in (5, 8):
            cv2.ellipse(self.image, middle, (self.px(radius),) * 2, 0, -55, 55, colour, self.px(1), cv2.LINE_AA)
        return self.px(16)

    def text_width(self, text: str) -> int:
        """Of a text in one line, pixels."""
        return cv2.getTextSize(text, _FONT, _FONT_SCALE * self.scale, self.px(1))[0][0] if text else 0

    def text(self, x: int, y: int, text: str, colour: Colour = WHITE) -> None:
        """One line whose row begins at x, y; what would leave the picture on the right is cut off."""
        if x < 0 or y < 0 or y + self.row > self.height:
            return
        text = self.shortened(text, self.width - x)
        foot = (x, y + round(0.72 * self.row))
        cv2.putText(self.image, text, foot, _FONT, _FONT_SCALE * self.scale, colour, self.px(1), cv2.LINE_AA)

    def shortened(self, text: str, width: int) -> str:
        """As much of a text as fits into a width, with dots in place of the rest; empty where nothing fits."""
        text = drawable(text)
        if self.text_width(text) <= width:
            return text
        while text and self.text_width(text + "...") > width:
            text = text[:-1]
        return text + "..." if text else ""

    def last_lines(self, text: str, width: int, most: int) -> list[str]:
        """A text in lines of a width; of a long one the last `most` lines, which begin with dots."""
        lines = [""]
        for word in drawable(text).split():
            joined = f"{lines[-1]} {word}".strip()
            if lines[-1] and self.text_width(joined) > width:
                lines.append(word)
            else:
                lines[-1] = joined
        if len(lines) > most:
            lines = lines[-most:]
            lines[0] = f"... {lines[0]}"
        return [self.shortened(line, width) for line in lines if line]


def drawable(text: str) -> str:
    """A text in the letters that OpenCV has, which are those of ASCII: accents are left out, the rest is `?`.

    Of a very long one the last part.
    """
    plain = unicodedata.normalize("NFKD", text[-_LONGEST:].translate(_PLAIN))
    kept = (c if " " <= c <= "~" else " " if c.isspace() else "?" for c in plain if not unicodedata.combining(c))
    return "".join(kept)
