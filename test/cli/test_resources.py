from __future__ import annotations

import pytest

from mer_ros import resources

KILTED, JAZZY = "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"
OURS = str(resources.config_dir() / "fastdds.xml")


@pytest.mark.parametrize(
    ("given", "set_"),
    [
        ({}, {KILTED: OURS, JAZZY: OURS}),
        ({KILTED: OURS}, {KILTED: OURS, JAZZY: OURS}),  # ours, as another command of this package has set it
        ({KILTED: "/my.xml"}, {JAZZY: "/my.xml"}),
        ({JAZZY: "/my.xml"}, {KILTED: "/my.xml"}),
        ({KILTED: "/my.xml", JAZZY: "/old.xml"}, {}),
        ({KILTED: "", JAZZY: "/old.xml"}, {KILTED: "/old.xml"}),
    ],
)
def test_every_version_of_fast_dds_gets_a_profile_and_the_users_own_stays(monkeypatch, given, set_):
    for name in (KILTED, JAZZY):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert resources.dds_environment() == set_
    small = {name: file.replace("fastdds.xml", "fastdds-small.xml") for name, file in set_.items()}
    assert resources.dds_environment(images=False) == small
