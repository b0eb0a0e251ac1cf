"""A microphone driver for machines that have none: PortAudio (`sounddevice`) takes sound from a device.

Publishes audio (mer_msgs/AudioChunk), stamped with the time of the first sample, as the sound hardware tells it.
A device that is lost is shown in the diagnostics and tried again.
"""

from __future__ import annotations

import queue
import sys
from typing import Any, ClassVar

import numpy as np

from mer_ros.errors import MissingDependencyError, OptionError
from mer_ros.nodes.driver import FRAME_ID, DriverNode
from mer_ros.nodes.parameters import Parameter
from mer_ros.nodes.process import spin
from mer_ros.nodes.sample_clock import SampleClock
from mer_ros.utterance import AudioChunk

NS = 1_000_000_000
RETRY_S = 2.0
SILENT_S = 2.0  # without a single block for so long the device counts as lost
WAITING_BLOCKS = 128


def load_sounddevice() -> Any:
    """The `sounddevice` module, or one sentence on what to install."""
    try:
        import sounddevice
    except ImportError as error:
        raise MissingDependencyError(
            "the audio device needs the Python package sounddevice: run `pip install sounddevice`"
        ) from error
    except OSError as error:  # the module is there, the system's library is not
        raise MissingDependencyError(
            "the audio device needs the PortAudio library: run `sudo apt install libportaudio2`"
        ) from error
    return sounddevice


def find_device(sounddevice: Any, wanted: str) -> int | None:
    """Number of the input device that `wanted` names: an index, part of a name, or 'default' (None).

    Raises OptionError that lists the devices there are.
    """
    devices = sounddevice.query_devices()
    inputs = {number: item["name"] for number, item in enumerate(devices) if item["max_input_channels"] > 0}
    if wanted in ("", "default"):
        if inputs:
            return None
        raise OptionError("this machine has no sound input device: plug in a microphone")
    if wanted.isdigit() and int(wanted) in inputs:
        return int(wanted)
    matches = [number for number, name in inputs.items() if wanted.lower() in name.lower()]
    if matches and not wanted.isdigit():
        return matches[0]
    listed = "; ".join(f"{number}: {name}" for number, name in inputs.items()) or "none at all"
    raise OptionError(f"there is no sound input device '{wanted}': choose an index or part of a name of: {listed}")


def first_sample_ns(now_ns: int, current_s: float, adc_s: float, frames: int, rate: int) -> int:
    """Time of a block's first sample on the clock that says `now_ns` at the stream's time `current_s`.

    adc_s: stream time of the first sample; host interfaces that cannot tell give 0: then the block counts as
    having ended just now.
    """
    if adc_s > 0 and 0 <= current_s - adc_s < 1.0:
        return now_ns - round((current_s - adc_s) * NS)
    return now_ns - frames * NS // rate


class AudioDeviceNode(DriverNode):
    """The audio device."""

    table: ClassVar[tuple[Parameter, ...]] = (
        Parameter("device", "default", "index, part of a name, or 'default'"),
        Parameter("sample_rate", 16000, "asked of the device, Hz", 8000, 192000),
        Parameter("channels", 1, "asked of the device", 1, 32),
        Parameter("chunk_ms", 20, "length of the audio chunks", 5, 1000),
        FRAME_ID,
    )

    def __init__(self, sounddevice: Any = None) -> None:
        super().__init__("audio_device", images=False, audio=True)
        self._sounddevice = sounddevice or load_sounddevice()
        self._device = find_device(self._sounddevice, str(self.parameters["device"]))
        self._rate: int = self.parameters["sample_rate"]
        self._channels: int = self.parameters["channels"]
        self._block = self._rate * self.parameters["chunk_ms"] // 1000
        self._blocks: queue.Queue[tuple[int, np.ndarray]] = queue.Queue(WAITING_BLOCKS)
        self.begin()

    def work(self) -> None:
        """Open, take sound until the device is lost, wait, begin again."""
        while self.pause(0):
            try:
                with self._sounddevice.InputStream(
                    samplerate=self._rate,
                    blocksize=self._block,
                    device=self._device,
                    channels=self._channels,
                    dtype="int16",
                    callback=self._taken,
                ):
                    self.recover("streaming", sample_rate=self._rate, channels=self._channels)
                    self._publish()
            except (self._sounddevice.PortAudioError, ValueError) as error:
                self.fail(
                    f"sound input device {self._name()} cannot be opened with {self._channels} channel(s) at "
                    f"{self._rate} Hz: {' '.join(str(error).split())}"
                )
            if not self.pause(RETRY_S):
                return

    def _taken(self, samples: np.ndarray, frames: int, times: Any, status: Any) -> None:
        """Called by PortAudio for every block: note the time, leave the rest to the other thread."""
        now_ns = self.now_ns()
        if status.input_overflow:
            self.health.counts["overflows"] += 1
        stamp_ns = first_sample_ns(now_ns, times.currentTime, times.inputBufferAdcTime, frames, self._rate)
        try:
            self._blocks.put_nowait((stamp_ns, samples.copy()))
        except queue.Full:
            self.health.counts["dropped_blocks"] += 1

    def _publish(self) -> None:
        """Publish blocks until the device is silent for long, or the node ends."""
        clock = SampleClock(self._rate)
        while self.pause(0):
            try:
                measured_ns, samples = self._blocks.get(timeout=SILENT_S)
            except queue.Empty:
                self.health.counts["lost"] += 1
                self.fail(f"sound input device {self._name()} gives no sound any more: it is tried again")
                return
            stamp_ns = clock.stamp(measured_ns, len(samples))
            self.health.counts["clock_restarts"] = clock.restarts
            self.sound(AudioChunk(stamp_ns, samples.reshape(len(samples), -1), self._rate))

    def _name(self) -> str:
        return "default" if self._device is None else str(self._device)


def main() -> int:
    """Run the node; return the exit code of the process."""
    return spin(AudioDeviceNode)


if __name__ == "__main__":
    sys.exit(main())
