from __future__ import annotations

from pathlib import Path

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


def test_a_link_to_another_machine_has_a_profile_of_its_own(monkeypatch):
    """Both versions are told the same: only the name of one element is another."""
    for name in (KILTED, JAZZY):
        monkeypatch.delenv(name, raising=False)
    far = resources.dds_environment(far=True)
    kilted, jazzy = (Path(far[name]).read_text() for name in (KILTED, JAZZY))
    assert kilted != jazzy
    assert kilted.replace("heartbeat_period", "heartbeatPeriod").replace("Fast DDS 3", "Fast DDS 2") == jazzy
    monkeypatch.setenv(JAZZY, far[JAZZY])
    assert resources.dds_environment(images=False)[JAZZY].endswith("fastdds-small.xml")


def test_all_profiles_find_others_alike():
    texts = [path.read_text() for path in resources.config_dir().glob("fastdds*.xml")]
    blocks = {text[text.index("<discovery_config>") : text.index("</discovery_config>")] for text in texts}
    assert len(texts) == 4
    assert len(blocks) == 1
