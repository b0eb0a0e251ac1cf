"""A recogniser that never comes back: the emotion comes without words, the diagnostics say why, the process ends."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ear import Ear
from lifecycle_msgs.msg import Transition
from mouth import Mouth

from mer_ros.nodes.watchdog import HUNG

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(300)]
HANGING = """\
import sys
import time

from mer_ros import stages
from mer_ros.nodes.speech_to_text import main
from mer_ros.speech.transcriber import Transcriber


class Hanging:
    name, language = "hanging", "en"

    def accept(self, samples):
        pass

    def partial(self):
        return ""

    def finish(self):
        time.sleep(3600)

    def reset(self):
        pass


stages.transcriber = lambda options: Transcriber(Hanging(), options)
sys.exit(main())
"""


@pytest.fixture
def hanging():
    arguments = ["--ros-args", "-p", "hang_limit_s:=8.0"]
    process = subprocess.Popen([sys.executable, "-c", HANGING, *arguments], stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


def test_a_recogniser_that_hangs(start, ear: Ear, hanging):
    start(camera=False, speech_to_text=False)
    assert ear.change("speech_to_text", Transition.TRANSITION_CONFIGURE)
    assert ear.change("speech_to_text", Transition.TRANSITION_ACTIVATE)
    assert ear.wait_active("fusion", "microphone", "speech_to_text")
    mouth = Mouth(ear.node)
    assert ear.wait(lambda: mouth.sound.get_subscription_count() == 1)
    assert ear.wait(lambda: ear.node.count_subscribers("/utterance") == 3)  # with the ear
    mouth.say()
    assert ear.wait(lambda: ear.message("speech_to_text").startswith("busy with one utterance for"))
    assert "after 8 s the node is started again" in ear.message("speech_to_text")
    assert ear.wait(lambda: len(ear.heard["emotion"]) == 1)
    _, audio, text = ear.heard["emotion"][0].modalities
    assert audio.available
    assert text.reason == "no words came in time"
    assert hanging.wait(60) == HUNG
    assert "speech_to_text hung in utterance" in hanging.stderr.read()
    assert ear.nothing_twice()
