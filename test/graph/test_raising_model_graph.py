"""A model that raises in the fusion's own process: it loses its say, the diagnostics name it, no utterance is lost."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ear import Ear
from lifecycle_msgs.msg import Transition
from mouth import Mouth

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(300)]
BROKEN = """\
import sys

from mer_ros.audio.emotion import AudioEmotion
from mer_ros.nodes.fusion import main


def broken(*_part, **_how):
    raise RuntimeError("index 7 is out of bounds")


AudioEmotion.estimate = broken
sys.exit(main())
"""


@pytest.fixture
def broken():
    process = subprocess.Popen([sys.executable, "-c", BROKEN], stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


def test_a_model_that_raises_is_named_and_costs_its_say_alone(start, ear: Ear, broken):
    start(camera=False, fusion=False)
    assert ear.change("fusion", Transition.TRANSITION_CONFIGURE)
    assert ear.change("fusion", Transition.TRANSITION_ACTIVATE)
    assert ear.wait_active("fusion", "microphone", "speech_to_text")
    mouth = Mouth(ear.node)
    assert ear.wait(lambda: mouth.sound.get_subscription_count() == 1)
    assert ear.wait(lambda: ear.node.count_subscribers("/utterance") == 3)  # with the ear
    mouth.say()
    assert ear.wait(lambda: ear.heard["emotion"])
    _, audio, text = ear.heard["emotion"][0].modalities
    assert (audio.available, audio.reason) == (False, "the audio model failed: RuntimeError")
    assert text.available
    assert ear.wait(lambda: ear.message("fusion").startswith("models failed: audio_model_failed"))
    assert ear.value("fusion", "state") == "active"
    assert ear.nothing_twice()
    assert broken.poll() is None
