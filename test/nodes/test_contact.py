from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from mer_ros.nodes.contact import GONE_S, SILENT_S, Contact


def test_who_falls_silent_is_missed_and_heard_again():
    contact = Contact()
    for second in range(4):
        assert contact.heard("camera", second) == ""
        assert contact.look(["camera"], second) == []
    assert contact.trouble == ""
    assert contact.look(["camera"], 3 + SILENT_S - 0.1) == []
    (said,) = contact.look(["camera"], 3 + SILENT_S)
    assert said.startswith("camera is not heard any more")
    assert contact.look(["camera"], 12) == []  # said once
    assert contact.trouble == "not heard: camera for 9 s; is the link to it down?"
    assert contact.heard("camera", 13.2).startswith("camera is heard again after 10 s")
    assert contact.look(["camera"], 13.3) == []
    assert contact.trouble == ""
    assert contact.counts == {"silences": 1, "silent_s": 10}


def test_who_takes_leave_is_not_missed_but_who_vanished_in_a_silence_is():
    contact = Contact()
    contact.heard("camera", 0)
    contact.heard("microphone", 0)
    assert contact.look(["camera"], 1) == []  # the microphone took leave
    assert len(contact.look(["camera"], 10)) == 1
    assert contact.look([], 30) == []  # the middleware has given the camera up
    assert contact.trouble == "not heard: camera for 30 s; is the link to it down?"
    assert contact.heard("camera", 40)
    assert not contact.trouble


def test_who_never_told_of_themselves_are_not_missed():
    contact = Contact()
    assert contact.look(["somebody"], 100) == []
    assert not contact.trouble


def test_a_crowd_is_bounded():
    contact = Contact()
    for number in range(1000):
        contact.heard(f"node_{number}", 0)
    assert len(contact.look([f"node_{number}" for number in range(1000)], 100)) == 16


def test_who_vanished_for_good_is_given_up_and_makes_room_for_others():
    contact = Contact()
    for number in range(20):
        contact.heard(f"camera{number}", 0)
    assert len(contact.look([], SILENT_S)) == 0  # they took leave
    for number in range(20):
        contact.heard(f"camera{number}", 0)
    names = [f"camera{number}" for number in range(20)]
    assert len(contact.look(names, SILENT_S)) == 16
    assert contact.look([], GONE_S - 1) == []
    assert contact.trouble
    assert contact.look(["camera0"], GONE_S)[0].startswith("camera1 was not heard for 10 minutes")
    assert contact.trouble == "not heard: camera0 for 600 s; is the link to it down?"  # it is still there
    assert contact.look(["camera0"], GONE_S + 1) == []  # said once
    assert contact.counts == {"silences": 16, "given_up": 15}
    contact.heard("microphone", GONE_S)
    assert len(contact.look(["camera0", "microphone"], GONE_S + SILENT_S)) == 1
