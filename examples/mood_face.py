"""Shows the mood of whoever is there as a face in the terminal: python examples/mood_face.py"""

import time

from mer_ros.client import EmotionListener

FACES = {
    "anger": r">:-(",
    "disgust": r":-S ",
    "fear": r"D-: ",
    "joy": r":-D ",
    "neutral": r":-| ",
    "sadness": r":'-(",
    "surprise": r":-O ",
}
ASLEEP = "-_- zzz"


def main() -> None:
    """Draw a face whenever the mood is another, until Ctrl-C."""
    shown = ""
    with EmotionListener() as listener:
        try:
            while True:
                now = listener.current()
                # An emotion that is not clear leaves the face as it is.
                face = ASLEEP if now is None else FACES.get(now.emotion, shown)
                if face != shown:
                    shown = face
                    print(shown, flush=True)
                time.sleep(0.1)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
