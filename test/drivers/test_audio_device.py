from __future__ import annotations

import subprocess
import sys
import types

import pytest

pytest.importorskip("rclpy", reason="driver nodes need ROS 2")
pytest.importorskip("mer_msgs.msg", reason="driver nodes need mer_msgs, built")

from mer_ros.errors import MissingDependencyError, OptionError
from mer_ros.nodes.audio_device import find_device, first_sample_ns, load_sounddevice

NOW = 1_700_000_000_000_000_000
DEVICES = [
    {"name": "HDA Intel: speakers", "max_input_channels": 0},
    {"name": "HDA Intel: mic", "max_input_channels": 2},
    {"name": "USB Array (4 mics)", "max_input_channels": 4},
]
fake = types.SimpleNamespace(query_devices=lambda: DEVICES)
deaf = types.SimpleNamespace(query_devices=lambda: DEVICES[:1])


@pytest.mark.parametrize(("wanted", "number"), [("default", None), ("", None), ("1", 1), ("usb", 2), ("mic", 1)])
def test_devices_are_found(wanted, number):
    assert find_device(fake, wanted) == number


@pytest.mark.parametrize("wanted", ["0", "7", "bluetooth", "speakers"])
def test_a_wrong_name_lists_what_there_is(wanted):
    with pytest.raises(OptionError) as error:
        find_device(fake, wanted)
    assert f"'{wanted}'" in str(error.value)
    assert "1: HDA Intel: mic; 2: USB Array (4 mics)" in str(error.value)


@pytest.mark.parametrize("wanted", ["default", "mic"])
def test_no_microphone_at_all(wanted):
    with pytest.raises(OptionError, match="no sound input device"):
        find_device(deaf, wanted)


@pytest.mark.parametrize(
    ("current", "adc", "expected"),
    [
        (100.0, 99.97, NOW - 30_000_000),  # as the hardware tells it
        (100.0, 0.0, NOW - 20_000_000),  # it tells nothing: the block has just ended
        (100.0, 3.0, NOW - 20_000_000),  # nonsense
        (100.0, 100.5, NOW - 20_000_000),  # in the future
    ],
)
def test_time_of_the_first_sample(current, adc, expected):
    assert abs(first_sample_ns(NOW, current, adc, 320, 16_000) - expected) < 1000


@pytest.mark.parametrize(
    ("body", "remedy"),
    [
        ("raise OSError('PortAudio library not found')", "sudo apt install libportaudio2"),
        ("raise ModuleNotFoundError('sounddevice')", "pip install sounddevice"),
    ],
)
def test_what_is_missing_is_named(body, remedy, tmp_path, monkeypatch):
    (tmp_path / "sounddevice.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(MissingDependencyError, match=remedy):
        load_sounddevice()


@pytest.mark.graph
def test_the_node_on_this_machine(listener):
    """It streams where there is a microphone, and says in one sentence what is missing where there is none."""
    process = listener.start("audio_device", device="no such device")
    try:
        said = process.communicate(timeout=40)[0]
    except subprocess.TimeoutExpired:
        pytest.fail("a device that does not exist was accepted")
    assert process.returncode == 2
    assert "Traceback" not in said
    assert "libportaudio2" in said or "no sound input device" in said


@pytest.mark.graph
def test_chunks_of_a_fake_device(monkeypatch):
    import os
    import threading
    import time

    import numpy as np
    import rclpy
    from mer_msgs.msg import AudioChunk

    from mer_ros.nodes.audio_device import AudioDeviceNode

    class Stream:
        """sounddevice.InputStream's interface: 20 blocks, then the device is silent."""

        def __init__(self, callback, blocksize, channels, **_):
            self._work = threading.Thread(target=self._run, args=(callback, blocksize, channels))

        def _run(self, callback, blocksize, channels):
            for number in range(20):
                time.sleep(blocksize / 16_000)
                times = types.SimpleNamespace(currentTime=number * 0.02 + 5, inputBufferAdcTime=number * 0.02 + 4.95)
                status = types.SimpleNamespace(input_overflow=number == 7)
                callback(np.full((blocksize, channels), number, np.int16), blocksize, times, status)

        def __enter__(self):
            self._work.start()

        def __exit__(self, *_):
            self._work.join()

    class PortAudioError(Exception):
        pass

    module = types.SimpleNamespace(query_devices=lambda: DEVICES, InputStream=Stream, PortAudioError=PortAudioError)
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init(args=["--ros-args", "-p", "channels:=2"], domain_id=81 + os.getpid() % 10)
    chunks: list[AudioChunk] = []
    listener = rclpy.create_node("listener", use_global_arguments=False)
    listener.create_subscription(AudioChunk, "audio", chunks.append, 100)
    node = AudioDeviceNode(module)
    executor = rclpy.executors.SingleThreadedExecutor()
    executor.add_node(listener)
    executor.add_node(node)
    try:
        end = time.monotonic() + 20
        while "no sound any more" not in node.condition.message and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.05)
        assert node.health.counts["lost"] >= 1
        assert node.health.counts["overflows"] >= 1
        got = {c.samples[0]: c for c in chunks}  # discovery may take the first ones
        assert len(got) >= 10
        assert all((c.channels, c.sample_rate, len(c.samples)) == (2, 16_000, 640) for c in chunks)
        stamps = [c.header.stamp.sec * 1_000_000_000 + c.header.stamp.nanosec for c in chunks[:10]]
        assert all(15e6 < step < 60e6 for step in np.diff(stamps))
        assert time.time_ns() - 20e9 < stamps[0] < time.time_ns() - 50e6
    finally:
        node.destroy_node()
        listener.destroy_node()
        rclpy.try_shutdown()
