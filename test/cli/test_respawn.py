from __future__ import annotations

import pytest

from mer_ros.respawn import Respawn, sentence


def test_waits_grow_and_begin_anew_after_a_good_while():
    respawn = Respawn()
    assert [respawn.after(1, 3.0) for _ in range(8)] == [0, 1, 2, 4, 8, 16, 30, 30]
    assert [respawn.after(-9, ran_s) for ran_s in (100.0, 3.0)] == [0, 1]


def test_what_cannot_run_as_it_is_set_is_not_tried_again():
    assert Respawn().after(2, 1000.0) is None


@pytest.mark.parametrize(("wait_s", "part"), [(None, "not started"), (4.0, "again in 4 s"), (0.0, "again at once")])
def test_it_is_said_in_one_sentence(wait_s, part):
    said = sentence("camera", 2, wait_s)
    assert said.startswith("camera ended with exit code 2")
    assert part in said
